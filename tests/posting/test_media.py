"""Files are what their content says; what is damaged, hostile or far too large is refused in one sentence."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.posting import video
from jobs.posting.media import MediaError, inspect, unchecked
from tests.posting import made
from tests.posting.made import needs_ffmpeg


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (40, 30), kind: str = "PNG", **more: object) -> Path:
    Image.new(mode, size).save(path, kind, **more)
    return path


@pytest.mark.parametrize(
    ("kind", "mode", "expected"),
    [
        ("JPEG", "RGB", "image/jpeg"),
        ("PNG", "RGBA", "image/png"),
        ("GIF", "P", "image/gif"),
        ("WEBP", "RGB", "image/webp"),
        ("TIFF", "RGB", "image/tiff"),
        ("BMP", "RGB", "image/bmp"),
    ],
)
def test_a_wrong_extension_deceives_nobody(tmp_path: Path, kind: str, mode: str, expected: str) -> None:
    """The type is what the bytes are, whatever the file is called."""
    found = inspect(picture(tmp_path / "p.mp4", mode, kind=kind))
    assert (found.type, found.width, found.height, found.animated, found.cmyk) == (expected, 40, 30, False, False)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40)), (8, (30, 40))])
def test_a_turned_picture_has_the_size_that_is_shown(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    """Cameras turn pictures by a note in the file."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = inspect(picture(tmp_path / "p.jpg", kind="JPEG", exif=exif))
    assert (found.width, found.height) == size


def test_a_picture_that_says_where_it_was_taken_is_noticed(tmp_path: Path) -> None:
    """In EXIF of JPEG, PNG and WebP, or in XMP; other notes of a camera say nothing of that."""
    exif = Image.Exif()
    exif[0x010F] = "camera"
    assert not inspect(picture(tmp_path / "n.jpg", kind="JPEG", exif=exif)).located
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    for kind in ("JPEG", "PNG", "WEBP"):
        assert inspect(picture(tmp_path / f"p.{kind}", kind=kind, exif=exif)).located
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>52,31.2N</exif:GPSLatitude></x:xmpmeta>'
    assert inspect(picture(tmp_path / "x.jpg", kind="JPEG", xmp=xmp)).located


def test_the_colours_of_print_and_movement_are_noticed(tmp_path: Path) -> None:
    """Both change what a network does with a picture."""
    assert inspect(picture(tmp_path / "c.jpg", "CMYK", kind="JPEG")).cmyk
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green")]
    frames[0].save(tmp_path / "m.gif", save_all=True, append_images=frames[1:])
    assert inspect(tmp_path / "m.gif").animated


def test_a_telephone_s_double_picture_is_a_jpeg_that_stands_still(tmp_path: Path) -> None:
    """Many telephones hide a second picture in the file."""
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green")]
    frames[0].save(tmp_path / "p.jpg", "MPO", save_all=True, append_images=frames[1:])
    found = inspect(tmp_path / "p.jpg")
    assert (found.type, found.animated) == ("image/jpeg", False)


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 20_000)])
def test_odd_sizes_are_measured(tmp_path: Path, size: tuple[int, int]) -> None:
    """Whether a network takes them is its own affair."""
    found = inspect(picture(tmp_path / "p.png", "1", size))
    assert (found.width, found.height) == size


