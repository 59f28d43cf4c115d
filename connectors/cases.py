"""What a connector must do, as data: cases that are played against its twin, or with a person's own key.

Inputs follow from limits: one of each class of equivalence, and both sides of every boundary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from connectors.post import Form
from connectors.takes import Takes


class Kind(StrEnum):
    """What a case is about."""

    ANSWER = "answer"  #: an expected answer for a defined input
    FAILURE = "failure"  #: no answer, or an API that fails
    EVENT = "event"  #: a triggered event, or an interrupted process
    STRUCTURE = "structure"  #: a changed data structure, verified by reading it back
    CHANGE = "change"  #: a modified resource, validated


class Expect(StrEnum):
    """How a case must end."""

    PUBLISHED = "published"  #: the provider shows every part once, as it was written
    REFUSED = "refused"  #: a problem is told, and no call leaves
    REJECTED = "rejected"  #: the provider says no; nothing is shown
    UNCONFIRMED = "unconfirmed"  #: what happened can't be known, and a person is asked; nothing is shown twice
    GONE = "gone"  #: it was published, then taken down; the provider no longer shows it


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to make.

    Attributes:
        type: ``png``, ``jpeg``, ``gif``, ``webp``, ``bmp``.
        size: Bytes of the file, if more than the picture needs.
        alt: The text for people who can't see it.
    """

    type: str = "jpeg"
    width: int = 800
    height: int = 800
    size: int = 0
    alt: str = "A plain picture"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong at the twin; as a line of the sandbox's faults."""

    path: str
    fault: str
    method: str = "POST"
    skip: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that must hold.

    Attributes:
        name: Unique in its provider.
        texts: What is published, part by part.
        pictures: With the first part.
        form: What it is published as.
        comment: Under it.
        trouble: What the twin does wrong, in order.
        killed_at: The fail point at which the process is killed that works on it; another one takes over.
        live: Harmless with a person's own key: what it makes is taken down.
    """

    name: str
    kind: Kind
    expect: Expect
    texts: tuple[str, ...] = ("Checked.",)
    pictures: tuple[Picture, ...] = ()
    form: Form = Form.POST
    comment: str = ""
    trouble: tuple[Trouble, ...] = ()
    killed_at: str = ""
    live: bool = False


#: one of each class: what is counted, cut or turned wrongly by those who count bytes or code points
SCRIPTS = {
    "an emoji of several code points": "Family \U0001f469‍\U0001f469‍\U0001f467‍\U0001f466 \U0001f3f3️‍\U0001f308",
    "right to left": "שלום עולם",
    "combining marks": "école n~andu",
    "zero width": "a\u200bb⁠c",
    "lines": "one\n\ntwo",
    "markup": "a < b && c > d \"e\" 'f' \\ / %20 +",
}
#: where a working process is killed (automator.failpoints names them)
DEATHS = ("before-record", "after-record", "before-first-byte", "after-answer", "before-store", "after-store")
LOST = ("drop-after", "error-after", "html-after", "garbage-after")


def lengths(
    limit: int, one: str = "a", *, empty: Expect = Expect.REFUSED, picture: Picture | None = None
) -> list[Case]:
    """Texts of 0, 1, limit - 1, limit and limit + 1 units; ``one`` is a character that counts one."""
    with_it = (picture,) if picture else ()
    cases = [
        Case(f"a text of {count}", Kind.ANSWER, Expect.PUBLISHED, (one * count,), with_it)
        for count in (1, limit - 1, limit)
    ]
    cases.append(Case("no text", Kind.ANSWER, empty, ("",), with_it))
    cases.append(Case(f"a text of {limit + 1}", Kind.ANSWER, Expect.REFUSED, (one * (limit + 1),), with_it))
    return cases


def scripts(*pictures: Picture) -> list[Case]:
    """Texts of every kind, each read back as it was written."""
    return [Case(name, Kind.STRUCTURE, Expect.PUBLISHED, (text,), pictures) for name, text in SCRIPTS.items()]


def threads() -> list[Case]:
    """What holds of every network that has posts and threads, and comments by answering; no reels, no stories."""
    return [
        Case("a reel", Kind.ANSWER, Expect.REFUSED, form=Form.REEL),
        Case("a story", Kind.ANSWER, Expect.REFUSED, form=Form.STORY),
        Case("a post", Kind.STRUCTURE, Expect.PUBLISHED, live=True),
        Case("a thread", Kind.STRUCTURE, Expect.PUBLISHED, ("First.", "Second.", "Third.")),
        Case("a comment", Kind.STRUCTURE, Expect.PUBLISHED, comment="Under it."),
        Case("taken down", Kind.CHANGE, Expect.GONE, live=True),
        Case("a thread, taken down", Kind.CHANGE, Expect.GONE, ("First.", "Second.")),
    ]


def counts(most: int, picture: Picture, *, least: int = 1) -> list[Case]:
    """As many pictures as may be, one fewer, and one more."""
    allowed = sorted({least, max(least, most - 1), most})
    cases = [_pictures(Expect.PUBLISHED, picture, count) for count in allowed]
    return [*cases, _pictures(Expect.REFUSED, picture, most + 1)]


def _pictures(expect: Expect, picture: Picture, count: int) -> Case:
    return Case(f"{count} pictures", Kind.ANSWER, expect, pictures=(picture,) * count)


def sizes(limit: int, picture: Picture) -> list[Case]:
    """Pictures of limit and limit + 1 bytes."""
    made = [replace(picture, size=size) for size in (limit, limit + 1)]
    ends = (Expect.PUBLISHED, Expect.REFUSED)
    return [
        Case(f"a picture of {one.size} bytes", Kind.ANSWER, end, pictures=(one,))
        for one, end in zip(made, ends, strict=True)
    ]


def pictures(takes: Takes) -> list[Case]:
    """As many pictures as may be, as large as may be, and one more and one larger: by the network's own table."""
    limits = takes.picture
    if limits is None:
        return []
    return [*counts(takes.most, Picture()), *sizes(limits.size, Picture("png"))]


def failures(
    path: str, *, unsent: Expect, lost: Expect, method: str = "POST", base: Case | None = None
) -> Iterator[Case]:
    """A provider that answers wrongly, late or not at all when something is published at ``path``.

    ``unsent``: how it ends when the request never arrived; ``lost``: when it did, and the answer was lost.
    """
    of = base or Case("", Kind.FAILURE, lost)
    for fault in ("drop-before", *LOST):
        end = unsent if fault == "drop-before" else lost
        yield replace(of, name=fault, kind=Kind.FAILURE, expect=end, trouble=(Trouble(path, fault, method),))
    for fault in ("throttle", "slow"):
        trouble = (Trouble(path, fault, method),)
        yield replace(of, name=fault, kind=Kind.FAILURE, expect=Expect.PUBLISHED, trouble=trouble)


def deaths(base: Case, doubt: Sequence[str] = (), *, in_doubt: Expect = Expect.PUBLISHED) -> Iterator[Case]:
    """A process that is killed wherever it may be; ``doubt`` names the points after which only a look-up can tell."""
    for point in DEATHS:
        end = in_doubt if point in doubt else Expect.PUBLISHED
        yield replace(base, name=f"killed: {point}", kind=Kind.EVENT, expect=end, killed_at=point)
