"""How entries and bodies are kept on the disk: zstd frames, made with dictionaries that this package brings along.

A packed value begins with the number of its dictionary; 0 is a frame without one. Dictionaries are never changed or
removed: ``automator.ledger.train`` writes new ones under new numbers.
"""

from __future__ import annotations

import threading
from enum import IntEnum
from functools import cache
from pathlib import Path

import zstandard

FOLDER = Path(__file__).parent / "dictionaries"
PLAIN = 0  #: a whole frame, as any zstd tool reads it


class Kind(IntEnum):
    """What is packed; the number is that of the newest dictionary for it."""

    CALL = 1
    ANSWER = 2
    BODY = 3


#: bodies are the larger part, and repay the time, up to here; entries are made twice for each call
LEVEL = {Kind.CALL: 3, Kind.ANSWER: 3, Kind.BODY: 6}


class Unpackable(ValueError):
    """Something stored can't be read: it was altered, or a newer version of Automator wrote it."""


def pack(content: bytes, kind: Kind) -> bytes:
    """``content`` for the disk."""
    return bytes((kind,)) + _compressor(kind, threading.get_ident()).compress(content)


def unpack(stored: bytes) -> bytes:
    """What ``pack`` was given.

    Raises:
        Unpackable: it is no packed value, or of a dictionary that this version does not have.
    """
    try:
        return _decompressor(stored[0], threading.get_ident()).decompress(stored[1:])
    except (IndexError, zstandard.ZstdError) as error:
        raise Unpackable(f"it is no packed value ({error})") from None
    except MemoryError:  # a frame that was altered may claim any size
        raise Unpackable("it claims to be larger than this machine's memory") from None


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    try:
        return zstandard.ZstdCompressionDict((FOLDER / str(number)).read_bytes())
    except OSError:
        raise Unpackable(f"it needs dictionary {number}, which this version of Automator does not have") from None


@cache
def _compressor(number: Kind, _: int) -> zstandard.ZstdCompressor:  # not to be shared by threads
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL[number], format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_dict_id=False, write_content_size=True
    )
    return zstandard.ZstdCompressor(dict_data=_dictionary(number), compression_params=parameters)


@cache
def _decompressor(number: int, _: int) -> zstandard.ZstdDecompressor:
    if number == PLAIN:
        return zstandard.ZstdDecompressor()
    return zstandard.ZstdDecompressor(dict_data=_dictionary(number), format=zstandard.FORMAT_ZSTD1_MAGICLESS)
