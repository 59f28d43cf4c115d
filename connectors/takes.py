"""What a network takes of pictures and videos, as data: one table, from which three things follow.

A connector's ``check`` judges by it (``problems``), ``--fit`` makes copies that are within it, and API checks find the
values at and beside each limit in it. A network says it once, for each form, with ``Network.takes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from connectors.post import Form, Media, Part, Problem
from connectors.words import counted

JPEG = "image/jpeg"  #: what a copy that fits is made as
FITTED = "make it smaller, or let --fit make a copy that fits"
GIF = "image/gif"
FORMS = {Form.POST: "posts", Form.REEL: "reels", Form.STORY: "stories", Form.COMMENT: "comments"}


class Sort(StrEnum):
    """What a file is to a network."""

    PICTURE = "picture"
    MOVING = "moving picture"  #: a GIF, or another picture that moves
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a network takes of one sort of file. A pair is (least, most); a most of 0: no limit is known.

    Attributes:
        types: By content: ``image/png``.
        size: Bytes.
        width: Pixels.
        height: Pixels.
        ratio: Width by height: ``(4 / 5, 1.91)``.
        seconds: A video's length.
        fps: A video's pictures in a second.
        codecs: All that may occur in a video, by ffprobe's names; empty: any.
        cmyk: Pictures in the colours of print are taken.
        alt: Characters of the text for people who cannot see it; 0: there is none, ``None``: no limit is known.
        note: A warning that goes with every file of this sort.
        fetched: It is fetched from a public address, so that a media host is needed.
        verbatim: Anybody can get it byte for byte, with all that a camera noted in it.
    """

    types: tuple[str, ...]
    size: int
    width: tuple[int, int] = (1, 0)
    height: tuple[int, int] = (1, 0)
    ratio: tuple[float, float] = (0, 0)
    seconds: tuple[float, float] = (0, 0)
    fps: tuple[float, float] = (0, 0)
    codecs: frozenset[str] = frozenset()
    cmyk: bool = True
    alt: int | None = None
    note: str = ""
    fetched: bool = False
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Takes:
    """What a network takes in a part of one form; a sort that is ``None`` it does not take.

    Attributes:
        picture: Pictures that stand still.
        moving: Pictures that move; without it, one that stands still although it is a GIF counts as a picture.
        video: Videos.
        least: Files that a part must have.
        most: Files that it may have.
        alone: Sorts of which one stands alone.
        tags: People who may be named in one picture.
        collaborators: Accounts that may be asked to show it too.
    """

    picture: Limits | None = None
    moving: Limits | None = None
    video: Limits | None = None
    least: int = 0
    most: int = 1
    alone: frozenset[Sort] = frozenset({Sort.VIDEO})
    tags: int = 0
    collaborators: int = 0

    def limits(self, media: Media) -> Limits | None:
        """Those of the sort that a file is of."""
        match sort(media):
            case Sort.VIDEO:
                return self.video
            case Sort.MOVING if self.moving is not None or media.animated:
                return self.moving
            case _:
                return self.picture

    @property
    def largest(self) -> int:
        """Bytes of the largest file that is taken."""
        return max((limits.size for limits in (self.picture, self.moving, self.video) if limits), default=0)


@dataclass(frozen=True, slots=True)
class Preview:
    """A part as the network will get and show it.

    Attributes:
        text: As it is sent.
        used: How much of the limit it takes, counted as the network counts.
        limit: The most.
        unit: What is counted: ``characters``, ``weighted``.
        card: The address of which a card is shown; empty: none is.
    """

    text: str
    used: int
    limit: int
    unit: str = "characters"
    card: str = ""


def sort(media: Media) -> Sort:
    """What a file is. A GIF counts as moving wherever a network tells the two apart."""
    if media.video:
        return Sort.VIDEO
    return Sort.MOVING if media.animated or media.type == GIF else Sort.PICTURE


def problems(part: Part, takes: Takes | None, who: str) -> list[Problem]:
    """Everything that ``who`` has against a part's form and files."""
    if takes is None:
        return [Problem("form", f"{who} has no {FORMS[part.form]}; publish it there as a post")]
    found = _of_all(part, takes, who)
    for media in part.media:
        if (limits := takes.limits(media)) is None:
            what = f"{named(media.own)} is a {sort(media)}, which {who} does not take in a {part.form}"
            found.append(Problem("media", what))
        else:
            found += [*_of_file(media, limits, who), *_of_alt(media, limits, who)]
        found += _of_tags(media, takes, who)
    return found


def _of_all(part: Part, takes: Takes, who: str) -> list[Problem]:
    found: list[Problem] = []
    count, sorts = len(part.media), {sort(media) for media in part.media}
    if count < takes.least:
        wanted = " or ".join(sort for sort, limits in _sorts(takes) if limits)
        found.append(Problem("media", f"a {part.form} on {who} needs a {wanted}; add one"))
    if count > takes.most:
        noun = "videos" if sorts == {Sort.VIDEO} else "files" if Sort.VIDEO in sorts else "pictures"
        noun = noun if count > 1 else noun.removesuffix("s")
        most = f"more than {who}'s {takes.most}" if takes.most else f"but {who} takes none in a {part.form}"
        found.append(Problem("media", f"{count} {noun}, {most}"))
    if count > 1:
        found += [Problem("media", f"{who} takes a {item} only alone") for item in Sort if item in takes.alone & sorts]
    if len(part.collaborators) > takes.collaborators:
        what = f"{counted(len(part.collaborators), 'collaborator')}, more than {who}'s {takes.collaborators}"
        none = Problem("collaborators", f"{who} has no collaborators; they are left out", warning=True)
        found.append(Problem("collaborators", what) if takes.collaborators else none)
    return found


