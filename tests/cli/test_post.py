"""``automator post``: what is shown before, and what goes out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.conftest import Shell
from tests.posting.made import needs_ffmpeg, video


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    found = []
    for number, name in enumerate(("a.png", "b.png"), 1):
        Image.new("RGB", (10 * number, 10)).save(tmp_path / name)
        found += ["--image", str(tmp_path / name)]
    return found


def test_what_can_not_be_fetched_is_told_before_it_is_planned(shell: Shell, tmp_path: Path) -> None:
    """While config.toml names no media host, Instagram could not get a picture when its time has come."""
    Image.new("RGB", (400, 400)).save(tmp_path / "a.jpg")
    wanted = ("post", "Hello", "--to", "instagram/brand", "--image", str(tmp_path / "a.jpg"), "--at", "tomorrow 09:00")
    for more in ((), ("--dry-run",)):
        said = shell.run(*wanted, *more, code=2)
        assert "a.jpg has to be fetched from a public address; set [media] in config.toml" in said


def test_a_dry_run_shows_what_each_account_will_get(shell: Shell, pictures: list[str]) -> None:
    """Texts, counters, files, comment, card, cost and time; nothing is planned."""
    before = shell.run("posts", "list")
    options = [*pictures, "--alt", "First", "--alt", "Second", "--tag", "1:anna@0.1,0.2", "--collaborator", "ben"]
    when = ["--at", "2099-12-01 09:00", "--tz", "Europe/Berlin", "--comment", "More: example.org"]
    said = shell.run("post", "Hello", "--to", "x/brand", "--to", "bluesky/brand", *options, *when, "--dry-run")
    for line in (
        "x/brand  2099-12-01 09:00 Europe/Berlin, about $0.225",
        "bluesky/brand  2099-12-01 09:00 Europe/Berlin\n",
        "1. post, 5 of 280 weighted, with ben",
        "a.png: 10x10 PNG, 0.1 kB, 'First', anna at 0.1,0.2",
        "b.png: 20x10 PNG, 0.1 kB, 'Second'",
        "2. comment, 29 of 280 weighted",
        "[card of example.org]",
        "2. comment, 17 of 300 characters",
        "[card of https://example.org]",
        "warning: tags: x/brand: X names nobody in a.png",
        "warning: collaborators: bluesky/brand: Bluesky has no collaborators",
    ):
        assert line in said, line
    assert shell.run("posts", "list") == before


def test_a_dry_run_names_every_problem_and_fails(shell: Shell, tmp_path: Path) -> None:
    """All of them at once, as text and as JSON, with what would be published."""
    Image.effect_noise((2600, 2600), 120).save(tmp_path / "p.png")
    long = ["x" * 301, "--to", "x/brand", "--to", "bluesky/brand", "--to", "x/nobody", "--at", "someday"]
    picture = ["--image", str(tmp_path / "p.png")]
    said = shell.run("post", *long, *picture, "--form", "story", "--dry-run", code=2)
    for words in (
        "x/brand  at no time",
        "story, 301 of 280 weighted",
        "at: 'someday' is no time",
        "x/nobody is not connected",
        "more than X's 280",
        "more than Bluesky's 300",
        "form: x/brand: X has no stories",
        "form: bluesky/brand: Bluesky has no stories",
        "it could not be planned so",
    ):
        assert words in said, words
    said = shell.run("post", "A", "--to", "bluesky/brand", *picture, "--dry-run", "--json", code=2)
    told: dict[str, Any] = json.loads(said[: said.rindex("automator:")])
    assert told["ok"] is False
    assert "let --fit make a copy" in told["problems"][0]["what"]
    said = shell.run("post", "A", "--to", "bluesky/brand", *picture, "--fit", "--dry-run", "--json")
    told = json.loads(said)
    assert told["ok"] is True
    assert told["deliveries"][0]["parts"][0]["media"][0]["type"] == "image/jpeg"
    assert told["notes"][0].startswith("p.png 2600x2600 PNG -> ")
    assert told["deliveries"][0]["parts"][0]["media"][0]["source"] == str(tmp_path / "p.png")
    said = shell.run("post", "A", "--to", "bluesky/brand", *picture, "--fit", "--dry-run")
    assert re.search(r"\[p\.png, fitted to (\d+) x \1: \1x\1 JPEG, \d\.\d MB", said), said
    assert "warning: alt: bluesky/brand: p.png has no text for people who can't see it" in said
    assert not (shell.home / "media").exists()


def to_both(shell: Shell) -> dict[str, list[dict[str, Any]]]:
    """What the worlds of the two networks show that are posted to here."""
    return {name: posts for name, posts in shell.world().items() if name in {"x", "bluesky"}}


def test_several_pictures_and_a_comment_go_out_to_both(shell: Shell, pictures: list[str], tmp_path: Path) -> None:
    """In order, with their texts; the comment is a reply; what was too large went out as the copy that was shown."""
    Image.effect_noise((2000, 2000), 120).save(tmp_path / "p.png")
    files = [*pictures, "--image", str(tmp_path / "p.png"), "--alt", "One", "--alt", "Two", "--alt", "Noise"]
    said = shell.run(
        "post", "Three of them", "--to", "x/brand", "--to", "bluesky/brand", *files, "--fit", "--comment", "A reply"
    )
    assert "note: p.png 2000x2000 PNG -> " in said
    shell.run("run-due")
    for provider, world in to_both(shell).items():
        post = next(post for post in world if post["text"] == "Three of them")
        reply = next(post for post in world if post["text"] == "A reply")
        assert (post["images"], reply["reply_to"]) == (3, post["id"]), provider
    (copy,) = (shell.home / "media").iterdir()
    assert copy.suffix == ".jpg"


@needs_ffmpeg
def test_a_video_goes_out_to_both(shell: Shell, tmp_path: Path) -> None:
    """X works on it for a while, and the post follows when it is ready."""
    clip = str(video(tmp_path / "v.mp4", seconds=2, size="320x240", more=("-pix_fmt", "yuv420p")))
    given = ["--to", "x/brand", "--to", "bluesky/brand", "--video", clip, "--alt", "A test card"]
    said = shell.run("post", "It moves", *given, "--dry-run")
    assert "v.mp4: 320x240 MP4" in said
    assert ", 2 s, 'A test card'" in said
    shell.run("post", "It moves", *given)
    shell.run("run-due", "--wait", "20")
    found = [post for post in json.loads(shell.run("posts", "list", "--json")) if post["texts"] == ["It moves"]]
    assert [post["state"] for post in found] == ["done", "done"]
    for world in to_both(shell).values():
        assert [post["images"] for post in world if post["text"] == "It moves"] == [1]


def test_a_campaign_with_pictures_and_comments_is_known_after_its_export(
    shell: Shell, pictures: list[str], tmp_path: Path
) -> None:
    """What is exported and imported again plans nothing."""
    shell.run("post", "Kept", "--to", "x/brand", *pictures, "--comment", "Why", "--at", "in 2 hours")
    file = tmp_path / "out.csv"
    shell.run("posts", "export", "--to", str(file), "--planned")
    assert " 0 posts planned, 1 planned before" in shell.run("posts", "import", str(file))


def test_a_changed_text_keeps_pictures_and_comment(shell: Shell, pictures: list[str]) -> None:
    """Editing is for the words."""
    given = ["--to", "bluesky/brand", *pictures, "--alt", "One", "--alt", "Two", "--comment", "Stays"]
    delivery = shell.run("post", "Frist", *given, "--at", "in 2 hours").split()[-1]
    shell.run("posts", "edit", delivery, "--text", "First of two", "--at", "now")
    shell.run("run-due")
    world = shell.world()["bluesky"]
    post = next(post for post in world if post["text"] == "First of two")
    assert post["images"] == 2
    assert next(post for post in world if post["text"] == "Stays")["reply_to"] == post["id"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--alt", "a", "--alt", "b"], "2 times --alt for 0 files"),
        (["--tag", "anna"], "there is no picture to tag"),
        (["--image", "{0}", "--tag", "2:anna"], "there is no picture 2"),
        (["--image", "{0}", "--tag", "anna@5,5"], "'anna@5,5' names nobody"),
        (["--image", "{0}", "--image", "none.png"], "none.png can't be read"),
        (["--video", "{0}"], "a.png is a picture"),
        (["--form", "film"], "'film' is no form"),
    ],
)
def test_a_slip_gets_one_sentence(shell: Shell, pictures: list[str], options: list[str], words: str) -> None:
    """With exit code 2, and nothing planned."""
    given = [option.format(pictures[1]) for option in options]
    assert words in shell.run("post", "A", "--to", "x/brand", *given, code=2)


def test_a_picture_behind_links_in_a_circle_is_told_of(shell: Shell, tmp_path: Path) -> None:
    """As any other that can't be read."""
    (tmp_path / "loop.png").symlink_to("loop.png")
    for option in ("--image", "--video"):
        said = shell.run("post", "Hi", "--to", "x/brand", option, str(tmp_path / "loop.png"), "--dry-run", code=2)
        assert "can't be read: Too many levels" in said
