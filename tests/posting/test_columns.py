"""What a campaign's columns for files, forms and comments mean; rows without them are what they always were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from automator.posting.campaigns import save
from automator.posting.posts import Listed
from connectors.post import Form, Media, Part, Tag
from connectors.registry import build
from jobs.posting.campaign import Rules, Verdict, judge
from jobs.posting.deliver import dump, parse
from jobs.posting.media import inspect
from jobs.posting.planned import Earlier
from jobs.posting.preview import previews
from jobs.posting.rows import Row, alt_cell, divided, joined, read

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = "2026-12-01 09:00"
NETWORKS = {"x/brand": build("x"), "bluesky/brand": build("bluesky")}
DOT = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
MP4 = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov"


def rules(base: Path, earlier: Sequence[Earlier] = ()) -> Rules:
    return Rules(base, NOW, "UTC", NETWORKS, earlier=earlier)


def one(base: Path, earlier: Sequence[Earlier] = (), **cells: str) -> Verdict:
    """What is said of a row."""
    given: dict[str, Any] = {"to": ("x/brand",), "at": AT, "text": "A text"} | cells
    (verdict,) = judge([Row(1, **given)], rules(base, earlier))
    return verdict


def wrong(verdict: Verdict) -> list[str]:
    return [f"{item.field}: {item.what}" for item in verdict.problems if not item.warning]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("jobs.posting.video.shutil.which", lambda _: None)  # the video is one by its first bytes only
    for number, name in enumerate(("a.png", "b.png", "c|d.png"), 1):
        Image.new("RGB", (10 * number, 10)).save(tmp_path / name)
    (tmp_path / "v.mp4").write_bytes(MP4)
    return tmp_path


OLD = [
    ("add1f3b89ad375eb2fe1cc1fe3bfa0f7512c894f34cc675783652a108bf02e8b", ",x/brand,2026-12-01 09:00,Same,,,"),
    ("f95c7a4099038d65ed4ec1fc062ad3dbff30113cd2d2c2f930173ff4ea1f44ff", ",x/brand,2026-12-01 09:00,Same,,,"),
    ("b895d845fb23a5c181f331d3d754de67d85172d254575f6596caeff4bbb42404", "k1,x/brand,2026-12-01 09:00,Mine,,,"),
    (
        "a50785519b2d314dd6ed508686740739fcfdcd8863e909f78b2100e826ab352e",
        ',x/brand,2026-12-02 09:00 Europe/Berlin,"One\n---\nTwo",p.gif,"a | b",yes',
    ),
]


@pytest.mark.parametrize("more", ["", ",video,form,comment,collaborators,tags,fit"])
def test_rows_without_the_newer_columns_are_the_posts_they_always_were(tmp_path: Path, more: str) -> None:
    """A file that an older version imported plans nothing twice; these identities are that version's."""
    (tmp_path / "p.gif").write_bytes(DOT)
    path = tmp_path / "c.csv"
    lines = [f"id,to,at,text,image,alt,thread{more}", *(f"{row}{',' * more.count(',')}" for _, row in OLD)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    verdicts = judge(read(path), rules(tmp_path))
    assert [planned.identity for verdict in verdicts for planned in verdict.deliveries] == [known for known, _ in OLD]
    assert verdicts[-1].deliveries[0].parts[0].media[0].alt == "a | b"


def test_what_is_new_in_a_row_makes_it_another_post(base: Path) -> None:
    """Each column that changes what the world sees is part of what the row is; asking for a copy is not."""
    plain = {"image": "a.png"}
    rows: list[dict[str, str]] = [
        plain,
        {"image": "a.png|b.png"},
        {"image": "b.png|a.png"},
        {**plain, "form": "story"},
        {**plain, "comment": "First"},
        {**plain, "collaborators": "anna"},
        {**plain, "tags": "anna@0.1,0.2"},
        {**plain, "tags": "anna@0.1,0.3"},
        {"video": "v.mp4"},
        {"text": "A text\n---\nFirst", "thread": "yes", "image": "a.png"},
    ]
    found = [one(base, **row).deliveries[0].identity for row in rows]
    assert len(set(found)) == len(rows)
    assert one(base, **plain, form="post", fit="yes").deliveries[0].identity == found[0]


def test_several_pictures_have_their_texts_in_order(base: Path) -> None:
    """Fewer texts than files is told, more is refused; a bar in a name is written with a backslash."""
    verdict = one(base, image="a.png | b.png", alt="First|Second")
    (part,) = verdict.deliveries[0].parts
    assert [(media.width, media.alt) for media in part.media] == [(10, "First"), (20, "Second")]
    verdict = one(base, image="a.png|b.png", alt="First")
    assert verdict.ok
    assert [item.what for item in verdict.problems] == ["x/brand: b.png has no text for people who can't see it"]
    (refusal,) = wrong(one(base, image="a.png|b.png", alt="1|2|3"))
    assert "3 texts for 2 files" in refusal
    assert one(base, image=r"c\|d.png", alt="One | text").deliveries[0].parts[0].media[0].alt == "One | text"


def test_files_stand_in_the_column_of_their_kind(base: Path) -> None:
    """A slip is told instead of published."""
    assert "v.mp4 is a video" in wrong(one(base, image="v.mp4"))[0]
    assert "a.png is a picture" in wrong(one(base, video="a.png"))[0]
    verdict = one(base, video="v.mp4", alt="A clip")
    assert verdict.deliveries[0].parts[0].media[0].alt == "A clip"
    assert verdict.deliveries[0].parts[0].media[0].type == "video/mp4"


def test_a_comment_is_the_last_part_and_a_form_the_first_one_s(base: Path) -> None:
    """In a thread too; what can't be is refused."""
    verdict = one(base, text="One\n---\nTwo", thread="yes", comment="And this", collaborators="@anna, ben")
    assert [(part.text, part.form) for part in verdict.deliveries[0].parts] == [
        ("One", Form.POST),
        ("Two", Form.POST),
        ("And this", Form.COMMENT),
    ]
    assert verdict.deliveries[0].parts[0].collaborators == ("anna", "ben")
    assert wrong(verdict) == []
    assert wrong(one(base, form="film")) == ["form: 'film' is no form; write post, reel or story"]
    said = wrong(one(base, text="One\n---\nTwo", thread="yes", form="reel"))
    assert any("a reel can't be a thread" in what for what in said)
    assert any("X has no reels" in what for what in said)
    (refusal,) = wrong(one(base, comment="x" * 281))
    assert refusal.startswith("comment: text: x/brand: it counts 281")
    assert "neither yes nor no" in wrong(one(base, fit="perhaps"))[0]


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("anna", [Tag("anna")]),
        ("@anna@0.25,1 ben.b@0,0.5", [Tag("anna", 0.25, 1), Tag("ben.b", 0, 0.5)]),
        ("anna@1.01,0", None),
        ("anna@x,y", None),
        ("@", None),
        ("anna@0.5", None),
    ],
)
def test_people_in_pictures(base: Path, cell: str, tags: list[Tag] | None) -> None:
    """A name, and where; the middle if it does not say."""
    verdict = one(base, image="a.png", tags=cell)
    if tags is None:
        assert "NAME@X,Y" in wrong(verdict)[0]
    else:
        assert list(verdict.deliveries[0].parts[0].media[0].tags) == tags
    assert "2 lists of people for 1 picture" in wrong(one(base, image="a.png", tags="anna|ben"))[0]


