"""What cases are made of: their pictures, and the parts that are published."""

from __future__ import annotations

from pathlib import Path

from connectors.cases import Case, Picture
from connectors.post import Form, Media, Part
from jobs.posting.media import inspect


def parts(case: Case, folder: Path) -> tuple[Part, ...]:
    """The parts of a case; its pictures are made in ``folder``."""
    media = tuple(_picture(folder, number, picture) for number, picture in enumerate(case.pictures))
    posts = tuple(Part(text, media if number == 0 else (), case.form) for number, text in enumerate(case.texts))
    return (*posts, Part(case.comment, (), Form.COMMENT)) if case.comment else posts


def _picture(folder: Path, number: int, picture: Picture) -> Media:
    from PIL import Image  # noqa: PLC0415 - slow to load

    path = folder / f"picture-{number}.{picture.type}"
    # no two alike: a provider may refuse a picture that it has already
    colour = (40 * number % 256, 90, 160)
    Image.new("RGB", (picture.width, picture.height), colour).save(path)
    missing = picture.size - path.stat().st_size
    with path.open("ab") as file:
        file.write(bytes(max(0, missing)))  # what follows a picture's end is part of the file, and not shown
    return inspect(path, picture.alt)
