"""What people write and attach, on every network: shown as it is, or refused in one sentence before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from automator.check import play as twins
from connectors.cases import SCRIPTS, Case, Expect, Kind, Picture
from connectors.post import Form, Media, Part
from connectors.registry import build, providers
from jobs.posting.media import MediaError, inspect

PICTURED = frozenset({"instagram"})  #: no posts of text alone there
TEXTS = {**SCRIPTS, "all of them": " ".join(text for name, text in SCRIPTS.items() if name != "lines")}


@pytest.mark.parametrize("provider", providers())
@pytest.mark.parametrize("name", TEXTS)
async def test_every_script_is_shown_as_it_was_written(provider: str, name: str) -> None:
    """Emoji of several code points, right to left, combining marks, zero width: once, and found again."""
    pictures = (Picture(),) if provider in PICTURED else ()
    case = Case(name, Kind.STRUCTURE, Expect.PUBLISHED, (TEXTS[name],), pictures)
    found = await twins.play(provider, case)
    assert found.passed, found.received


def refusals(provider: str, *media: Media, form: Form = Form.POST) -> list[str]:
    return [found.what for found in build(provider).check([Part("A text", media, form)]) if not found.warning]


@pytest.mark.parametrize("provider", providers())
def test_a_wrong_ending_deceives_nobody(tmp_path: Path, provider: str) -> None:
    """It is the content that counts: a BMP called .jpg is one, and a JPEG called .txt is as good as any."""
    wrong, right = tmp_path / "a.jpg", tmp_path / "b.txt"
    Image.new("RGB", (400, 400)).save(wrong, "bmp")
    Image.new("RGB", (400, 400)).save(right, "jpeg")
    said = refusals(provider, inspect(wrong, "A."))
    assert ([bool("image/bmp" in what) for what in said] or [provider == "facebook"]) == [True]  # which alone takes BMP
    assert refusals(provider, inspect(right, "A.")) == []


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_what_was_cut_off_is_told(tmp_path: Path, kind: str, kept: float) -> None:
    """Half an upload is no picture, whoever it is for."""
    path = tmp_path / f"a.{kind}"
    Image.effect_noise((200, 200), 60).convert("RGB").save(path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(MediaError, match=r"^a\.\w+ is (damaged|no picture)"):
        inspect(path)


@pytest.mark.parametrize("provider", providers())
@pytest.mark.parametrize(("width", "height"), [(1, 1), (20_000, 20), (20_000, 800)])
async def test_tiny_and_huge_pictures(provider: str, width: int, height: int) -> None:
    """A network without a limit of pixels gets them as they are; one that has it refuses them before a call leaves."""
    limits = build(provider).takes(Form.POST)
    assert limits is not None
    assert limits.picture is not None
    fits = not limits.picture.width[1]
    expect = Expect.PUBLISHED if fits else Expect.REFUSED
    case = Case("a picture", Kind.ANSWER, expect, pictures=(Picture("jpeg", width, height),))
    found = await twins.play(provider, case)
    assert found.passed, found.received
    assert bool(found.sent) is fits


def test_twenty_thousand_pixels_each_way_are_not_opened(tmp_path: Path) -> None:
    """Some kilobytes that would fill the memory."""
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(MediaError, match="too many pixels to be opened safely"):
        inspect(path)