def test_a_copy_is_made_only_when_asked_and_shown(tmp_path: Path) -> None:
    """For the network that needs it; the others get the picture as it is."""
    Image.effect_noise((1500, 1200), 90).save(tmp_path / "p.png")
    row = {"to": ("bluesky/brand", "x/brand"), "image": "p.png", "alt": "Noise"}
    size = (tmp_path / "p.png").stat().st_size
    Image.new("RGB", (9, 9)).save(tmp_path / "small.png")
    while size <= 2_000_000:
        Image.effect_noise((2100, 1200), 120).save(tmp_path / "p.png")
        size = (tmp_path / "p.png").stat().st_size
    refused = one(tmp_path, **row)  # type: ignore[arg-type]
    (what,) = wrong(refused)
    assert "let --fit make a copy that fits" in what
    assert not (tmp_path / "copies").exists()
    verdict = one(tmp_path, **row, fit="yes")  # type: ignore[arg-type]
    assert verdict.ok
    (note,) = verdict.notes
    assert note.startswith("p.png 2100x1200 PNG -> ")
    assert note.endswith(" JPEG for bluesky/brand")
    bluesky, x = (planned.parts[0].media[0] for planned in verdict.deliveries)
    assert (bluesky.type, bluesky.alt, x.type) == ("image/jpeg", "Noise", "image/png")
    assert bluesky.size <= 2_000_000
    assert refused.deliveries[0].identity == verdict.deliveries[0].identity
    assert one(tmp_path, image="small.png", fit="yes").notes == ()
    moved = tuple(
        replace(part, media=(replace(part.media[0], path="/elsewhere"),)) for part in verdict.deliveries[0].parts
    )
    at = datetime(2026, 12, 1, 9, tzinfo=UTC)
    earlier = [Earlier("e" * 16, "bluesky/brand", verdict.deliveries[0].identity, at, moved)]
    again = one(tmp_path, earlier, **row, fit="yes")  # type: ignore[arg-type]
    assert not any("posts edit" in item.what for item in again.problems)  # the copy is the same, wherever it lies


