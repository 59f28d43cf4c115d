"""What is checked before anything is sent: captions, files and posts that Instagram takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from automator.check.film import film as written
from connectors.instagram import text
from connectors.instagram.connector import Connector
from connectors.post import Form, Media, Part, Problem, Tag
from connectors.registry import build
from jobs.posting.campaign import Rules, judge
from jobs.posting.media import MediaError, inspect
from jobs.posting.rows import Row

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
GOOD = Media("/a.jpg", "image/jpeg", 1000, "0" * 64, 1080, 1080, "A cat.")
FILM = Media("/a.mp4", "video/mp4", 1000, "0" * 64, 1080, 1920, seconds=10, fps=30, codecs=("h264", "aac"))
FAMILY = "\U0001f469‍\U0001f469‍\U0001f467‍\U0001f466"


def check(*parts: Part) -> list[Problem]:
    return [problem for problem in Connector().check(parts) if not problem.warning]


def said(*parts: Part) -> str:
    return "; ".join(f"{problem.field}: {problem.what}" for problem in check(*parts))


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ("", True),
        ("a" * 2200, True),
        ("a" * 2201, False),
        ("é" * 2200, True),
        ("e\u0301" * 1100, True),
        ("e\u0301" * 1101, False),
        ("א" * 2200, True),
        ("\u200b" * 2200, True),
        ("\u200b" * 2201, False),
        (FAMILY * (2200 // 7), True),
        (FAMILY * (2200 // 7 + 1), False),
        (" ".join("#a" for _ in range(30)), True),
        (" ".join("#a" for _ in range(31)), False),
        (" ".join(f"#{FAMILY}" for _ in range(31)), False),
        ("#a" * 31, True),
        (" ".join(f"https://example.com/{n}#part" for n in range(31)), True),
        (" ".join("@a.b" for _ in range(20)), True),
        (" ".join("@a.b" for _ in range(21)), False),
        (" ".join("me@example.com" for _ in range(21)), True),
    ],
)
def test_captions_on_both_sides_of_each_limit(written: str, *, fits: bool) -> None:
    """Code points are counted; hashtags and mentions as Instagram sees them."""
    assert (check(Part(written, (GOOD,))) == []) is fits


@given(st.text(max_size=3000))
def test_any_text_is_counted(written: str) -> None:
    """Nothing that a person can write breaks the rules, and both agree on what is too long."""
    long = len(written) > text.CHARACTERS
    assert any("more than Instagram's 2200" in problem.what for problem in check(Part(written, (GOOD,)))) is long
    assert text.units(written) >= text.length(written)
    assert text.plain(text.plain(written)) == text.plain(written)


@given(st.lists(st.sampled_from(["#a", "@b", "c", FAMILY, "שלום", "\u200b", "e\u0301"]), max_size=80))
def test_hashtags_and_mentions_are_found_among_anything(words: list[str]) -> None:
    """However they are mixed."""
    written = " ".join(words)
    assert len(text.hashtags(written)) == words.count("#a")
    assert len(text.mentions(written)) == words.count("@b")


def test_an_emoji_that_may_count_twice_is_a_warning() -> None:
    """It may be refused; nobody has said how they count."""
    (found,) = (item for item in Connector().check([Part("\U0001f600" * 1101, (GOOD,))]) if item.field == "text")
    assert found.warning


@pytest.mark.parametrize(
    ("media", "words"),
    [
        (replace(GOOD, type="image/png"), "JPEG"),
        (replace(GOOD, size=8_000_001), "bytes"),
        (replace(GOOD, width=319, height=319), "319 pixels wide"),
        (replace(GOOD, width=1441, height=1441), "1441 pixels wide"),
        (replace(GOOD, width=1, height=1), "1 pixels wide"),
        (replace(GOOD, width=20_000, height=20_000), "20000 pixels wide"),
        (replace(GOOD, width=799, height=1000), "0.80 to 1.91"),
        (replace(GOOD, width=1147, height=600), "0.80 to 1.91"),
        (replace(GOOD, cmyk=True), "CMYK"),
        (replace(GOOD, alt="a" * 1001), "1001 characters"),
        (replace(GOOD, type="image/gif", animated=True), "moving"),
        (replace(GOOD, tags=(Tag("a"),) * 21), "21 people"),
        (replace(FILM, seconds=2.9), "2.9 seconds"),
        (replace(FILM, seconds=901), "901 seconds"),
        (replace(FILM, fps=61), "61 pictures"),
        (replace(FILM, size=300_000_001), "bytes"),
        (replace(FILM, codecs=("vp9",)), "vp9"),
        (replace(FILM, width=1921), "1921 pixels wide"),
    ],
)
def test_files_that_instagram_does_not_take(media: Media, words: str) -> None:
    """One sentence each, before anything is sent."""
    assert words in said(Part("", (media,)))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((Part("Only text."),), "needs a picture or video"),
        ((Part("", (GOOD,) * 11),), "11 pictures"),
        ((Part("", (GOOD,), Form.REEL),), "picture"),
        ((Part("", (GOOD, GOOD), Form.STORY),), "2 pictures"),
        ((Part("", (replace(FILM, seconds=61),), Form.STORY),), "61 seconds"),
        ((Part("", (GOOD,), collaborators=("a", "b", "c", "d")),), "4 collaborators"),
        ((Part("", (GOOD,)), Part("Second.", (GOOD,))), "no threads"),
        ((Part("", (GOOD,)), Part("", (), Form.COMMENT)), "nothing to say"),
        ((Part("", (GOOD,)), Part("a" * 2201, (), Form.COMMENT)), "2201 characters"),
        ((Part("", (GOOD,)), Part("a", (GOOD,), Form.COMMENT)), "takes none"),
        ((Part("", (GOOD,), Form.STORY), Part("a", (), Form.COMMENT)), "takes no comment"),
        ((Part("a", (), Form.COMMENT),), "needs a post"),
    ],
)
def test_posts_that_instagram_does_not_take(parts: tuple[Part, ...], words: str) -> None:
    """Each with what to do."""
    assert words in said(*parts)


def test_what_instagram_takes() -> None:
    """Two to ten files, pictures and videos mixed; stories of any shape."""
    assert check(Part("", (GOOD, FILM) * 5)) == []
    assert check(Part("", (replace(GOOD, width=400, height=1200),), Form.STORY)) == []
    assert check(Part("a", (FILM,), Form.REEL), Part("b", (), Form.COMMENT)) == []


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    """A wrong ending deceives nobody; what is cut off or far too large is told."""
    wrong = tmp_path / "a.jpg"
    Image.new("RGB", (400, 400)).save(wrong, "png")
    assert "JPEG" in said(Part("", (inspect(wrong, "A."),)))
    whole = tmp_path / "b.jpg"
    Image.new("RGB", (400, 400)).save(whole)
    cut = tmp_path / "c.jpg"
    cut.write_bytes(whole.read_bytes()[:600])
    with pytest.raises(MediaError):
        inspect(cut)


@pytest.mark.parametrize(
    ("login", "form", "film", "told"),
    [
        ("facebook", Form.POST, False, True),
        ("facebook", Form.STORY, False, True),
        ("facebook", Form.REEL, True, False),
        ("facebook", Form.STORY, True, False),
        ("instagram", Form.POST, False, True),
        ("instagram", Form.REEL, True, True),
        ("instagram", Form.POST, True, True),
    ],
)
def test_what_has_to_be_fetched_is_refused_while_there_is_no_media_host(
    tmp_path: Path, login: str, form: Form, *, film: bool, told: bool
) -> None:
    """When it is planned, not when it is due; a video that can be uploaded needs none."""
    name = "a.mp4" if film else "a.jpg"
    if film:
        (tmp_path / name).write_bytes(written("video/mp4", 720, 1280, 240, 24, "a"))
    else:
        Image.new("RGB", (400, 400)).save(tmp_path / name)
    row = Row(1, ("instagram/brand",), "now", "Hello", form=form, **{"video" if film else "image": name})
    rules = Rules(tmp_path, NOW, "UTC", {"instagram/brand": build("instagram", None, {"login": login})}, hosts=False)
    (verdict,) = judge([row], rules)
    said = [item.what for item in verdict.problems if not item.warning]
    words = f"instagram/brand: {name} has to be fetched from a public address; set [media] in config.toml"
    assert said == ([words] if told else [])
    (hosted,) = judge([row], replace(rules, hosts=True))
    assert hosted.ok
