"""What is published: parts with their media, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """What a part is published as."""

    POST = "post"
    REEL = "reel"  #: a short upright video, where the network has such
    STORY = "story"  #: gone after a day, where the network has such
    COMMENT = "comment"  #: under the first part; a reply, where the network knows no other comments


@dataclass(frozen=True, slots=True)
class Tag:
    """Someone shown in a picture.

    Attributes:
        name: Their name on the network, without ``@``.
        x: Where, from the left, as a share of the width (0 to 1).
        y: Where, from the top, as a share of the height (0 to 1).
    """

    name: str
    x: float = 0.5
    y: float = 0.5


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or video to publish, as it was checked when the post was made.

    Attributes:
        path: Absolute path of the file.
        type: By its content, not its name: ``image/png``.
        size: Bytes.
        sha256: Hex digest of the file; a file that has changed since is refused.
        width: Pixels, as it is shown (turned as its EXIF data say); 0 if it could not be found out.
        height: Pixels; as the width.
        alt: The text for people who cannot see it.
        seconds: A video's length; 0 for a picture, and where it could not be found out.
        fps: A video's pictures in a second; 0 as above.
        codecs: A video's, by ffprobe's names: ``h264``, ``aac``; empty as above.
        animated: A picture that moves.
        cmyk: A picture in the colours of print.
        located: A picture in which the camera noted where it was taken.
        tags: Who is shown.
        source: The path of the person's own file, of which this one is a smaller copy; empty: it is that file.
    """

    path: str
    type: str
    size: int
    sha256: str
    width: int
    height: int
    alt: str = ""
    seconds: float = 0.0
    fps: float = 0.0
    codecs: tuple[str, ...] = ()
    animated: bool = False
    cmyk: bool = False
    located: bool = False
    tags: tuple[Tag, ...] = ()
    source: str = ""

    @property
    def own(self) -> str:
        """The path of the file that a person named."""
        return self.source or self.path

    @property
    def video(self) -> bool:
        """Whether it is a video."""
        return self.type.startswith("video/")


@dataclass(frozen=True, slots=True)
class Part:
    """One published piece: a post, one part of a thread, or a comment.

    Attributes:
        text: As it was written.
        media: Pictures and videos, in order.
        form: What it is published as.
        collaborators: Accounts that are asked to show it as theirs too, where the network has that.
    """

    text: str
    media: tuple[Media, ...] = ()
    form: Form = Form.POST
    collaborators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a post, for a person.

    Attributes:
        field: ``text``, ``media``, ``alt``, ...; for parts of a thread ``part 2: text``.
        what: One sentence: what is wrong and what to do.
        warning: It may be published all the same.
    """

    field: str
    what: str
    warning: bool = False


def numbered(parts: Sequence[Part], judge: Callable[[Part], Sequence[Problem]]) -> list[Problem]:
    """The problems of all parts; those of a thread say which part they are of, those of a comment that it is one."""
    threaded = sum(part.form is not Form.COMMENT for part in parts) > 1
    found: list[Problem] = []
    for number, part in enumerate(parts, 1):
        place = "comment: " if part.form is Form.COMMENT else f"part {number}: " if threaded else ""
        found += [Problem(f"{place}{item.field}", item.what, item.warning) for item in judge(part)]
    return found