@given(st.lists(st.text("ab|\\ ", min_size=1, max_size=5).map(str.strip).filter(bool), min_size=1, max_size=4))
def test_several_values_in_one_cell_come_back(items: list[str]) -> None:
    """Also when they hold the bar that divides them, as long as none ends in its sign."""
    clean = [item.replace("\\", "") or "a" for item in items]
    assert divided(joined(clean)) == [item.strip() for item in clean]


def test_a_text_for_the_only_file_may_hold_anything() -> None:
    """Older files are read as they were meant."""
    assert alt_cell(["a | b"], 1) == "a | b"
    assert divided(alt_cell(["a | b", "c"], 2)) == ["a | b", "c"]


def listed(planned: Sequence[Part]) -> Listed:
    at = datetime(2026, 12, 1, 9, tzinfo=UTC)
    return Listed("f" * 16, "p", "x/brand", at, "UTC", AT, "scheduled", "", tuple(planned), ())


PEOPLE = (Tag("anna", 0.1, 0.2), Tag("ben"))


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize(
    "cells",
    [
        {"image": "a.png|b.png", "alt": "First, with | a bar|Second", "tags": "|anna@0.1,0.2 ben@0.5,0.5"},
        {"image": "a.png", "alt": "One | text"},
        {"image": r"c\|d.png|a.png", "alt": "|Second"},
        {"video": "v.mp4", "alt": "A clip", "comment": "See\nthis", "form": "reel"},
        {"text": "One\n---\nTwo", "thread": "yes", "comment": "Last", "collaborators": "anna ben"},
    ],
)
def test_what_is_exported_is_planned_only_once(base: Path, cells: dict[str, str], ending: str) -> None:
    """The file that is written says the same again, and its rows are known for the posts that they were written from."""
    if cells.get("alt", "").count("|") == 2:
        cells = cells | {"alt": r"First, with \| a bar|Second"}
    (planned,) = one(base, **cells).deliveries
    path = base / f"out.{ending}"
    assert save(path, [listed(planned.parts)]) == 1
    earlier = Earlier("f" * 16, "x/brand", planned.identity, datetime(2026, 12, 1, 9, tzinfo=UTC), planned.parts)
    (row,) = read(path)
    (again,) = judge([row], rules(base, [earlier]))
    assert again.deliveries[0].parts == planned.parts
    assert again.deliveries[0].identity == planned.identity
    assert not any("posts edit" in item.what for item in again.problems)


