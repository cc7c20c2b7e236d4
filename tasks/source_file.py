"""A file of recipients as octets: judged as a whole once, before anything is made of it.

One pass finds out what a caller must know before the first row: the encoding, whether every octet keeps to
it, and a digest of all. So a file is refused before anything of it is sent, never in the middle. What cannot
be read twice, such as a pipe, goes into a temporary file during that pass.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from smsfleet.config.errors import InvalidFile

CHUNK_OCTETS = 1 << 18

_MARKS = (
    (codecs.BOM_UTF32_LE, ""),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_FOREIGN = {
    b"PK\x03\x04": "a workbook or an archive: save it as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "a workbook: save it as CSV",
    b"\x1f\x8b": "compressed: unpack it first, with gzip -d or zcat",
    b"%PDF": "a PDF: rows are wanted, as CSV or JSON lines",
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file whose every octet was looked at once."""

    name: str
    encoding: str
    """a codec of Python"""
    octets: int
    digest: str
    """SHA-256 of all octets, in hexadecimal digits"""
    binary: BinaryIO
    begin: int
    """where the text begins: behind the mark"""
    close: Callable[[], None]
    """closes what was opened here"""

    def text(self) -> TextIO:
        """The text from its beginning; every end of line is a line feed. One at a time is read."""
        self.binary.seek(self.begin)
        octets = io.BufferedReader(_Kept(self.binary), CHUNK_OCTETS)
        return io.TextIOWrapper(octets, encoding=self.encoding, newline=None)


def open_source(source: str | os.PathLike[str] | BinaryIO, encoding: str = "auto") -> SourceFile:
    """Read all of `source` once. `encoding`: `auto` (UTF-8, or what a mark at the beginning says) or a name.

    Raises InvalidFile: it cannot be read, it is empty, no text, or not of the encoding; then with the line.
    """
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
    else:
        name = str(getattr(source, "name", "the file"))
    try:
        with ExitStack() as unless_kept:
            if isinstance(source, str | os.PathLike):
                opened: BinaryIO = unless_kept.enter_context(open(name, "rb"))  # noqa: PTH123
            else:
                opened = source
            spool = None
            if opened.seekable():
                opened.seek(0)
            else:
                spool = unless_kept.enter_context(tempfile.TemporaryFile(prefix="smsfleet-"))
            first = _chunk(opened)
            codec, begin = _encoding(name, first, encoding)
            octets, digest = _walk(name, opened, first, codec, begin, spool)
            kept = unless_kept.pop_all().close
    except OSError as error:
        raise InvalidFile(f"{name} cannot be read: {error.strerror or error}") from None
    return SourceFile(name, codec, octets, digest, spool or opened, begin, kept)


def _walk(  # noqa: PLR0913, PLR0917 - one pass for all that is asked
    name: str, opened: BinaryIO, first: bytes, encoding: str, begin: int, spool: BinaryIO | None
) -> tuple[int, str]:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    digest, octets, lines, chunk = hashlib.sha256(), 0, 1, first
    try:
        while chunk:
            digest.update(chunk)
            if spool is not None:
                spool.write(chunk)
            lines += decoder.decode(chunk if octets else chunk[begin:]).count("\n")
            octets += len(chunk)
            chunk = _chunk(opened)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise InvalidFile(_not_decoded(name, encoding, lines, error)) from None
    return octets, digest.hexdigest()


def _chunk(opened: BinaryIO) -> bytes:
    """A chunk, whole unless it is the last: a pipe gives what there is."""
    parts, missing = [], CHUNK_OCTETS
    while missing and (part := opened.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _encoding(name: str, first: bytes, asked: str) -> tuple[str, int]:
    """The codec of a text that begins so, and the length of its mark."""
    if not first:
        raise InvalidFile(f"{name} is empty")
    for magic, what in _FOREIGN.items():
        if first.startswith(magic):
            raise InvalidFile(f"{name} is {what}")
    mark, marked = next(((mark, codec) for mark, codec in _MARKS if first.startswith(mark)), (b"", ""))
    if mark and not marked:
        raise InvalidFile(f"{name} is UTF-32: save it as UTF-8")
    codec = marked or "utf-8"
    if asked != "auto":
        codec = _named(asked)
        if codec == "utf-16" and not marked.startswith("utf-16"):
            raise InvalidFile(f"{name} has no mark of UTF-16: say utf-16-le or utf-16-be")
        codec = marked if codec == "utf-16" else codec
    elif not marked and 0 in first[:2]:
        raise InvalidFile(
            f"{name} looks like UTF-16 without a mark: say utf-16-le or utf-16-be as its encoding"
        )
    begin = len(mark) if codec == marked else 0
    if len(first) == begin:
        raise InvalidFile(f"{name} is empty")
    return codec, begin


def _named(asked: str) -> str:
    try:
        codec = codecs.lookup(asked)
        "".encode(asked)  # refuses codecs that are no encodings of text
        codecs.getincrementaldecoder(asked)
    except (LookupError, ValueError):
        raise InvalidFile(
            f"encoding {asked!r} is not known: give auto, utf-8, utf-16, latin-1, cp1252, or another that"
            " Python knows"
        ) from None
    return "utf-8" if codec.name == "utf-8-sig" else codec.name


def _not_decoded(name: str, encoding: str, lines: int, error: UnicodeError) -> str:
    where = f"line {lines}"
    found = "it ends within a character"
    if isinstance(error, UnicodeDecodeError) and error.start < len(error.object):
        before = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder(encoding)("ignore"), translate=True
        )
        where = f"line {lines + before.decode(error.object[: error.start]).count(chr(10))}"
        if "end of data" not in error.reason and "truncated" not in error.reason:
            found = f"octet 0x{error.object[error.start]:02X}"
    hint = "say its encoding, such as cp1252 or latin-1" if encoding == "utf-8" else "say another encoding"
    return f"{name}, {where}: this is not {encoding} ({found}): {hint}"


class _Kept(io.RawIOBase):
    """The octets of a file that stays open when the text over it is closed or forgotten."""

    def __init__(self, binary: BinaryIO) -> None:
        self._binary = binary

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        part = self._binary.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
