"""Copies of pictures that are within a network's limits: made only when a person asks, and shown to them."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.post import Media
from connectors.takes import JPEG, Limits, named
from jobs.posting.media import MediaError

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITIES = (90, 82, 74, 66)  #: of JPEG, tried one after the other before the picture itself gets smaller
SHRINK = 0.8  #: of width and height, when the least quality is still too large
SMALLEST = 64  #: pixels of the longer side; less is no picture any more


def size_within(width: int, height: int, limits: Limits) -> tuple[int, int]:
    """The largest size of the same shape that is not too large. Pure."""
    pairs = ((width, limits.width[1]), (height, limits.height[1]))
    scale = min([1.0, *(most / pixels for pixels, most in pairs if most)])
    return max(1, round(width * scale)), max(1, round(height * scale))


def fitted(media: Media, limits: Limits, folder: Path) -> Media:
    """A copy of a picture within ``limits``, as a JPEG file in sRGB, turned upright, without the camera's notes.

    It lies in ``folder`` under its own digest, so that the same copy is kept once.

    Raises:
        MediaError: there is none, or it can't be read or kept.
    """
    try:
        picture = _upright(Path(media.path), size_within(media.width, media.height, limits))
        content, width, height = next(_tries(picture, limits), (b"", 0, 0))
        if not content:
            raise MediaError(f"{named(media.path)} can't be made small enough; choose another picture")
        digest = hashlib.sha256(content).hexdigest()
        path = _kept(folder, digest, content)
    except OSError as error:
        raise MediaError(f"no copy of {named(media.path)} could be made: {error.strerror or 'it is damaged'}") from None
    made = replace(media, path=str(path), source=media.own, type=JPEG, size=len(content), sha256=digest, cmyk=False)
    return replace(made, width=width, height=height, located=False)


def _tries(picture: Image, limits: Limits) -> Iterator[tuple[bytes, int, int]]:
    """Copies that are within the limits, the best first."""
    while max(picture.size) >= SMALLEST and picture.width >= limits.width[0] and picture.height >= limits.height[0]:
        for quality in QUALITIES:
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= limits.size:
                yield out.getvalue(), *picture.size
        width, height = (max(1, round(side * SHRINK)) for side in picture.size)
        picture = picture.resize((width, height))


def _upright(path: Path, size: tuple[int, int]) -> Image:
    from PIL import Image, ImageOps  # noqa: PLC0415 - slow to load

    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        coloured = _srgb(picture, opened.info.get("icc_profile"))
    return coloured if coloured.size == size else coloured.resize(size, Image.Resampling.LANCZOS)


def _srgb(picture: Image, profile: bytes | None) -> Image:
    from PIL import Image, ImageCms  # noqa: PLC0415 - slow to load

    if picture.mode.startswith("I"):
        return picture.point(lambda value: value / 256).convert("L").convert("RGB")  # of 16 bits, the upper 8
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    if picture.mode != "CMYK":
        picture = picture.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            moved = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            moved = None  # a profile that is damaged, or of other colours than the picture has
        if moved is not None:
            return moved
    return picture.convert("RGB")


def _kept(folder: Path, digest: str, content: bytes) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{digest}.jpg"
    try:
        os.utime(path)  # it is needed again, and not old any more
    except FileNotFoundError:
        handle, made = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(made).replace(path)
    return path.resolve()
