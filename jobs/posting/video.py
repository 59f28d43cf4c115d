"""Videos: what they are by their first bytes, and by ffprobe, where it is installed, how long and how large."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

HEAD = 512  #: bytes that tell a container
BOXES = 10_000  #: of an MP4 file that are looked at
PATIENCE = 20.0  #: seconds that ffprobe may take
READ = "16M"  #: bytes that ffprobe reads of the streams, besides the file's own index
HEIF = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"})  #: brands of pictures in the same container
MOV = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})  #: how QuickTime files begin that say no brand
DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
}
ENTRIES = (
    "format=duration:stream=codec_type,codec_name,width,height,avg_frame_rate,duration"
    ":stream_side_data=rotation:stream_tags=rotate:stream_disposition=attached_pic"
)


class VideoError(ValueError):
    """A video that can't be published; what is wrong with it, to follow its name."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What ffprobe saw; zeros where there is no ffprobe."""

    width: int = 0
    height: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    codecs: tuple[str, ...] = ()


def container(head: bytes) -> str | None:
    """The type of video that a file beginning so is; ``None``: it is none that is known."""
    box = head[4:8]
    if box == b"ftyp" and head[8:12] not in HEIF:
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if box in MOV:
        return "video/quicktime"
    if head.startswith(b"\x1a\x45\xdf\xa3"):  # EBML, RFC 8794
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    if head.startswith((b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")):
        return "video/mpeg"
    if head[:1] == b"G" and head[188:189] == b"G":
        return "video/mp2t"
    return None


def looked_at(path: Path, kind: str, size: int) -> Seen:
    """Look into a video; without ffprobe only whether it is whole.

    Raises:
        VideoError: it is damaged, holds no pictures, or takes too long to look into.
    """
    if DEMUXERS[kind] == "mov":
        with path.open("rb") as file:
            _whole(file, size)
    program = shutil.which("ffprobe")
    return _read(_probed(program, path, DEMUXERS[kind])) if program else Seen()


def _whole(file: BinaryIO, size: int) -> None:
    """Go from box to box (ISO/IEC 14496-12, 4.2): the last ends with the file, and one of them is the index."""
    at, index = 0, False
    for _ in range(BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:  # noqa: PLR2004 - a size and a name
            break
        length = int.from_bytes(head[:4])
        if length == 1:
            length = int.from_bytes(head[8:16])
        elif length == 0:
            length = size - at
        index = index or head[4:8] == b"moov"
        if length < 8 or at + length > size:  # noqa: PLR2004 - as above
            raise VideoError("is damaged or cut off")
        at += length
    if not index:
        raise VideoError("is damaged or cut off: it has no index")


def _probed(program: str, path: Path, demuxer: str) -> dict[str, Any]:
    # the demuxer is named and only files may be opened, so that no content leads to other files or the network
    command = [program, "-v", "error", "-protocol_whitelist", "file", "-f", demuxer, "-probesize", READ]
    command += ["-show_entries", ENTRIES, "-of", "json", "-i", f"file:{path}"]
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the path is absolute, and named as a file
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
        found = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise VideoError(f"could not be looked into within {PATIENCE:g} seconds; is it damaged?") from None
    except (ValueError, OSError):
        raise VideoError("is damaged: ffprobe can't read it") from None
    if done.returncode or not isinstance(found, dict):
        raise VideoError("is damaged: ffprobe can't read it")
    return found


def _read(found: dict[str, Any]) -> Seen:
    streams = [item for item in found.get("streams", []) if not item.get("disposition", {}).get("attached_pic")]
    shown = next((item for item in streams if item.get("codec_type") == "video"), None)
    if shown is None:
        raise VideoError("has sound, but no pictures")
    width, height = int(shown.get("width") or 0), int(shown.get("height") or 0)
    if _rotation(shown) % 180:
        width, height = height, width
    seconds = _number(found.get("format", {}).get("duration")) or _number(shown.get("duration"))
    codecs = tuple(str(item["codec_name"]) for item in streams if item.get("codec_name") and _heard_or_seen(item))
    return Seen(width, height, round(seconds, 3), round(_number(shown.get("avg_frame_rate")), 3), codecs)


def _heard_or_seen(stream: dict[str, Any]) -> bool:
    return stream.get("codec_type") in {"video", "audio"}


def _rotation(stream: dict[str, Any]) -> int:
    said = [item.get("rotation") for item in stream.get("side_data_list", [])] + [stream.get("tags", {}).get("rotate")]
    return next((round(_number(item)) for item in said if item is not None), 0)


def _number(said: Any) -> float:
    """A number or fraction as ffprobe writes it; 0 for what is none."""
    try:
        value = float(Fraction(str(said)))
    except (ValueError, ZeroDivisionError, OverflowError):
        return 0.0
    return value if math.isfinite(value) else 0.0
