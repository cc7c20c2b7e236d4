"""Small files that settings name: read once, as UTF-8, and never more of them than they may hold."""

from __future__ import annotations

from pathlib import Path

from smsfleet.config.errors import ConfigError

SECRET_OCTETS = 4096
"""Most octets of a file whose first line is a secret or a URL."""

LOGINS_OCTETS = 1024 * 1024
"""Most octets of a file of those who may log in: some thousand lines."""

LIST_OCTETS = 16 * 1024 * 1024
"""Most octets of a file of settings or of a list: a million prefixes of 15 digits."""


def read_bounded(path: str | Path, most_octets: int) -> str:
    """The text of a file; raises OSError, or ValueError when it is too long or no UTF-8.

    A device that never ends, named by mistake, would fill the memory.
    """
    with Path(path).open("rb") as file:
        octets = file.read(most_octets + 1)
    if len(octets) > most_octets:
        raise TooLong(f"more than {most_octets} octets")
    return octets.decode("utf-8")


def make_folder(path: Path, *, mode: int = 0o777, is_new: bool = False) -> Path:
    """Make a folder, and those above it. Raises ConfigError; for one that is there too, when `is_new`."""
    try:
        path.mkdir(mode, parents=True, exist_ok=not is_new)
    except OSError as error:
        raise ConfigError(f"the folder {str(path)!r} cannot be made: {error.strerror or error}") from None
    return path


class TooLong(ValueError):
    """A file holds more than what it is for can need."""
