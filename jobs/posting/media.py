"""Pictures, checked by their content before they are planned."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

from connectors.network import Media

LARGEST = 300_000_000  #: bytes; more than any network takes, so nothing of it is read
ROTATED = frozenset({5, 6, 7, 8})  #: EXIF orientations that swap width and height
ORIENTATION = 0x0112


class MediaError(ValueError):
    """A file that can't be published as a picture; one sentence for a person."""


def inspect(path: Path, alt: str = "") -> Media:
    """Read a picture's type, size and digest.

    Raises:
        MediaError: it is missing, no picture, damaged, or far too large.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - slow to load

    try:
        size = _size(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.verify()
            with Image.open(path) as image:
                image.load()  # verify() does not notice a picture that was cut off
                width, height = image.size
                turned = image.getexif().get(ORIENTATION) in ROTATED
                kind = Image.MIME.get(image.format or "", "application/octet-stream")
        digest = _digest(path)
    except MediaError:
        raise
    except UnidentifiedImageError:
        raise MediaError(f"{path.name} is no picture") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise MediaError(f"{path.name} has too many pixels to be opened safely") from None
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise MediaError(f"{path} can't be read: {reason}") from None
    except (SyntaxError, ValueError):
        raise MediaError(f"{path.name} is damaged") from None
    width, height = (height, width) if turned else (width, height)
    return Media(str(path.resolve()), kind, size, digest, width, height, alt)


def _size(path: Path) -> int:
    size = path.stat().st_size
    if size > LARGEST:
        raise MediaError(f"{path.name} has {size} bytes, more than any network takes")
    return size


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
