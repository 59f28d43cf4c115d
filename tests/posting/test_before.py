"""A row beside what was planned before: known again, told of as edited, or kept from going out beside it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from connectors.post import Part
from connectors.registry import build
from jobs.posting.campaign import Rules, judge
from jobs.posting.planned import Earlier
from jobs.posting.rows import read

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DATA = os.environ.get("AUTOMATOR_DATA")
ROOT = Path(__file__).parents[2]


def planned_before(path: Path, content: str, state: str = "") -> Earlier:
    """What a file of one row planned, which the file then holds."""
    path.write_text(content, encoding="utf-8")
    (first,) = judge(read(path), Rules(path.parent, NOW, "UTC", {"x/brand": build("x")}))
    (planned,) = first.deliveries
    assert first.when is not None
    return Earlier("abcdef0123456789", "x/brand", planned.identity, first.when.at, planned.parts, state)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("k1,x/brand,2026-12-01 09:00,Edited", "has this row already"),
        ("k1,x/brand,2026-12-01 10:00,First", "has this row already"),
        (",x/brand,2026-12-01 10:00,First", "has this text planned for 2026-12-01 09:00 UTC"),
    ],
)
def test_an_edited_row_is_told_of(tmp_path: Path, written: str, words: str) -> None:
    """What was planned stays, and the answer names it and how it is changed."""
    path = tmp_path / "c.csv"
    earlier = planned_before(path, "id,to,at,text\nk1,x/brand,2026-12-01 09:00,First\n")
    path.write_text(f"id,to,at,text\n{written}\n", encoding="utf-8")
    (verdict,) = judge(read(path), Rules(tmp_path, NOW, "UTC", {"x/brand": build("x")}, earlier=[earlier]))
    assert verdict.ok
    (told,) = [item.what for item in verdict.problems if "posts edit abcdef01" in item.what]
    assert words in told


@pytest.mark.parametrize(
    ("rows", "state", "good"),
    [
        ("x/brand,2026-12-01 09:00,On Monday", "scheduled", [False]),
        ("x/brand,2026-12-01 09:00,On Monday", "done", [False]),
        ("x/brand,2026-12-01 09:00,On Monday", "cancelled", [True]),
        ("x/brand,2026-12-01 09:00,On Munday\nx/brand,2026-12-01 09:00,Another", "scheduled", [True, True]),
        ("x/brand,2026-12-01 09:01,On Monday", "scheduled", [True]),
        ("x/brand,2026-12-01 09:00,Quite another thing", "scheduled", [True]),
        ("bluesky/brand,2026-12-01 09:00,On Monday", "scheduled", [True]),
    ],
)
def test_a_corrected_row_does_not_go_out_beside_the_one_it_corrects(
    tmp_path: Path, rows: str, state: str, good: list[bool]
) -> None:
    """Without an id it is another post, and the first one stays planned: a person says first which of both is meant."""
    path = tmp_path / "c.csv"
    earlier = planned_before(path, "to,at,text\nx/brand,2026-12-01 09:00,On Munday\n", state)
    path.write_text(f"to,at,text\n{rows}\n", encoding="utf-8")
    networks = {name: build(name.partition("/")[0]) for name in ("x/brand", "bluesky/brand")}
    found = judge(read(path), Rules(tmp_path, NOW, "UTC", networks, earlier=[earlier]))
    assert [verdict.ok for verdict in found] == good
    told = [item.what for verdict in found for item in verdict.problems if not item.warning]
    assert all("posts edit abcdef01" in what and "an id of its own" in what for what in told)
    warned = [item.what for verdict in found for item in verdict.problems if item.warning]
    assert any("another post at this time" in what for what in warned) == ("Quite another" in rows)


@pytest.mark.parametrize(
    ("rows", "state", "known"),
    [
        (("k1,x/brand,2026-12-01 09:00,First",), "scheduled", [True]),
        (("k1,x/brand,2026-12-01 09:00,First",), "done", [True]),
        (("k1,x/brand,2026-12-01 09:00,First",), "cancelled", [False]),
        (("k1,x/brand,2026-12-01 10:00,First",), "scheduled", [False]),
        (("k1,x/brand,2026-12-01 09:00,First", "k2,x/brand,2026-12-01 09:00,First"), "scheduled", [True, False]),
        ((",x/brand,2026-12-01 09:00,First", "k2,x/brand,2026-12-01 09:00,First"), "scheduled", [True, False]),
    ],
)
def test_a_row_that_got_an_id_is_not_planned_once_more(
    tmp_path: Path, rows: tuple[str, ...], state: str, known: list[bool]
) -> None:
    """Whoever adds the column to a campaign that is planned has the same posts, not each of them twice."""
    path = tmp_path / "c.csv"
    earlier = planned_before(path, "to,at,text\nx/brand,2026-12-01 09:00,First\n", state)
    path.write_text("id,to,at,text\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = judge(read(path), Rules(tmp_path, NOW, "UTC", {"x/brand": build("x")}, earlier=[earlier]))
    assert [verdict.deliveries[0].identity == earlier.identity for verdict in found] == known
    assert all(verdict.ok for verdict in found)


def test_a_row_that_is_planned_is_not_told_of_what_was_planned_beside_it(tmp_path: Path) -> None:
    """It stays as it is, and another file's post of the same minute is no reason to change it."""
    path = tmp_path / "c.csv"
    mine = planned_before(path, "to,at,text\nx/brand,2026-12-01 09:00,First\n", "scheduled")
    earlier = [mine, Earlier("0123456789abcdef", "x/brand", "another", mine.at, (Part("Second"),), "scheduled")]
    (verdict,) = judge(read(path), Rules(tmp_path, NOW, "UTC", {"x/brand": build("x")}, earlier=earlier))
    assert not [item.what for item in verdict.problems if "posts edit" in item.what]


def test_a_story_may_go_out_beside_a_post(tmp_path: Path) -> None:
    """They are shown in different places, and are often planned for the same time, each in a file of its own."""
    Image.new("RGB", (1080, 1920)).save(tmp_path / "a.jpg")
    at, path = datetime(2026, 12, 1, 9, tzinfo=UTC), tmp_path / "c.csv"
    path.write_text("to,at,text,image,form\nfacebook/brand,2026-12-01 09:00,,a.jpg,story\n", encoding="utf-8")
    earlier = [Earlier("abcdef0123456789", "facebook/brand", "another", at, (Part("First"),), "scheduled")]
    rules = Rules(tmp_path, NOW, "UTC", {"facebook/brand": build("facebook")}, earlier=earlier)
    (verdict,) = judge(read(path), rules)
    assert verdict.ok, verdict.problems


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("Our winter sale begins on Monday", True),
        ("Now: our winter sale begins today", True),
        ("Something else altogether with other words", False),
        ("Our winter sale begins today", False),
    ],
)
def test_an_edited_row_with_a_relative_time_is_told_of_by_its_words(
    tmp_path: Path, written: str, *, told: bool
) -> None:
    """Its time is another one at each reading; a row that still stands in the file is not taken for an edited one."""
    path = tmp_path / "c.csv"
    earlier = planned_before(path, "to,at,text\nx/brand,in 3 hours,Our winter sale begins today\n")
    path.write_text(f"to,at,text\nx/brand,in 3 hours,{written}\n", encoding="utf-8")
    rules = Rules(tmp_path, NOW + timedelta(hours=1), "UTC", {"x/brand": build("x")}, earlier=[earlier])
    (verdict,) = judge(read(path), rules)
    assert verdict.ok
    assert ["posts edit abcdef01" in item.what for item in verdict.problems if "like this" in item.what] == [
        True
    ] * told
