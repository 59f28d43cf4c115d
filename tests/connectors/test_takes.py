"""Every limit of every network, at the limit and beside it; all from the one table that the checks read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.post import Form, Media, Part, Problem, Tag
from connectors.registry import build, providers
from connectors.takes import GIF, JPEG, Limits, Sort, Takes, named, problems, sort

TABLES = {
    (name, form): takes for name in providers() for form in Form if (takes := build(name).takes(form)) is not None
}
WITHOUT = [(name, form) for name in providers() for form in Form if (name, form) not in TABLES]


def one_of(what: Sort, limits: Limits) -> Media:
    """A file of this sort that is within all its limits."""
    least, most = limits.ratio
    width = max(limits.width[0], min(limits.width[1] or 1200, 1200))
    ratio = (least or 1) if not most else min(max(1.0, least), most)
    height = max(limits.height[0], round(width / ratio))
    video = what is Sort.VIDEO
    return Media(
        "/p/a",
        limits.types[0],
        limits.size,
        "0" * 64,
        width,
        height,
        "" if limits.alt == 0 else "A text",
        seconds=max(limits.seconds[0], 1) if video else 0,
        fps=max(limits.fps[0], 1) if video else 0,
        codecs=tuple(sorted(limits.codecs))[:1] if video else (),
        animated=what is Sort.MOVING,
    )


def refusals(part: Part, takes: Takes) -> list[Problem]:
    return [item for item in problems(part, takes, "It") if not item.warning]


def sorts(takes: Takes) -> Iterator[tuple[Sort, Limits]]:
    for what, limits in ((Sort.PICTURE, takes.picture), (Sort.MOVING, takes.moving), (Sort.VIDEO, takes.video)):
        if limits is not None:
            yield what, limits


ROWS = [
    pytest.param(takes, form, what, limits, id=f"{name}-{form}-{what}".replace(" ", "-"))
    for (name, form), takes in TABLES.items()
    if takes.most
    for what, limits in sorts(takes)
]


def beside(media: Media, limits: Limits) -> Iterator[tuple[str, Media, bool]]:
    """Files at each limit, and beside it: whether they are taken."""
    yield "size", replace(media, size=limits.size), True
    yield "size", replace(media, size=limits.size + 1), False
    yield "type", replace(media, type=f"{media.type}x"), False
    for side in ("width", "height"):
        least, most = getattr(limits, side)
        yield side, replace(media, **{side: 0}), True  # what is not known is not refused
        if least > 1 and not limits.ratio[1]:
            yield side, replace(media, **{side: least}), True
        if least > 1:
            yield side, replace(media, **{side: least - 1}), False
        if most:
            yield side, replace(media, **{side: most + 1}), False
    least, most = limits.ratio
    if most:
        base = media.width
        yield "ratio", replace(media, height=int(base / most) - 1), False
        yield "ratio", replace(media, height=int(base / least) + 2), False
    for name in ("seconds", "fps"):
        least, most = getattr(limits, name)
        if most and media.video:
            yield name, replace(media, **{name: least}), True
            yield name, replace(media, **{name: least - 0.01}), least - 0.01 <= 0
            yield name, replace(media, **{name: most}), True
            yield name, replace(media, **{name: most + 0.01}), False
    if limits.codecs:
        yield "codecs", replace(media, codecs=("odd",)), False
    if limits.alt:
        yield "alt", replace(media, alt="x" * limits.alt), True
        yield "alt", replace(media, alt="x" * (limits.alt + 1)), False
    if not limits.cmyk:
        yield "cmyk", replace(media, cmyk=True), False


@pytest.mark.parametrize(("takes", "form", "what", "limits"), ROWS)
def test_each_limit_of_a_file_on_both_sides(takes: Takes, form: Form, what: Sort, limits: Limits) -> None:
    """At the limit it is taken, one beyond it is refused with a sentence."""
    media = one_of(what, limits)
    assert sort(media) is what
    one = (media,) * max(1, takes.least)
    assert refusals(Part("A text", one, form), takes) == []
    for name, changed, taken in beside(media, limits):
        found = refusals(Part("A text", (changed, *one[1:]), form), takes)
        assert (not found) is taken, (name, changed, found)


@pytest.mark.parametrize(("name", "form"), TABLES, ids="-".join)
def test_how_many_files_a_part_may_have(name: str, form: Form) -> None:
    """The least and the most are taken, one more or less is not; what stands alone stands alone."""
    takes = TABLES[name, form]
    for what, limits in sorts(takes):
        media = one_of(what, limits)
        most = 1 if what in takes.alone else takes.most
        assert bool(refusals(Part("A", (media,) * (most + 1), form), takes))
        if most:
            assert not refusals(Part("A", (media,) * most, form), takes)
    if takes.least:
        assert refusals(Part("A", (), form), takes)


@pytest.mark.parametrize(("name", "form"), WITHOUT, ids="-".join)
def test_a_form_that_a_network_does_not_have_is_refused(name: str, form: Form) -> None:
    """In one sentence that says what it is published as there instead."""
    (refusal,) = [item for item in build(name).check([Part("A text", form=form)]) if item.field.endswith("form")]
    assert "publish it there as a post" in refusal.what
    assert not refusal.warning


def test_what_a_network_has_not_is_left_out_with_a_warning() -> None:
    """People in pictures and collaborators are meant for the networks that have them."""
    media = Media("/p/a.png", "image/png", 9, "0" * 64, 9, 9, "A text", tags=(Tag("anna"),))
    for name in ("x", "bluesky"):
        found = build(name).check([Part("A", (media,), collaborators=("anna",))])
        assert sorted((item.field, item.warning) for item in found) == [("collaborators", True), ("tags", True)]
    some = Takes(Limits(("image/png",), 9), tags=1, collaborators=1)
    part = Part("A", (replace(media, tags=(Tag("a"), Tag("b"))),), collaborators=("a", "b"))
    assert sorted(item.field for item in refusals(part, some)) == ["collaborators", "tags"]
    assert refusals(Part("A", (media,), collaborators=("a",)), some) == []


def test_a_picture_that_could_be_made_smaller_says_so() -> None:
    """And one that could not be does not: a video, what moves, a shape."""
    takes = Takes(
        Limits((JPEG,), 9, width=(9, 20), ratio=(1, 2)), moving=Limits((GIF,), 9), video=Limits(("video/mp4",), 9)
    )
    large = Media("/p/a", "image/png", 10, "0" * 64, 30, 20, "A text")
    assert sum("--fit" in item.what for item in refusals(Part("", (large,)), takes)) == 3
    others = [
        replace(large, type=GIF, animated=True),
        replace(large, type="video/mp4"),
        replace(large, type=JPEG, size=9, width=9, height=10),
        replace(large, type=JPEG, size=9, width=8, height=8),
    ]
    for media in others:
        (refusal,) = refusals(Part("", (media,)), takes)
        assert "--fit" not in refusal.what


def test_a_gif_counts_as_a_picture_where_nothing_that_moves_is_taken() -> None:
    """As long as it stands still."""
    takes = Takes(Limits((GIF,), 9))
    still = Media("/p/a.gif", GIF, 9, "0" * 64, 9, 9, "A text")
    assert refusals(Part("", (still,)), takes) == []
    (refusal,) = refusals(Part("", (replace(still, animated=True),)), takes)
    assert "moving picture" in refusal.what


def test_the_colours_of_print_are_told_where_they_are_taken() -> None:
    """They may look wrong."""
    media = Media("/p/a.jpg", JPEG, 9, "0" * 64, 9, 9, "A text", cmyk=True)
    (warning,) = problems(Part("", (media,)), Takes(Limits((JPEG,), 9)), "It")
    assert (warning.warning, "CMYK" in warning.what) == (True, True)


def test_names_are_shown_without_what_a_terminal_obeys() -> None:
    """Nobody's screen is cleared by the name of a picture."""
    assert named("/p/a\x1b[2J\u202eb.png") == "a?[2J?b.png"
