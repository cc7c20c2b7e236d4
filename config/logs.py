"""Structured logs on standard error, with phone numbers, texts and secrets masked.

`configure` is called once by each process' command. Everything else asks `logger(name)` and passes values
as keyword arguments: `log.info("job refused", job_id=job_id, to=to)`. Masking is by key for texts and
secrets, and by form for numbers (`masking`), so that a number inside an exception's message is masked too.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, TextIO, cast

from smsfleet.config.masking import mask_number, mask_string

if TYPE_CHECKING:
    # structlog costs 0.1 s at import: it is loaded with the first log line, not with `import smsfleet.tasks`.
    import structlog

SECRET_KEYS = frozenset({"password", "secret", "token", "authorization", "redis_url", "broker_url"})
TEXT_KEYS = frozenset({"text", "short_message", "body", "message_payload", "content"})
NUMBER_KEYS = frozenset(
    {"to", "destination", "destination_addr", "source", "source_addr", "sender", "number"}
)

_UNTOUCHED = ("timestamp", "_record", "_from_structlog")
"""Ours and structlog's own, which never reach a line as they are."""


def mask_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that masks one log event, by key and by form."""
    for key, value in event.items():
        if _is_secret(key):
            event[key] = "***"
        elif key in TEXT_KEYS:
            event[key] = f"<{len(value)} hidden>" if isinstance(value, str | bytes) else "<hidden>"
        elif key in NUMBER_KEYS and isinstance(value, str | bytes | int):
            event[key] = _masked_number(value)
        elif key not in _UNTOUCHED:
            event[key] = _masked(value)
    return event


def _is_secret(key: Any) -> bool:
    lower = str(key).lower()
    return lower in SECRET_KEYS or lower.endswith("password")


def _masked_number(value: str | bytes | int) -> Any:
    if isinstance(value, int) and value < 1_000_000:  # the number of a segment, not of a phone
        return value
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return mask_number(text.lstrip("+"))


def _masked(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return mask_string(value)
    if isinstance(value, BaseException):
        return mask_string(f"{value.__class__.__name__}: {value}")
    if isinstance(value, dict):
        masked = mask_event(None, "", dict(value))
        return {mask_string(key) if isinstance(key, str) else key: item for key, item in masked.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item) for item in value]
    return mask_string(repr(value))  # what the renderer would make of it


def configure(level: str = "INFO", form: str = "json", stream: TextIO | None = None) -> None:
    """Send all logs, those of libraries too, to `stream` (default: stderr) as JSON lines or for people."""
    import structlog  # noqa: PLC0415

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


class _Logger:
    """Decides at each line where it goes: a kept one would go where an earlier configuration sent it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return getattr(self._now(), method)

    def _now(self) -> Any:
        import structlog  # noqa: PLC0415

        if structlog.is_configured():
            return structlog.stdlib.get_logger(self._name)
        return structlog.wrap_logger(
            logging.getLogger(self._name),
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.format_exc_info,
                mask_event,
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
        )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A structured logger; nothing is bound or configured at import.

    Where nobody has called `configure`, in an application or a command that only asks, lines go to Python's
    `logging` with their masks: structlog's default is standard output, among what a script reads.
    """
    bound: Any = _Logger(name)
    return cast("structlog.stdlib.BoundLogger", bound)
