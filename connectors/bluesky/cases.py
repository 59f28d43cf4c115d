"""What must hold of Bluesky."""

from __future__ import annotations

from connectors.bluesky.limits import TAKES
from connectors.bluesky.text import GRAPHEMES
from connectors.cases import Case, Expect, Kind, Picture, deaths, failures, films, lengths, pictures, scripts, threads

_FAMILY = "\U0001f469‍\U0001f469‍\U0001f467‍\U0001f466"  # one character of 25 bytes

CASES: tuple[Case, ...] = (
    *lengths(GRAPHEMES),
    Case("more bytes than may be", Kind.ANSWER, Expect.REFUSED, (_FAMILY * 121,)),
    Case("as many bytes as may be", Kind.ANSWER, Expect.PUBLISHED, (_FAMILY * 120,)),
    Case(
        "a link, a tag and a mention of nobody",
        Kind.STRUCTURE,
        Expect.PUBLISHED,
        ("é https://example.com #tag @no.test",),
    ),
    *scripts(),
    *pictures(TAKES),
    *films(TAKES),
    Case("a picture that Bluesky does not take", Kind.ANSWER, Expect.REFUSED, pictures=(Picture("bmp"),)),
    *threads(),
    *failures("putRecord", unsent=Expect.PUBLISHED, lost=Expect.PUBLISHED),
    *deaths(Case("", Kind.EVENT, Expect.PUBLISHED)),
)
