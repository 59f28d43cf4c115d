"""What cases are made of: their pictures and videos, and the parts that are published."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from automator.check.film import film as written
from connectors.cases import WRITTEN, Case, Film, Picture
from connectors.post import Form, Media, Part
from jobs.posting.media import inspect


def parts(case: Case, folder: Path) -> tuple[Part, ...]:
    """The parts of a case; its files are made in ``folder``."""
    pictures = [_picture(folder, number, picture) for number, picture in enumerate(case.pictures)]
    media = (*pictures, *(_film(folder, number, film) for number, film in enumerate(case.films)))
    first = Part(case.texts[0], media, case.form, case.collaborators)
    posts = (first, *(Part(text, (), case.form) for text in case.texts[1:]))
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


def _film(folder: Path, number: int, film: Film) -> Media:
    kind = film.type if film.type in WRITTEN else "video/mp4"
    path = folder / f"video-{number}.mp4"
    path.write_bytes(written(kind, film.width, film.height, film.frames, film.fps, secrets.token_hex(8)))
    found = inspect(path)
    if not found.seconds:  # there is no ffprobe; what was just written is known all the same
        seconds, fps = film.frames / film.fps, float(film.fps)
        found = replace(found, width=film.width, height=film.height, seconds=seconds, fps=fps, codecs=("h264",))
    return replace(found, type=film.type, size=film.size or found.size, codecs=film.codecs or found.codecs)
