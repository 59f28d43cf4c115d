"""What must hold of Facebook."""

from __future__ import annotations

from dataclasses import replace

from connectors.cases import (
    LOST,
    Case,
    Expect,
    Film,
    Kind,
    Picture,
    Trouble,
    comments,
    deaths,
    films,
    lengths,
    pictures,
    scripts,
)
from connectors.facebook import limits
from connectors.post import Form

_STAGE, _PUBLISH = 0, 1  #: the calls of a post that change something, in order
_FAULTS = ("drop-before", *LOST, "throttle", "slow")


def _failing(call: int, what: str) -> list[Case]:
    """Whatever goes wrong with one call of a staged post, it is out once."""
    base = Case("", Kind.FAILURE, Expect.PUBLISHED)
    return [replace(base, name=f"{what}: {fault}", trouble=(Trouble("", fault, skip=call),)) for fault in _FAULTS]


CASES: tuple[Case, ...] = (
    *lengths(limits.TEXT),
    Case("an address", Kind.ANSWER, Expect.PUBLISHED, ("See https://example.com/a_(b).",)),
    *comments(limits.COMMENT),
    *scripts(),
    *pictures(limits.TAKES[Form.POST]),
    *films(limits.TAKES[Form.POST]),
    *films(limits.TAKES[Form.REEL], Form.REEL),
    *films(limits.TAKES[Form.STORY], Form.STORY, ""),
    Case("a picture that Facebook does not take", Kind.ANSWER, Expect.REFUSED, pictures=(Picture("webp"),)),
    Case("a picture alone", Kind.STRUCTURE, Expect.PUBLISHED, ("",), (Picture(),)),
    Case("a post", Kind.STRUCTURE, Expect.PUBLISHED, live=True),
    Case("a comment", Kind.STRUCTURE, Expect.PUBLISHED, comment="Under it."),
    Case("a thread, which becomes comments", Kind.STRUCTURE, Expect.PUBLISHED, ("First.", "Second.", "Third.")),
    Case("the comment of a story", Kind.ANSWER, Expect.REFUSED, ("",), (Picture(),), (), Form.STORY, "Under it."),
    Case("a post and its comment, edited", Kind.CHANGE, Expect.CHANGED, comment="Under it."),
    Case("a picture's text, edited", Kind.CHANGE, Expect.CHANGED, pictures=(Picture(),)),
    Case("a reel, edited", Kind.CHANGE, Expect.CHANGED, films=(Film(),), form=Form.REEL),
    Case("taken down", Kind.CHANGE, Expect.GONE, live=True),
    Case("a post with its comment, taken down", Kind.CHANGE, Expect.GONE, comment="Under it."),
    *_failing(_STAGE, "staging"),
    *_failing(_PUBLISH, "publishing"),
    *deaths(Case("", Kind.EVENT, Expect.PUBLISHED)),
)
