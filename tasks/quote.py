"""`estimate`, as applications call it: with the settings of their process."""

from __future__ import annotations

from smsfleet.tasks.app import runtime
from smsfleet.workers.estimate import Estimate, as_configured


def estimate(
    text: str,
    *,
    encoding: str = "auto",
    transliterate: str | None = None,
    long_messages: str | None = None,
    to: str | None = None,
) -> Estimate:
    """What `text` will take and cost for one recipient: encoding and why, segments, units left, credits.

    Arguments as of send_sms; nothing is sent, and no server is asked. Raises InvalidText, TextTooLong,
    InvalidDestination or InvalidArgument.
    """
    return as_configured(
        runtime().settings,
        text,
        encoding=encoding,
        transliterate=transliterate,
        long_messages=long_messages,
        to=to,
    )