def test_lists_in_json_are_the_same_as_cells(base: Path) -> None:
    """Several files and their texts as lists."""
    path = base / "c.json"
    post = {"to": ["x/brand"], "at": AT, "text": "A text", "image": ["a.png", "c|d.png"], "alt": ["a|b", "c"]}
    path.write_text(json.dumps([post, post | {"image": ["c|d.png"], "alt": ["a|b"]}]), encoding="utf-8")
    first, second = judge(read(path), rules(base))
    assert [media.alt for media in first.deliveries[0].parts[0].media] == ["a|b", "c"]
    assert [media.alt for media in second.deliveries[0].parts[0].media] == ["a|b"]


def test_where_a_picture_was_taken_is_told_to_the_world_by_nobody_unasked(tmp_path: Path) -> None:
    """Bluesky gives files to anybody as they are: a person hears of it before, and a copy that fits does not say it."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    Image.new("RGB", (400, 300)).save(tmp_path / "home.jpg", exif=exif)
    to = ("x/brand", "bluesky/brand")
    told = one(tmp_path, to=to, image="home.jpg", alt="Home")  # type: ignore[arg-type]
    assert told.ok
    (warning,) = [problem.what for problem in told.problems if "where it was taken" in problem.what]
    assert warning.startswith("bluesky/brand: home.jpg")
    cured = one(tmp_path, to=to, image="home.jpg", alt="Home", fit="yes")  # type: ignore[arg-type]
    assert not [problem for problem in cured.problems if "where it was taken" in problem.what]
    x, bluesky = (delivery.parts[0].media[0] for delivery in cured.deliveries)
    assert x.path == str(tmp_path / "home.jpg")
    assert not inspect(Path(bluesky.path)).located
    assert {delivery.identity for delivery in cured.deliveries} == {item.identity for item in told.deliveries}


def test_what_was_stored_comes_back(base: Path) -> None:
    """Also what an older version stored, which lacks what is new."""
    verdict = one(base, image="a.png|b.png", alt="1|2", tags="anna@0.1,0.2", comment="First", collaborators="ben")
    parts = verdict.deliveries[0].parts
    assert parse(dump(parts)) == parts
    (old,) = json.loads(dump([Part("Old", (parts[0].media[0],))]))
    for name in ("form", "collaborators"):
        del old[name]
    for name in ("seconds", "fps", "codecs", "animated", "tags", "cmyk", "located"):
        del old["media"][0][name]
    assert parse(json.dumps([old])) == (Part("Old", (replace(parts[0].media[0], tags=()),)),)


def test_a_preview_shows_what_each_network_will_get(base: Path) -> None:
    """Texts, counters, files, cards and costs; also where something is still wrong."""
    verdict = one(base, to=("x/brand", "bluesky/brand"), text="See https://example.com/a?b", comment="Né 👩‍👩‍👧‍👦")  # type: ignore[arg-type]
    x, bluesky = previews(verdict, NETWORKS)
    assert [(piece.shown.used, piece.shown.limit, piece.shown.unit) for piece in x.pieces] == [
        (27, 280, "weighted"),
        (5, 280, "weighted"),
    ]
    assert [piece.shown.used for piece in bluesky.pieces] == [27, 4]
    assert {x.pieces[0].shown.card, bluesky.pieces[0].shown.card} == {"https://example.com/a?b"}
    assert (str(x.cost), bluesky.cost) == ("0.215", 0)
    pictured = previews(one(base, text="See https://example.com", image="a.png", at="some day"), NETWORKS)
    assert pictured[0].pieces[0].shown.card == ""
    assert (pictured[0].at, pictured[0].instant) == ("", "")
    assert json.loads(json.dumps(pictured[0].as_json()))["parts"][0]["media"][0]["width"] == 10


@pytest.mark.parametrize(
    ("written", "weighted", "characters"),
    [
        ("", 0, 0),
        ("👩‍👩‍👧‍👦", 2, 1),
        ("👍🏽🇻🇳", 4, 2),
        ("e\u0301", 1, 1),
        ("a\u0301\u0302\u0303", 3, 1),
        ("שלום עולם", 9, 9),
        ("مرحبا", 5, 5),
        ("a\u200bb\u200cc\u200dd", 7, None),
        ("\u202eabc\u202c", 7, None),
        ("日本", 4, 2),
        ("\u2764\ufe0f", 2, 1),
        ("1\ufe0f\u20e3", 2, 1),
    ],
)
def test_counters_count_as_the_networks_do(written: str, weighted: int, characters: int | None) -> None:
    """Emoji sequences, combining marks, right-to-left scripts, and what has no width."""
    assert NETWORKS["x/brand"].preview(Part(written)).used == weighted
    if characters is not None:
        assert NETWORKS["bluesky/brand"].preview(Part(written)).used == characters


def test_media_of_a_comment_is_the_networks_affair() -> None:
    """The same limits count there."""
    media = Media("/p/a.png", "image/png", 9, "0" * 64, 9, 9, "A text")
    assert NETWORKS["x/brand"].check([Part("A"), Part("B", (media,) * 4, Form.COMMENT)]) == []
    (problem,) = NETWORKS["x/brand"].check([Part("A"), Part("B", (media,) * 5, Form.COMMENT)])
    assert problem.field == "comment: media"


@pytest.mark.parametrize("field", ["text", "comment", "id", "alt", "at", "image", "collaborators"])
@pytest.mark.parametrize("strange", ["\ud83d", "\0", "\x1b", "\x0b", "\uffff"])
def test_what_is_no_character_of_a_text_is_refused(field: str, strange: str) -> None:
    """Halves of emoji cut by a program, and what steers terminals: no network takes them, and nothing can store them."""
    given = {"to": ("x/brand",), "at": "2026-12-01 09:00", "text": "A"} | {field: f"some{strange}thing"}
    (verdict,) = judge([Row(1, **given)], rules(Path()))  # type: ignore[arg-type]
    assert not verdict.ok
    assert f"U+{ord(strange):04X}, after 'some'" in " ".join(item.what for item in verdict.problems)
    assert all(strange not in item.what for item in verdict.problems)


def test_emoji_joiners_and_directions_are_characters() -> None:
    """Families, flags, and text from right to left."""
    text = "\U0001f469\u200d\U0001f467 \U0001f3f4\U000e0067\U000e007f \u2067\u05e9\u2069 e\u0301 \u00a0\tx\ny"
    (verdict,) = judge([Row(1, ("x/brand",), "2026-12-01 09:00", text)], rules(Path()))
    assert verdict.ok


def test_files_are_named_as_a_person_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the folder of the campaign, or from one's own; an address is no file."""
    monkeypatch.setenv("HOME", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "own" / "a.png")
    names = ["own/a.png", "~/a.png", "https://example.com/a.png"]
    rows_ = [Row(1, ("x/brand",), "2026-12-01 09:00", "A", image=name) for name in names]
    *found, address = judge(rows_, rules(tmp_path))
    assert [verdict.deliveries[0].parts[0].media[0].path for verdict in found] == [str(tmp_path / "own" / "a.png")] * 2
    assert any("is an address; download" in problem.what for problem in address.problems)


@pytest.mark.parametrize(
    ("field", "written", "words"),
    [
        ("to", ("X/Brand",), "did you mean x/brand?"),
        ("to", ("x/brnad",), "did you mean x/brand?"),
        ("to", ("mastodon/main",), "automator accounts add mastodon/main"),
        ("at", "2062-12-01 09:00", "is the year right?"),
    ],
)
def test_a_slip_of_the_pen_is_pointed_out(field: str, written: Any, words: str) -> None:
    """A name that is almost one's own, and a year that nobody plans for."""
    given = {"to": ("x/brand",), "at": "2026-12-01 09:00", "text": "A"} | {field: written}
    (verdict,) = judge([Row(1, **given)], rules(Path()))
    assert any(problem.field == field and words in problem.what for problem in verdict.problems)
    assert verdict.ok == (field == "at")
