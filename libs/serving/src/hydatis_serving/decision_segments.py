"""Segment files: what a decision log looks like on disk, and how it is read after a crash.

A segment is a file of length-delimited protobuf messages (a varint, then so many bytes), as every protobuf library reads
them. A process that is killed may leave a torn last message; since every start begins a new segment, nothing is ever written
after one, and a reader stops there, counts it, and has lost nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from hydatis.decision.v1 import decision_pb2

__all__ = ["delimited", "read_segment", "segment_path", "segments"]

_PATTERN = "decisions-*.pb"
#: A record that claims to be larger than this is taken for a torn or foreign one.
MAX_RECORD_BYTES = 64 * 2**20


def segment_path(folder: Path, number: int) -> Path:
    """Path of a segment; numbers only grow."""
    return folder / f"decisions-{number:012d}.pb"


def segments(folder: Path) -> list[tuple[int, Path]]:
    """The segments of a folder as (number, path), oldest first; files that are none are passed over."""
    found = []
    for path in folder.glob(_PATTERN):
        digits = path.stem.removeprefix("decisions-")
        if digits.isdigit():
            found.append((int(digits), path))
    return sorted(found)


def delimited(message: decision_pb2.DecisionRecord) -> bytes:
    """The message with its length in front."""
    data = message.SerializeToString()
    length, prefix = len(data), bytearray()
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + data


def read_segment(data: bytes) -> tuple[list[decision_pb2.DecisionRecord], bool]:
    """The messages of a segment, and whether its end is torn: cut off, or not a message."""
    messages: list[decision_pb2.DecisionRecord] = []
    try:
        for start, end in _bounds(data):
            messages.append(decision_pb2.DecisionRecord.FromString(data[start:end]))
    except (DecodeError, EOFError):
        return messages, True
    return messages, False


def _bounds(data: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    while position < len(data):
        length = shift = 0
        while True:
            if position >= len(data) or shift > 28:
                raise EOFError
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if length > MAX_RECORD_BYTES or position + length > len(data):
            raise EOFError
        yield position, position + length
        position += length
