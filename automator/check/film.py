"""A video that this machine writes by itself: MP4 (ISO/IEC 14496-12) around H.264 (ITU-T H.264), grey from end to end.

The first picture predicts every block from nothing, which is grey; each after it only says that nothing has changed. So
an hour of it takes little room, and every player shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

BLOCK = 16  #: pixels of a macroblock's side
LEVEL = 51
IDR, PREDICTED, SEQUENCE, PICTURE = 0x65, 0x61, 0x67, 0x68  #: kinds of units, each one that others refer to
NUMBERS = 16  #: pictures are counted modulo this
I_16X16_DC = 3  #: a block predicted from its neighbours' average, with nothing added
WHOLE = 0x00010000  #: 1 as a fixed-point number
MATRIX = b"".join(item.to_bytes(4) for item in (WHOLE, 0, 0, 0, WHOLE, 0, 0, 0, 0x40000000))
BRANDS = {"video/mp4": b"isom", "video/quicktime": b"qt  "}


class _Bits:
    """Bits written one after the other (H.264, 7.2 and 9.1)."""

    def __init__(self) -> None:
        self._written: list[str] = []

    def __str__(self) -> str:
        return "".join(self._written)

    def fixed(self, value: int, bits: int) -> _Bits:
        self._written.append(format(value, f"0{bits}b") if bits else "")
        return self

    def counted(self, *values: int) -> _Bits:
        """Exponential Golomb codes; a signed 0 has the code of an unsigned one."""
        for value in values:
            code = format(value + 1, "b")
            self._written.append("0" * (len(code) - 1) + code)
        return self

    def repeated(self, bits: str, times: int) -> _Bits:
        self._written.append(bits * times)
        return self

    def unit(self, kind: int) -> bytes:
        """As a unit: ended, filled up, and with no bytes in it that look like the beginning of another."""
        written = f"{self}1"
        written += "0" * (-len(written) % 8)
        return bytes([kind]) + _guarded(int(written, 2).to_bytes(len(written) // 8))


def _guarded(content: bytes) -> bytes:
    out, zeros = bytearray(), 0
    for byte in content:
        if zeros >= 2 and byte <= 3:  # noqa: PLR2004 - H.264, 7.4.1.1
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def _sequence(width: int, height: int) -> bytes:
    wide, high = math.ceil(width / BLOCK), math.ceil(height / BLOCK)
    bits = _Bits().fixed(66, 8).fixed(0b11000000, 8).fixed(LEVEL, 8)  # the baseline profile
    bits.counted(0, 0, 2, 1).fixed(0, 1).counted(wide - 1, high - 1).fixed(0b11, 2)
    over = wide * BLOCK - width, high * BLOCK - height
    bits.fixed(1, 1).counted(0, over[0] // 2, 0, over[1] // 2)
    return bits.fixed(0, 1).unit(SEQUENCE)


def _picture() -> bytes:
    bits = _Bits().counted(0, 0).fixed(0, 2).counted(0, 0, 0).fixed(0, 3).counted(0, 0, 0)
    return bits.fixed(0, 3).unit(PICTURE)


def _first(blocks: int) -> bytes:
    bits = _Bits().counted(0, 7, 0).fixed(0, 4).counted(0).fixed(0, 2).counted(0)
    block = _Bits().counted(I_16X16_DC, 0, 0).fixed(1, 1)  # and no coefficients
    return bits.repeated(str(block), blocks).unit(IDR)


def _next(blocks: int, number: int) -> bytes:
    bits = _Bits().counted(0, 5, 0).fixed(number % NUMBERS, 4).fixed(0, 3).counted(0)
    return bits.counted(blocks).unit(PREDICTED)


def _box(kind: bytes, *content: bytes) -> bytes:
    inner = b"".join(content)
    return (8 + len(inner)).to_bytes(4) + kind + inner


def _full(kind: bytes, *content: bytes, flags: int = 0) -> bytes:
    return _box(kind, flags.to_bytes(4), *content)


def _words(values: Iterable[int]) -> bytes:
    return b"".join(value.to_bytes(4) for value in values)


def film(kind: str, width: int, height: int, frames: int, fps: int, mark: str) -> bytes:  # noqa: PLR0913, PLR0917 - what a video is
    """A video of a type (``video/mp4``, ``video/quicktime``); even sizes. No two marks give the same bytes."""
    blocks = math.ceil(width / BLOCK) * math.ceil(height / BLOCK)
    following = [_next(blocks, number) for number in range(min(NUMBERS, frames))]
    units = [_first(blocks), *(following[number % NUMBERS] for number in range(1, frames))]
    samples = [_words([len(unit)]) + unit for unit in units]
    brand = BRANDS[kind]
    head = _box(b"ftyp", brand, _words([512]), brand) + _box(b"free", mark.encode())
    index = len(_index(width, height, samples, fps, 0))
    media = _box(b"mdat", *samples)
    return head + _index(width, height, samples, fps, len(head) + index + 8) + media


def _index(width: int, height: int, samples: list[bytes], fps: int, at: int) -> bytes:
    """``moov``; ``at`` is where the samples begin in the file."""
    count = len(samples)
    times = _words([0, 0, fps, count])
    header = _full(b"mvhd", times, _words([WHOLE]), b"\1\0" + bytes(10), MATRIX, bytes(24), _words([2]))
    size = _words([width << 16, height << 16])
    track = _full(b"tkhd", _words([0, 0, 1, 0, count]), bytes(16), MATRIX, size, flags=3)
    media = _full(b"mdhd", times, b"\x55\xc4\0\0")
    handler = _full(b"hdlr", bytes(4), b"vide", bytes(13))
    place = _box(b"dinf", _full(b"dref", _words([1]), _full(b"url ", flags=1)))
    table = _box(
        b"stbl",
        _full(b"stsd", _words([1]), _coded(width, height)),
        _full(b"stts", _words([1, count, 1])),
        _full(b"stss", _words([1, 1])),
        _full(b"stsc", _words([1, 1, count, 1])),
        _full(b"stsz", _words([0, count]), _words(map(len, samples))),
        _full(b"stco", _words([1, at])),
    )
    inner = _box(b"minf", _full(b"vmhd", bytes(8), flags=1), place, table)
    return _box(b"moov", header, _box(b"trak", track, _box(b"mdia", media, handler, inner)))


def _coded(width: int, height: int) -> bytes:
    sequence, picture = _sequence(width, height), _picture()
    config = _box(
        b"avcC",
        bytes([1, *sequence[1:4], 0xFF, 0xE1]),
        len(sequence).to_bytes(2),
        sequence,
        b"\1",
        len(picture).to_bytes(2),
        picture,
    )
    size = width.to_bytes(2) + height.to_bytes(2) + _words([0x00480000, 0x00480000, 0])
    return _box(b"avc1", bytes(6), b"\0\1", bytes(16), size, b"\0\1", bytes(32), b"\0\x18\xff\xff", config)
