"""Smaller copies: only when asked, within the limits, looking the same, and shown to a person."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from connectors.post import Form, Media
from connectors.registry import build, providers
from connectors.takes import JPEG, Limits, curable, unfit
from jobs.posting.fit import fitted, size_within
from jobs.posting.media import MediaError, inspect

LIMITS = Limits((JPEG,), 200_000, width=(320, 1440), height=(1, 1440), cmyk=False)


def made(path: Path, picture: Image.Image, kind: str = "PNG", **more: object) -> Media:
    picture.save(path, kind, **more)
    return inspect(path, "A text")


def opened(media: Media) -> Image.Image:
    return Image.open(media.path)


def test_a_picture_that_is_too_large_becomes_a_jpeg_that_fits(tmp_path: Path) -> None:
    """Of the same shape, as large as may be, under its own digest; the original stays as it was."""
    media = made(tmp_path / "p.png", Image.effect_noise((2000, 1500), 60))
    copy = fitted(media, LIMITS, tmp_path / "copies")
    assert not unfit(copy, LIMITS)
    assert (copy.type, copy.alt) == (JPEG, "A text")
    assert copy.width / copy.height == pytest.approx(2000 / 1500, rel=0.01)
    assert replace(inspect(Path(copy.path)), alt="A text", source=media.path) == copy
    assert Path(copy.path).name == f"{copy.sha256}.jpg"
    assert inspect(Path(media.path), "A text") == media
    assert fitted(media, LIMITS, tmp_path / "copies") == copy
    assert len(list((tmp_path / "copies").iterdir())) == 1


def test_a_simple_picture_keeps_all_the_pixels_that_are_allowed(tmp_path: Path) -> None:
    """The first try at full quality is small enough."""
    copy = fitted(made(tmp_path / "p.png", Image.new("RGB", (4000, 3000))), LIMITS, tmp_path)
    assert (copy.width, copy.height) == (1440, 1080)


def test_a_turned_picture_stands_upright_and_loses_the_camera_s_notes(tmp_path: Path) -> None:
    """Where it was taken is nobody's business."""
    picture = Image.new("RGB", (2000, 1000), "white")
    picture.paste("black", (0, 0, 1000, 1000))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "canary-camera"
    media = made(tmp_path / "p.jpg", picture, "JPEG", exif=exif)
    copy = fitted(media, LIMITS, tmp_path)
    assert (copy.width, copy.height) == (720, 1440)
    assert b"canary" not in Path(copy.path).read_bytes()
    with opened(copy) as shown:
        assert not shown.getexif()
        assert shown.getpixel((360, 100))[0] < 30
        assert shown.getpixel((360, 1340))[0] > 220


def test_what_one_can_see_through_becomes_white(tmp_path: Path) -> None:
    """JPEG has no transparency; black would hide a dark logo."""
    copy = fitted(made(tmp_path / "p.png", Image.new("RGBA", (2000, 50), (0, 0, 0, 0))), LIMITS, tmp_path)
    with opened(copy) as shown:
        assert shown.getpixel((5, 5)) == (255, 255, 255)


def test_the_colours_of_print_and_of_other_screens_become_those_of_the_web(tmp_path: Path) -> None:
    """By the picture's profile where it has one; a damaged profile is passed over."""
    print_ = made(tmp_path / "c.jpg", Image.new("CMYK", (400, 400), (0, 255, 255, 0)), "JPEG")
    with opened(fitted(print_, LIMITS, tmp_path)) as shown:
        red, green, blue = shown.getpixel((5, 5))
        assert (shown.mode, red > 200, green < 60, blue < 60) == ("RGB", True, True, True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for number, odd in enumerate((profile, b"no profile")):
        media = made(tmp_path / f"{number}.png", Image.new("RGB", (1500, 9), "red"), icc_profile=odd)
        with opened(fitted(media, replace(LIMITS, width=(1, 1440)), tmp_path)) as shown:
            assert shown.getpixel((5, 5))[0] > 240


def test_sixteen_bits_are_brought_down_not_cut(tmp_path: Path) -> None:
    """A middle grey stays one."""
    media = made(tmp_path / "p.png", Image.new("I;16", (2000, 2000), 32768))
    with opened(fitted(media, LIMITS, tmp_path)) as shown:
        assert 120 < shown.getpixel((5, 5))[0] < 136


def test_what_cannot_be_made_small_enough_is_told(tmp_path: Path) -> None:
    """Rather than a stamp of a picture."""
    media = made(tmp_path / "p.png", Image.effect_noise((500, 500), 90))
    with pytest.raises(MediaError, match="can't be made small enough"):
        fitted(media, replace(LIMITS, size=900), tmp_path)


@given(st.integers(1, 30_000), st.integers(1, 30_000), st.integers(0, 5000), st.integers(0, 5000))
def test_a_copy_is_never_larger_and_keeps_its_shape(width: int, height: int, most_wide: int, most_high: int) -> None:
    """Within the limits, and touching one of them unless nothing had to be done."""
    limits = Limits((JPEG,), 1, width=(1, most_wide), height=(1, most_high))
    wide, high = size_within(width, height, limits)
    assert 1 <= wide <= width
    assert 1 <= high <= height
    assert not most_wide or wide <= most_wide
    assert not most_high or high <= most_high
    small = (not most_wide or width <= most_wide) and (not most_high or height <= most_high)
    assert ((wide, high) == (width, height)) is small or min(width, height) <= 1


@pytest.mark.parametrize("provider", providers())
def test_a_copy_fits_every_network_that_takes_pictures(provider: str, tmp_path: Path) -> None:
    """A telephone's picture that is too large for all of them can be published on each."""
    noise = Image.effect_noise((3200, 2400), 120).convert("RGB")
    media = made(tmp_path / "p.bmp", noise, "BMP")
    takes = build(provider).takes(Form.POST)
    assert takes is not None
    assert takes.picture is not None
    assert curable(media, takes)
    copy = fitted(media, takes.picture, tmp_path)
    assert not unfit(copy, takes.picture)
    with io.BytesIO(Path(copy.path).read_bytes()) as content, Image.open(content) as shown:
        assert shown.format == "JPEG"
