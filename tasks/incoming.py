"""Messages from handsets, for the tasks of an application that they are handed over to."""

from __future__ import annotations

import re
from typing import Any

from smsfleet.config.errors import InvalidArgument, UnknownMessage
from smsfleet.store.mo import MoRecord
from smsfleet.tasks.app import runtime

_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


def read_mo(mo_id: str) -> dict[str, Any]:
    """The message of this id, which a task that `SMSFLEET_MO_ROUTES` names is called with.

    The values are those of the stream `mo` (docs/semantics.md) with the `id`. Raises InvalidArgument for what
    is no id, UnknownMessage when it is not kept any more, StoreUnavailable when Redis does not answer.
    """
    if not isinstance(mo_id, str) or not _ID.fullmatch(mo_id):
        raise InvalidArgument(f"mo_id {mo_id!r} is refused: it must be an id of the stream `mo`")
    now = runtime()
    record = now.store.run(now.mo.read(mo_id))
    if record is None:
        raise UnknownMessage(f"no message {mo_id!r}: the stream keeps the newest only")
    return of_record(record)


def of_record(record: MoRecord) -> dict[str, Any]:
    """The public form of a kept message."""
    return {"id": record.mo_id, **record.values}
