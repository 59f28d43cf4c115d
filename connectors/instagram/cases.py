"""What must hold of Instagram."""

from __future__ import annotations

from connectors.cases import (
    Case,
    Expect,
    Kind,
    Picture,
    Trouble,
    alts,
    around,
    comments,
    counts,
    deaths,
    failures,
    films,
    lengths,
    scripts,
    sizes,
)
from connectors.instagram.limits import COLLABORATORS, ITEMS, MEGABYTE, TAKES
from connectors.instagram.text import CHARACTERS, HASHTAGS, MENTIONS
from connectors.post import Form
from connectors.words import counted

_ONE = Picture()
_POST = Case("a post", Kind.STRUCTURE, Expect.PUBLISHED, pictures=(_ONE,))


def _shapes(shapes: tuple[tuple[int, int], ...], expect: Expect) -> list[Case]:
    made = [(width, height, Picture(width=width, height=height)) for width, height in shapes]
    return [Case(f"a picture of {x}x{y}", Kind.ANSWER, expect, pictures=(one,)) for x, y, one in made]


CASES: tuple[Case, ...] = (
    *lengths(CHARACTERS, empty=Expect.PUBLISHED, picture=_ONE),
    Case("no picture", Kind.ANSWER, Expect.REFUSED),
    *scripts(_ONE),
    *(
        Case(f"{count} {noun}", Kind.ANSWER, end, (" ".join(f"{mark}a{number}" for number in range(count)),), (_ONE,))
        for noun, mark, most in (("hashtags", "#", HASHTAGS), ("mentions", "@", MENTIONS))
        for count, end in around(most)
    ),
    *comments(CHARACTERS, _ONE),
    *(
        Case(counted(count, "collaborator"), Kind.ANSWER, end, pictures=(_ONE,), collaborators=tuple("abcd"[:count]))
        for count, end in ((1, Expect.PUBLISHED), *around(COLLABORATORS))
    ),
    *counts(ITEMS, _ONE),
    *sizes(8 * MEGABYTE, _ONE),
    *alts(TAKES[Form.POST], _ONE),
    *_shapes(((1440, 1440), (320, 320), (800, 1000), (1146, 600)), Expect.PUBLISHED),
    *_shapes(((1441, 1441), (319, 319), (799, 1000), (1147, 600), (1, 1), (20_000, 800)), Expect.REFUSED),
    Case("a picture that Instagram does not take", Kind.ANSWER, Expect.REFUSED, pictures=(Picture("png"),)),
    *films(TAKES[Form.POST]),
    *films(TAKES[Form.REEL], Form.REEL),
    *films(TAKES[Form.STORY], Form.STORY, ""),
    Case("a story", Kind.STRUCTURE, Expect.PUBLISHED, ("",), (_ONE,), form=Form.STORY),
    Case("a picture as a reel", Kind.ANSWER, Expect.REFUSED, pictures=(_ONE,), form=Form.REEL),
    Case("a thread", Kind.ANSWER, Expect.REFUSED, ("First.", "Second."), (_ONE,)),
    Case("a post", Kind.STRUCTURE, Expect.PUBLISHED, pictures=(_ONE,), live=True),
    Case("a comment", Kind.STRUCTURE, Expect.PUBLISHED, pictures=(_ONE,), comment="Under it."),
    Case("taken down", Kind.CHANGE, Expect.GONE, pictures=(_ONE,), live=True),
    *failures("/media_publish", unsent=Expect.PUBLISHED, lost=Expect.PUBLISHED, base=_POST),
    *(
        Case(
            f"a container: {fault}",
            Kind.FAILURE,
            Expect.PUBLISHED,
            pictures=(_ONE,),
            trouble=(Trouble("/media", fault),),
        )
        for fault in ("drop-before", "drop-after", "error-after", "html-after", "garbage-after", "throttle", "slow")
    ),
    *deaths(Case("", Kind.EVENT, Expect.PUBLISHED, pictures=(_ONE,))),
)
