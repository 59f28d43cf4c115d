"""What must hold of X."""

from __future__ import annotations

from connectors.cases import (
    Case,
    Expect,
    Kind,
    Picture,
    comments,
    deaths,
    failures,
    films,
    lengths,
    pictures,
    scripts,
    threads,
)
from connectors.x.limits import TAKES
from connectors.x.text import LIMIT

_UNSENT = ("after-record", "before-first-byte")  #: recorded as sent, and never was: a list can't prove that

CASES: tuple[Case, ...] = (
    *lengths(LIMIT),
    Case("a letter that counts two, too often", Kind.ANSWER, Expect.REFUSED, ("世" * (LIMIT // 2 + 1),)),
    Case("a letter that counts two, as often as may be", Kind.ANSWER, Expect.PUBLISHED, ("世" * (LIMIT // 2),)),
    Case("an address counts 23, however long", Kind.ANSWER, Expect.PUBLISHED, (f"https://example.com/{'a' * 400}",)),
    Case("two cashtags", Kind.ANSWER, Expect.REFUSED, ("$ABC and $DEF",)),
    *comments(LIMIT),
    *scripts(),
    *pictures(TAKES),
    *films(TAKES),
    Case("a picture that X does not take", Kind.ANSWER, Expect.REFUSED, pictures=(Picture("bmp"),)),
    *threads(),
    *failures("/2/tweets", unsent=Expect.UNCONFIRMED, lost=Expect.PUBLISHED),
    *deaths(Case("", Kind.EVENT, Expect.PUBLISHED), _UNSENT, in_doubt=Expect.UNCONFIRMED),
)