def test_a_picture_that_would_fill_the_memory_is_not_opened(tmp_path: Path) -> None:
    """Twenty thousand pixels square, in a few kilobytes."""
    path = tmp_path / "p.png"
    Image.MAX_IMAGE_PIXELS, kept = None, Image.MAX_IMAGE_PIXELS
    try:
        picture(path, "1", (20_000, 20_000))
    finally:
        Image.MAX_IMAGE_PIXELS = kept
    with pytest.raises(MediaError, match="too many pixels"):
        inspect(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_picture_that_was_cut_off_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    """Half an upload, half a copy: better told now than when it is due."""
    path = tmp_path / "p"
    Image.effect_noise((90, 90), 80).convert("P" if kind == "GIF" else "RGB").save(path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(MediaError, match=r"damaged|no picture"):
        inspect(path)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBP"])
)
def test_no_bytes_are_too_odd(tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes) -> None:
    """Whatever is in a file, the answer is a sentence, if only that nobody could look into it."""
    path = tmp_path_factory.getbasetemp() / "odd"
    path.write_bytes(start + content)
    with contextlib.suppress(MediaError):
        assert unchecked(inspect(path)) is not None


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe would be waited for without end."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(MediaError, match="is no file"):
            inspect(tmp_path / name)
    with pytest.raises(MediaError, match="No such file"):
        inspect(tmp_path / "none.png")


def test_nothing_is_read_of_a_file_that_no_network_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more than the largest is refused by its size alone."""
    path = tmp_path / "p.png"
    size = picture(path).stat().st_size
    assert inspect(path, largest=size).size == size
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(MediaError, match=f"has {size} bytes, more than any network takes"):
        inspect(path, largest=size - 1)


def test_a_program_in_a_picture_s_clothes_is_not_started(tmp_path: Path) -> None:
    """PostScript would be handed to an interpreter."""
    path = tmp_path / "p.eps"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(MediaError, match="no picture"):
        inspect(path)


def test_a_hostile_name_moves_no_cursor(tmp_path: Path) -> None:
    """What a terminal would obey is not shown."""
    path = tmp_path / "a\x1b[2Jb.png"
    path.write_text("hello")
    with pytest.raises(MediaError, match=r"a\?\[2Jb.png is no picture"):
        inspect(path)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "kind", "codecs", "more"),
    [
        ("a.mp4", "video/mp4", ("h264", "aac"), ("-pix_fmt", "yuv420p")),
        ("a.mov", "video/quicktime", ("h264", "aac"), ("-pix_fmt", "yuv420p")),
        ("a.webm", "video/webm", ("vp9", "opus"), ()),
        ("a.mkv", "video/x-matroska", ("h264", "vorbis"), ()),
    ],
)
def test_a_video_is_looked_into(
    tmp_path: Path, name: str, kind: str, codecs: tuple[str, ...], more: tuple[str, ...]
) -> None:
    """Length, size, speed and codecs, by its content and not its name."""
    path = made.video(tmp_path / name, more=more).rename(tmp_path / "-i http:picture.png")
    found = inspect(path)
    assert (found.type, found.codecs, found.width, found.height, found.fps) == (kind, codecs, 64, 48, 25)
    assert found.seconds == pytest.approx(1, abs=0.1)
    assert unchecked(found) is None


@needs_ffmpeg
def test_a_turned_video_has_the_size_that_is_shown(tmp_path: Path) -> None:
    """Telephones film lying down and note how they were held."""
    path = made.video(tmp_path / "a.mp4")
    turned = tmp_path / "t.mp4"
    command = [made.FFMPEG, "-v", "error", "-display_rotation", "90", "-i", str(path), "-c", "copy", str(turned)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        command = [made.FFMPEG, "-v", "error", "-i", str(path), "-c", "copy", "-metadata:s:v", "rotate=90", str(turned)]
        subprocess.run(command, check=True)
    found = inspect(turned)
    assert (found.width, found.height) == (48, 64)


@needs_ffmpeg
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_video_that_was_cut_off_is_refused(tmp_path: Path, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there is no ffprobe to tell."""
    path = made.video(tmp_path / "a.mp4", more=("-movflags", "faststart"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(MediaError, match="damaged or cut off"):
        inspect(path)
    monkeypatch.setattr("jobs.posting.video.shutil.which", lambda _: None)
    with pytest.raises(MediaError, match="damaged or cut off"):
        inspect(path)


@needs_ffmpeg
def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    """Nothing would be shown."""
    path = made.video(tmp_path / "a.mp4", more=("-vn",))
    with pytest.raises(MediaError, match="no pictures"):
        inspect(path)


@needs_ffmpeg
def test_without_ffprobe_one_warning_says_what_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The type is still known, and the post may go out."""
    path = made.video(tmp_path / "a.mp4")
    monkeypatch.setattr("jobs.posting.video.shutil.which", lambda _: None)
    found = inspect(path)
    assert (found.type, found.width, found.seconds) == ("video/mp4", 0, 0)
    warning = unchecked(found)
    assert warning is not None
    assert warning.warning
    assert "install ffmpeg" in warning.what


@needs_ffmpeg
def test_a_video_that_takes_too_long_to_look_into_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a file that was made to be slow."""
    path = made.video(tmp_path / "a.mp4")
    monkeypatch.setattr(video, "PATIENCE", 0.0001)
    with pytest.raises(MediaError, match="could not be looked into"):
        inspect(path)


@needs_ffmpeg
def test_a_list_of_other_files_in_a_video_s_clothes_leads_nowhere(tmp_path: Path) -> None:
    """A playlist would make ffprobe read what it names; only what begins like a video is looked into."""
    path = tmp_path / "a.mp4"
    path.write_text(f"ffconcat version 1.0\nfile {made.video(tmp_path / 'b.mp4')}\n")
    with pytest.raises(MediaError, match="no picture and no video"):
        inspect(path)


@given(st.binary(max_size=600))
def test_no_beginning_is_too_odd(head: bytes) -> None:
    """A type, or none."""
    assert video.container(head) in {None, *video.DEMUXERS}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x18ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x18ftypheic", None),
        (b"\0\0\0\x08wide", "video/quicktime"),
        (b"\x1a\x45\xdf\xa3....webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3....matroska", "video/x-matroska"),
        (b"RIFF....AVI LIST", "video/x-msvideo"),
        (b"RIFF....WEBP", None),
        (b"\0\0\x01\xba", "video/mpeg"),
        (b"G" + b"x" * 187 + b"G", "video/mp2t"),
        (b"GIF89a" + b"x" * 300, None),
    ],
)
def test_containers_by_their_first_bytes(head: bytes, kind: str | None) -> None:
    """Pictures in the same clothes (HEIC, WebP) are none of them."""
    assert video.container(head) == kind


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "p.jpg is empty"), (HEIC, "HEIC picture.*save it as JPEG"), (b"<svg/>", "no picture")]
)
def test_what_can_not_be_used_is_told_for_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    """A telephone's own format above all, which every program on it shows."""
    path = tmp_path / "p.jpg"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=words):
        inspect(path)


@pytest.mark.parametrize("name", ["loop", "folder", "pipe", "device"])
def test_a_name_that_leads_to_no_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """Links in a circle, folders, pipes that nobody writes to, devices without end."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with pytest.raises(MediaError):
        inspect(tmp_path / name)
