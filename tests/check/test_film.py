"""Videos that checks are made of: real ones, at and beside every limit of every network."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator.check import play as twins
from automator.check.film import film
from automator.check.made import parts
from connectors.cases import Case, Expect, Film, films
from connectors.cases import Kind as About
from connectors.post import Form
from connectors.registry import build, providers
from connectors.takes import Limits, Takes
from connectors.x.connector import Connector
from jobs.posting.media import inspect
from jobs.posting.video import container

needs_ffmpeg = pytest.mark.skipif(not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg")
SHOWN = [form for form in Form if form is not Form.COMMENT]
WITH_VIDEO = [
    (name, form) for name in providers() for form in SHOWN if (takes := build(name).takes(form)) and takes.video
]


@needs_ffmpeg
@pytest.mark.parametrize(
    ("kind", "size", "frames", "fps"),
    [
        ("video/mp4", (720, 1280), 48, 24),
        ("video/mp4", (16, 16), 1, 1),
        ("video/quicktime", (1922, 1080), 61, 60),
        ("video/mp4", (540, 960), 7, 23),
    ],
)
def test_it_is_what_it_says(tmp_path: Path, kind: str, size: tuple[int, int], frames: int, fps: int) -> None:
    """As ffprobe sees it, and every picture of it can be shown."""
    path = tmp_path / "v.mp4"
    path.write_bytes(film(kind, *size, frames, fps, "a"))
    found = inspect(path)
    assert (found.type, found.width, found.height, found.codecs) == (kind, *size, ("h264",))
    assert (found.seconds, found.fps) == (pytest.approx(frames / fps, abs=0.001), fps)
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    shown = subprocess.run(command, capture_output=True, check=True)
    assert shown.stderr == b""
    assert len(shown.stdout) == size[0] * size[1] * frames
    assert len(set(shown.stdout)) == 1  # one grey


@given(st.integers(8, 1000), st.integers(8, 1000), st.integers(1, 40), st.integers(1, 60))
def test_boxes_end_where_they_say(width: int, height: int, frames: int, fps: int) -> None:
    """Whatever its size and length; and no start of a unit is in what is coded (H.264, 7.4.1.1)."""
    content = film("video/mp4", 2 * width, 2 * height, frames, fps, "b")
    assert container(content) == "video/mp4"
    at = 0
    while at < len(content):
        at += int.from_bytes(content[at : at + 4])
    assert at == len(content)
    coded = content[content.index(b"mdat") + 4 :]
    while coded:
        size = int.from_bytes(coded[:4])
        unit, coded = coded[4 : 4 + size], coded[4 + size :]
        assert all(bytes([0, 0, low]) not in unit for low in range(3))


def test_no_two_are_alike_and_few_bytes_are_enough() -> None:
    """A provider may refuse what it has already; and four hours must not fill the disk."""
    assert film("video/mp4", 720, 1280, 24, 24, "a") != film("video/mp4", 720, 1280, 24, 24, "b")
    assert len(film("video/mp4", 720, 1280, 14_400, 1, "a")) < 300_000


def test_without_ffprobe_a_case_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is known all the same."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    case = Case("one", About.ANSWER, Expect.PUBLISHED, films=(Film(frames=48),))
    (part,) = parts(case, tmp_path)
    (media,) = part.media
    assert (media.width, media.height, media.seconds, media.fps, media.codecs) == (720, 1280, 2.0, 24.0, ("h264",))


def test_what_can_t_be_made_is_declared(tmp_path: Path) -> None:
    """More bytes than the disk has, another container, another coding."""
    odd = Film(frames=24, size=10**11, type="video/x-matroska", codecs=("vp9",))
    (part,) = parts(Case("one", About.ANSWER, Expect.REFUSED, films=(odd,)), tmp_path)
    (media,) = part.media
    assert (media.size, media.type, media.codecs) == (10**11, "video/x-matroska", ("vp9",))


def test_every_limit_of_a_table_has_both_its_sides() -> None:
    """The shortest, the longest, the slowest, the fastest, the widest: each with one that is just beyond."""
    limits = Limits(("video/mp4",), 100, width=(1, 1920), seconds=(3, 60), fps=(23, 60), codecs=frozenset({"h264"}))
    found = {case.name: case.expect is Expect.PUBLISHED for case in films(Takes(video=limits))}
    assert found == {
        "a post: a video": True,
        "a post: a video of a type that is not taken": False,
        "a post: a video of 101 bytes": False,
        "a post: a video in another coding": False,
        "a post: two videos": False,
        "a post: 3 seconds": True,
        "a post: 2.95833 seconds": False,
        "a post: 60 seconds": True,
        "a post: 60.0417 seconds": False,
        "a post: 23 a second": True,
        "a post: 22 a second": False,
        "a post: 60 a second": True,
        "a post: 61 a second": False,
        "a post: 1920 pixels wide": True,
        "a post: 1922 pixels wide": False,
    }
    assert films(Takes()) == []


@pytest.mark.parametrize(("provider", "form"), WITH_VIDEO)
async def test_a_video_is_published_on_every_network_that_takes_one(provider: str, form: Form) -> None:
    """In every form that it has; and one that is too large is refused before anything is sent."""
    cases = {case.name: case for case in twins.cases(provider)}
    found = await twins.play(provider, cases[f"a {form}: a video"])
    assert found.passed, found.received
    assert any("upload" in call or "video" in call or "blob" in call for call in found.sent), found.sent
    (large,) = [case for name, case in cases.items() if name.startswith(f"a {form}: a video of") and "bytes" in name]
    found = await twins.play(provider, large)
    assert (found.passed, found.sent) == (True, ())


async def test_a_connector_that_takes_too_long_a_video_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The case is from the table of the network's own page; the connector that does not heed it fails."""
    (case,) = [case for case in twins.cases("x") if case.name == "a post: 140.042 seconds"]
    takes: Any = Connector().takes(Form.POST)
    lax = replace(takes, video=replace(takes.video, seconds=(0.5, 999)))
    monkeypatch.setattr(Connector, "takes", lambda *_: lax)
    found = await twins.play("x", case)
    assert not found.passed, found.received
