"""The pictures and videos that a row names: looked into once, and made smaller where that was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.network import Network
from connectors.post import Form, Media, Part, Problem, Tag
from connectors.takes import Limits, curable, named, shown, telling, unfit
from connectors.words import counted
from jobs.posting.fit import fitted
from jobs.posting.media import LARGEST, MediaError, inspect, unchecked
from jobs.posting.rows import BAR, Row, divided

_ADDRESS = re.compile(r"[a-z]{2,10}://", re.IGNORECASE)
_TAG = re.compile(r"@?([^\s@]+)(?:@(\d(?:\.\d+)?),(\d(?:\.\d+)?))?")


def largest(networks: Iterable[Network]) -> int:
    """Bytes of the largest file that any of the networks takes in any form."""
    sizes = {takes.largest for network in networks for form in Form if (takes := network.takes(form))}
    return max(sizes, default=LARGEST)


@dataclass(frozen=True)
class Files:
    """Files of one campaign.

    Attributes:
        base: Where relative paths begin.
        copies: Where smaller copies are kept.
        largest: Bytes; nothing is read of a file that has more.
    """

    base: Path
    copies: Path
    largest: int = LARGEST
    _seen: dict[str, Media | MediaError] = field(default_factory=dict)
    _made: dict[tuple[str, Limits], Media | MediaError] = field(default_factory=dict)

    def of(self, row: Row, problems: list[Problem]) -> tuple[Media, ...]:
        """The files of a row with their texts and tags; what is wrong goes to ``problems``."""
        pictures, videos = divided(row.image), [row.video] if row.video else []
        names = [*pictures, *videos]
        alts = _alts(row, len(names), problems)
        tags = divided(row.tags)
        if len(tags) > len(pictures):
            problems.append(
                Problem("tags", f"{counted(len(tags), 'list')} of people for {counted(len(pictures), 'picture')}")
            )
        found: list[Media] = []
        for number, name in enumerate(names):
            column = "image" if number < len(pictures) else "video"
            media = self._looked_at(name)
            if isinstance(media, MediaError):
                problems.append(Problem(column, str(media)))
                continue
            if media.video != (column == "video"):
                is_a = "a video; name it as one" if media.video else "a picture; name it as an image"
                problems.append(Problem(column, f"{named(name)} is {is_a}"))
            people = _tags(tags[number], problems) if number < len(tags) else ()
            found.append(replace(media, alt=alts[number] if number < len(alts) else "", tags=people))
            if (warning := unchecked(media)) is not None:
                problems.append(warning)
        return tuple(found)

    def fit(self, part: Part, network: Network, account: str, notes: list[str], problems: list[Problem]) -> Part:
        """The part with smaller copies of those pictures that are too large for its network."""
        takes = network.takes(part.form)
        if takes is None or takes.picture is None:
            return part
        media: list[Media] = []
        for one in part.media:
            limits = takes.limits(one)
            good = limits is None or not (unfit(one, limits) or telling(one, limits))
            if good or not curable(one, takes):
                media.append(one)
                continue
            copy = self._copy(one, takes.picture)
            if isinstance(copy, MediaError):
                problems.append(Problem("image", f"{account}: {copy}"))
                continue
            media.append(replace(copy, alt=one.alt, tags=one.tags, source=one.own))
            notes.append(f"{named(one.path)} {_size(one)} -> {_size(copy)} for {account}")
        return replace(part, media=tuple(media))

    def _looked_at(self, name: str) -> Media | MediaError:
        if name not in self._seen:
            try:
                self._seen[name] = inspect(self.base / _path(name), largest=self.largest)
            except MediaError as error:
                self._seen[name] = error
        return self._seen[name]

    def _copy(self, media: Media, limits: Limits) -> Media | MediaError:
        key = (media.sha256, limits)
        if key not in self._made:
            try:
                self._made[key] = fitted(media, limits, self.copies)
            except MediaError as error:
                self._made[key] = error
        return self._made[key]


def _path(name: str) -> Path:
    """Where a file lies, as a person names it."""
    if _ADDRESS.match(name):
        raise MediaError(f"{name} is an address; download what is there, and name the file")
    path = Path(name)
    return Path.home() / path.relative_to("~") if path.parts[:1] == ("~",) else path


def _alts(row: Row, files: int, problems: list[Problem]) -> list[str]:
    if not files:
        if row.alt:
            problems.append(Problem("alt", "there is a text for a picture, but no picture", warning=True))
        return []
    alts = [row.alt] if files == 1 else divided(row.alt)  # a text alone may hold anything
    if len(alts) > files:
        problems.append(
            Problem(
                "alt", f"{counted(len(alts), 'text')} for {counted(files, 'file')}; write one for each, in their order"
            )
        )
    return alts


def _tags(cell: str, problems: list[Problem]) -> tuple[Tag, ...]:
    found: list[Tag] = []
    for word in cell.split():
        match = _TAG.fullmatch(word)
        x, y = (float(match[2] or 0.5), float(match[3] or 0.5)) if match else (2.0, 2.0)
        if match is None or max(x, y) > 1:
            problems.append(Problem("tags", f"{word!r} names nobody in a picture; {TAG_FORM}"))
        else:
            found.append(Tag(match[1], x, y))
    return tuple(found)


TAG_FORM = f"write NAME@X,Y, as in anna@0.5,0.25 (0 to 1, from the left and the top), and {BAR} between pictures"


def tagged(media: Sequence[Media]) -> list[str]:
    """Tags as ``tags`` cells hold them, one for each file."""
    return [" ".join(f"{tag.name}@{tag.x:g},{tag.y:g}" for tag in one.tags) for one in media]


def _size(media: Media) -> str:
    return f"{media.width}x{media.height} {shown(media.type)}"
