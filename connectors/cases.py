"""What a connector must do, as data: cases that are played against its twin, or with a person's own key.

Inputs follow from limits: one of each class of equivalence, and both sides of every boundary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from connectors.post import Form
from connectors.takes import Limits, Sort, Takes
from connectors.words import counted


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
    CHANGED = "changed"  #: it was published, then given another text; the provider shows that one in its place
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
class Film:
    """A video to make.

    Attributes:
        type: By its content, if it is ``video/mp4`` or ``video/quicktime``; else as it is declared to be.
        size: Bytes that it is declared to have; 0: those that it has.
        codecs: What it is declared to be coded as; empty: as it is.
    """

    type: str = "video/mp4"
    width: int = 720
    height: int = 1280
    frames: int = 240
    fps: int = 24
    size: int = 0
    codecs: tuple[str, ...] = ()


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
        films: As well, after the pictures.
        form: What it is published as.
        comment: Under it.
        collaborators: Who is asked to show it too.
        trouble: What the twin does wrong, in order.
        killed_at: The fail point at which the process is killed that works on it; another one takes over.
        live: Harmless with a person's own key: what it makes is taken down.
    """

    name: str
    kind: Kind
    expect: Expect
    texts: tuple[str, ...] = ("Checked.",)
    pictures: tuple[Picture, ...] = ()
    films: tuple[Film, ...] = ()
    form: Form = Form.POST
    comment: str = ""
    collaborators: tuple[str, ...] = ()
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
        Case(f"a text of {count}", Kind.ANSWER, end, (one * count,), with_it)
        for count, end in ((1, Expect.PUBLISHED), *around(limit))
    ]
    return [Case("no text", Kind.ANSWER, empty, ("",), with_it), *cases]


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
    return Case(counted(count, "picture"), Kind.ANSWER, expect, pictures=(picture,) * count)


def around(limit: int) -> Iterator[tuple[int, Expect]]:
    """Limit - 1, limit and limit + 1, and how each must end."""
    yield from ((limit - 1, Expect.PUBLISHED), (limit, Expect.PUBLISHED), (limit + 1, Expect.REFUSED))


def sizes(limit: int, picture: Picture) -> list[Case]:
    """Pictures of limit - 1, limit and limit + 1 bytes."""
    return [
        Case(f"a picture of {size} bytes", Kind.ANSWER, end, pictures=(replace(picture, size=size),))
        for size, end in around(limit)
    ]


def alts(takes: Takes, picture: Picture) -> list[Case]:
    """Texts for people who can't see a picture, of 0, 1, limit - 1, limit and limit + 1 characters."""
    limit = takes.picture.alt if takes.picture else None
    most = around(limit) if limit else ()
    return [
        Case(f"a picture with a text of {count}", Kind.ANSWER, end, pictures=(replace(picture, alt="a" * count),))
        for count, end in ((0, Expect.PUBLISHED), (1, Expect.PUBLISHED), *most)
    ]


def comments(limit: int, *pictures: Picture) -> list[Case]:
    """Comments of 1, limit - 1, limit and limit + 1 characters under a post."""
    return [
        Case(f"a comment of {count}", Kind.ANSWER, end, pictures=pictures, comment="a" * count)
        for count, end in ((1, Expect.PUBLISHED), *around(limit))
    ]


def pictures(takes: Takes) -> list[Case]:
    """As many pictures as may be, as large as may be, and one more and one larger: by the network's own table."""
    limits = takes.picture
    if limits is None:
        return []
    return [*counts(takes.most, Picture()), *sizes(limits.size, Picture("png")), *alts(takes, Picture())]


def films(takes: Takes, form: Form = Form.POST, text: str = "Checked.") -> list[Case]:
    """A video, and one at and beside each limit in the network's own table."""
    limits = takes.video
    if limits is None:
        return []
    good = Film()
    if limits.fps[0] > good.fps or (limits.fps[1] and limits.fps[1] < good.fps):
        good = replace(good, fps=int(limits.fps[0]))
    good = replace(good, frames=_frames(max(limits.seconds[0], min(8.0, limits.seconds[1] or 8.0)), good.fps))

    def case(what: str, film: Film, *, right: bool, count: int = 1) -> Case:
        expect = Expect.PUBLISHED if right else Expect.REFUSED
        return Case(f"a {form}: {what}", Kind.ANSWER, expect, (text,), films=(film,) * count, form=form)

    made = [case("a video", good, right=True)]
    made += [
        case(f"a {kind}", replace(good, type=kind), right=True)
        for kind in limits.types
        if kind in WRITTEN - {good.type}
    ]
    made.append(case("a video of a type that is not taken", replace(good, type="video/x-matroska"), right=False))
    made.append(case(f"a video of {limits.size + 1} bytes", replace(good, size=limits.size + 1), right=False))
    if limits.codecs:
        made.append(case("a video in another coding", replace(good, codecs=("vp9",)), right=False))
    if Sort.VIDEO in takes.alone or takes.most == 1:
        made.append(case("two videos", good, right=False, count=2))
    made += [case(what, film, right=right) for what, film, right in _lasting(limits, good)]
    made += [
        case(f"{fps} a second", replace(good, fps=fps, frames=8 * fps), right=right) for fps, right in _ends(limits.fps)
    ]
    wide = [(value, right) for value, right in _ends((0, limits.width[1]), 2) if value]
    return made + [
        case(f"{width} pixels wide", replace(good, width=width, height=width * 16 // 9 // 2 * 2), right=right)
        for width, right in wide
    ]


WRITTEN = frozenset({"video/mp4", "video/quicktime"})
HOUR = 3600.0


def _lasting(limits: Limits, good: Film) -> Iterator[tuple[str, Film, bool]]:
    """The shortest and the longest that may be, and one picture shorter and longer."""
    for seconds, step in zip(limits.seconds, (-1, 1), strict=True):
        if not seconds:
            continue
        # an hour has few pictures, where a network does not mind
        fps = 1 if seconds >= HOUR and not limits.fps[0] else good.fps
        frames = _frames(seconds, fps)
        yield f"{seconds:g} seconds", replace(good, frames=frames, fps=fps), True
        yield f"{(frames + step) / fps:g} seconds", replace(good, frames=frames + step, fps=fps), False


def _frames(seconds: float, fps: int) -> int:
    return round(seconds * fps)


def _ends(limits: tuple[float, float], step: int = 1) -> list[tuple[int, bool]]:
    """Both ends of a pair, and beside them; an end that is 0 is none."""
    least, most = (int(value) for value in limits)
    low = [(least, True), (least - step, False)] if least else []
    return [*low, *([(most, True), (most + step, False)] if most else [])]


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
