"""Pictures and videos, checked by their content before they are planned."""

from __future__ import annotations

import hashlib
import stat
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.post import Media, Problem
from connectors.takes import named
from jobs.posting.video import HEAD, HEIF, VideoError, container, looked_at

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

LARGEST = 600_000_000  #: bytes; where it is not known what the networks take
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")  #: others may start programs, as EPS does
ROTATED = frozenset({5, 6, 7, 8})  #: EXIF orientations that swap width and height
ORIENTATION, PLACE = 0x0112, 0x8825  #: tags of EXIF; under the latter are latitude and longitude
LATITUDE_LONGITUDE = (2, 4)  #: tags of that part
PLACES = (b"GPSLatitude", b"GPSLongitude")  #: the same in XMP


class MediaError(ValueError):
    """A file that can't be published; one sentence for a person."""


def inspect(path: Path, alt: str = "", largest: int = LARGEST) -> Media:
    """Read a file's type, size and digest; nothing is read of one that has more than ``largest`` bytes.

    Raises:
        MediaError: it is missing, neither picture nor video, damaged, or far too large.
    """
    name = named(path)
    try:
        size = _size(path, largest)
        with path.open("rb") as file:
            head = file.read(HEAD)
        whole = path.resolve()
        found = _video(whole, size, kind, alt) if (kind := container(head)) else _picture(whole, size, alt)
    except OSError as error:
        raise MediaError(f"{path} can't be read: {error.strerror or 'it is damaged'}") from None
    except VideoError as error:
        raise MediaError(f"{name} {error}") from None
    return found


def unchecked(media: Media) -> Problem | None:
    """A warning, where a video could not be looked into."""
    if not media.video or media.seconds:
        return None
    what = "its length and picture could not be checked; install ffmpeg, whose ffprobe tells them"
    return Problem("video", f"{named(media.path)}: {what}", warning=True)


def _size(path: Path, largest: int) -> int:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise MediaError(f"{path} is no file")
    if found.st_size > largest:
        raise MediaError(f"{named(path)} has {found.st_size} bytes, more than any network takes")
    return found.st_size


def _video(path: Path, size: int, kind: str, alt: str) -> Media:
    seen = looked_at(path, kind, size)
    return Media(
        str(path),
        kind,
        size,
        _digest(path),
        seen.width,
        seen.height,
        alt,
        seconds=seen.seconds,
        fps=seen.fps,
        codecs=seen.codecs,
    )


def _picture(path: Path, size: int, alt: str) -> Media:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - slow to load

    name = named(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
            with Image.open(path, formats=FORMATS) as image:
                image.verify()
            with Image.open(path, formats=FORMATS) as image:
                image.load()  # verify() does not notice a picture that was cut off
                width, height = image.size
                exif = image.getexif()
                turned, located = exif.get(ORIENTATION) in ROTATED, _located(image, exif)
                several = image.format == "MPO"  # a telephone's JPEG with a second picture, which no network shows
                kind = "image/jpeg" if several else Image.MIME.get(image.format or "", "application/octet-stream")
                moves = bool(getattr(image, "is_animated", False)) and image.format not in {"MPO", "TIFF"}
                cmyk = image.mode == "CMYK"
    except UnidentifiedImageError:
        raise MediaError(f"{name} {_what(path)}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise MediaError(f"{name} has too many pixels to be opened safely") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise MediaError(f"{name} is damaged or cut off") from None
    except (SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, struct.error, zlib.error):
        raise MediaError(f"{name} is damaged") from None
    width, height = (height, width) if turned else (width, height)
    return Media(str(path), kind, size, _digest(path), width, height, alt, animated=moves, cmyk=cmyk, located=located)


def _located(image: Image, exif: Exif) -> bool:
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    written = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    return any(tag in exif.get_ifd(PLACE) for tag in LATITUDE_LONGITUDE) or any(name in written for name in PLACES)


def _what(path: Path) -> str:
    """What a file that can't be used is, as far as its beginning tells."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return "is empty"
    if head[4:8] == b"ftyp" and head[8:12] in HEIF:
        return "is a HEIC picture, as telephones make them, and no network takes it; save it as JPEG"
    return "is no picture and no video"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