def _sorts(takes: Takes) -> Sequence[tuple[Sort, Limits | None]]:
    return ((Sort.PICTURE, takes.picture), (Sort.MOVING, takes.moving), (Sort.VIDEO, takes.video))


def curable(media: Media, takes: Takes) -> bool:
    """Whether a smaller copy could be made that keeps what the picture shows."""
    picture = takes.picture
    return not media.video and not media.animated and picture is not None and JPEG in picture.types


def unfit(media: Media, limits: Limits) -> list[str]:
    """What is wrong with a picture that a smaller copy would not have."""
    found: list[str] = []
    if media.type not in limits.types:
        moves = "moves and " if media.animated else ""
        found.append(f"{moves}is {media.type}; {{who}} takes {_listed(limits.types)}")
    if media.size > limits.size:
        found.append(f"has {media.size} bytes, more than {{who}}'s {limits.size}")
    for pixels, (_, most), side in ((media.width, limits.width, "wide"), (media.height, limits.height, "high")):
        if most and pixels > most:
            found.append(f"is {pixels} pixels {side}, more than {{who}}'s {most}")
    if media.cmyk and not limits.cmyk:
        found.append("has the colours of print (CMYK), which {who} does not take")
    return found


def telling(media: Media, limits: Limits) -> bool:
    """Whether the world learns from the file where it was taken; a copy that fits does not tell. Pure."""
    return media.located and limits.verbatim


def _beyond(media: Media, limits: Limits) -> list[str]:
    """What is wrong with a file that a smaller copy would have too."""
    found = [
        f"is {pixels} pixels {side}, less than {{who}}'s {least}"
        for pixels, (least, _), side in ((media.width, limits.width, "wide"), (media.height, limits.height, "high"))
        if 0 < pixels < least
    ]
    if media.width and media.height and not _within(media.width / media.height, limits.ratio):
        least, most = limits.ratio
        size = f"is {media.width}x{media.height}"
        found.append(f"{size}; {{who}} takes {least:.2f} to {most:.2f} times as wide as high; cut it yourself")
    if media.seconds and not _within(media.seconds, limits.seconds):
        found.append(f"lasts {media.seconds:g} seconds; {{who}} takes {_span(limits.seconds)}")
    if media.fps and not _within(media.fps, limits.fps):
        found.append(f"has {media.fps:g} pictures a second; {{who}} takes {_span(limits.fps)}")
    if limits.codecs and (other := sorted(set(media.codecs) - limits.codecs)):
        found.append(f"is coded as {' and '.join(other)}; {{who}} takes {', '.join(sorted(limits.codecs))}")
    return found


def _of_file(media: Media, limits: Limits, who: str) -> list[Problem]:
    cure = f"; {FITTED}" if not media.video and not media.animated and JPEG in limits.types else ""
    said = [f"{item}{cure}" for item in unfit(media, limits)] + _beyond(media, limits)
    found = [Problem("media", f"{named(media.own)} {item.format(who=who)}") for item in said]
    if limits.note:
        found.append(Problem("media", f"{named(media.own)}: {limits.note}", warning=True))
    if telling(media, limits):
        cure = "let --fit make a copy without" if cure else "save it without"
        what = f"{named(media.own)} says where it was taken, and {who} gives the file to anybody as it is; {cure}"
        found.append(Problem("media", what, warning=True))
    if media.cmyk and limits.cmyk:
        what = f"{named(media.own)} has the colours of print (CMYK), which may look wrong; save it as RGB"
        found.append(Problem("media", what, warning=True))
    return found


def _of_alt(media: Media, limits: Limits, who: str) -> list[Problem]:
    if not media.alt:
        unseen = f"{named(media.own)} has no text for people who can't see it"
        return [Problem("alt", unseen, warning=True)] if limits.alt != 0 else []
    if limits.alt == 0:
        what = f"{who} shows no text for people who can't see {named(media.own)}; it is left out"
        return [Problem("alt", what, warning=True)]
    if limits.alt is not None and len(media.alt) > limits.alt:
        what = f"the text for {named(media.own)} has {len(media.alt)} characters, more than {who}'s {limits.alt}"
        return [Problem("alt", what)]
    return []


def _of_tags(media: Media, takes: Takes, who: str) -> list[Problem]:
    if len(media.tags) <= takes.tags:
        return []
    if not takes.tags:
        return [Problem("tags", f"{who} names nobody in {named(media.own)}; the tags are left out", warning=True)]
    return [
        Problem(
            "tags",
            f"{counted(len(media.tags), 'person', 'people')} in {named(media.own)}, more than {who}'s {takes.tags}",
        )
    ]


def _within(value: float, limits: tuple[float, float]) -> bool:
    least, most = limits
    return value >= least and (not most or value <= most)


def _span(limits: tuple[float, float]) -> str:
    least, most = limits
    return f"{least:g} to {most:g}" if most else f"at least {least:g}"


def named(path: str | Path) -> str:
    """A file's name as it may be shown: what would move a terminal's cursor is left out."""
    return "".join(character if character.isprintable() else "?" for character in Path(path).name)


def _listed(types: Sequence[str]) -> str:
    names = [shown(item) for item in types]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def shown(kind: str) -> str:
    """A type as a person calls it: ``JPEG``."""
    known = {"webp": "WebP", "quicktime": "MOV", "x-matroska": "MKV", "webm": "WebM"}
    name = kind.partition("/")[2]
    return known.get(name, name.upper())
