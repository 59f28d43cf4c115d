"""What was planned before, as a row that was edited after it was imported is compared with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from difflib import SequenceMatcher
from zoneinfo import ZoneInfo

from connectors.post import Part, Problem
from jobs.posting.crowd import GONE
from jobs.posting.planned import Earlier, Planned
from jobs.posting.when import When

END = 16  #: characters by which two posts are taken for one that was edited
LIKE = 0.6  #: share of their characters by which two are
COMPARED = 1_000  #: characters of each


class Before:
    """What was planned before, as a row that was edited after it was imported is compared with it."""

    def __init__(self, earlier: Sequence[Earlier], own: Collection[str], now: datetime) -> None:
        self._same = {item.identity: item for item in earlier}
        self._then: dict[tuple[str, datetime], list[Earlier]] = {}
        self._like: dict[tuple[str, str], Earlier] = {}
        for item in earlier:
            if item.identity not in own and item.state not in GONE:
                self._then.setdefault((item.account, item.at), []).append(item)
            if item.at > now and item.identity not in own:
                self._like.update(dict.fromkeys(_ends(item.account, item.parts), item))

    def similar(self, when: When | None, planned: Planned, *, own: bool) -> list[Problem]:
        """What was planned stays, and a person is told how to change it.

        Args:
            when: The row's time, if it has a good one.
            planned: What the row would have go out.
            own: The row has an id of its own, so it is another post by the person's word.
        """
        at = when.at if when else None
        hint = "change that one with `automator posts edit {id}`, if this row was edited"
        item = self._same.get(planned.identity)
        if item is not None and planned.zone:
            then = f"{item.at.astimezone(ZoneInfo(planned.zone)):%Y-%m-%d %H:%M} {planned.zone}"
            told = f"{planned.account} has this row already, for {then}, the time zone of then, which stays; "
            how = f"move that one with `automator posts edit {item.id[:8]} --at`"
            return [Problem("id", f"{told}{how}, or name a zone in this row, if it is another post", warning=True)]
        moved = item is not None and item.at != at and not (when and when.counted)
        if item is not None and (moved or not alike(item.parts, planned.parts)):
            told = f"{planned.account} has this row already, with another text or time, which stays; "
            return [Problem("id", told + hint.format(id=item.id[:8]), warning=True)]
        if at and item is None and not own and (others := list(self._others(planned, at))):
            told = f"{planned.account} has another post at this time, whose row this file does not have; "
            if (before := next((one for one in others if _edited(one.parts, planned.parts)), None)) is not None:
                # whoever corrects a row and imports it again would have both go out
                how = f"{hint} or cancel it; if this is another post, give it an id of its own"
                return [Problem("at", told + how.format(id=before.id[:8]))]
            return [Problem("at", told + hint.format(id=others[0].id[:8]), warning=True)]
        if item is None and when and when.counted:
            # the time is another one each time that the file is read, so only the words are left to know it by
            likes = (self._like.get(end) for end in _ends(planned.account, planned.parts))
            if (like := next(filter(None, likes), None)) is not None and not alike(like.parts, planned.parts):
                told = f"{planned.account} has a post planned that begins or ends like this one; "
                return [Problem("text", told + hint.format(id=like.id[:8]), warning=True)]
        return []

    def _others(self, planned: Planned, at: datetime) -> Iterator[Earlier]:
        for item in self._then.get((planned.account, at), ()):
            # a story may go out beside a post
            if item.parts[0].form is planned.parts[0].form and not alike(item.parts, planned.parts):
                yield item


def alike(one: Sequence[Part], other: Sequence[Part]) -> bool:
    """Whether they say and show the same, wherever the files lie."""
    return one == other or _unplaced(one) == _unplaced(other)


def _edited(one: Sequence[Part], other: Sequence[Part]) -> bool:
    """Whether one looks like the other with a word or a file changed; another post at the same time does not."""
    before, after = (" ".join(part.text for part in parts)[:COMPARED] for parts in (one, other))
    if not before or not after:
        files = [{media.sha256 for part in parts for media in part.media} for parts in (one, other)]
        return not files[0].isdisjoint(files[1])
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return matcher.quick_ratio() >= LIKE and matcher.ratio() >= LIKE


def _unplaced(parts: Sequence[Part]) -> list[Part]:
    return [
        replace(part, media=tuple(replace(media, path="", source="", located=False) for media in part.media))
        for part in parts
    ]


def _ends(account: str, parts: Sequence[Part]) -> list[tuple[str, str]]:
    """How a post begins and ends; whoever edits one leaves one of both most often; what is short says too little."""
    text = parts[0].text
    return [(account, f"{text[:END]}…"), (account, f"…{text[-END:]}")] if len(text) >= END else []
