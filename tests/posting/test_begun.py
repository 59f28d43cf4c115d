"""A campaign that has begun, imported again: every row gets the answer that a person expects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from automator.engine import Engine
from automator.posting import campaigns
from automator.posting.campaigns import Imported, bring_in, judged
from automator.posting.posts import listed
from jobs.posting.campaign import Verdict
from jobs.posting.rows import read
from tests.clocks import StillClock
from tests.scheduling.opened import opened

DAY = timedelta(days=1)
HEAD = "to,at,text,image"


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """For an account on X."""
    async with opened("x", tmp_path, StillClock(), monkeypatch) as (engine, _):
        yield engine


def campaign(engine: Engine, *rows: str, head: str = HEAD) -> Path:
    path = engine.home.path / "campaign.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def seen(engine: Engine, path: Path, after: timedelta = timedelta()) -> list[Verdict]:
    """What is said of every row so long after the first import."""
    now, settings = engine.clock.now() + after, engine.settings
    against = campaigns.rules(engine.reader, path.parent, now, "UTC", settings=settings, copies=engine.home.copies)
    return judged(engine.reader, read(path), against)


async def brought(engine: Engine, verdicts: list[Verdict]) -> Imported:
    return await bring_in(verdicts, engine.writer, engine.clock.now(), source="campaign.csv")


def said(verdict: Verdict) -> list[str]:
    return [f"{'' if problem.warning else 'problem: '}{problem.what}" for problem in verdict.problems]


STAYS = "x/brand has this row already; it stays as it is"


@pytest.mark.parametrize("days", [2, 29, 31, 400])
async def test_rows_that_went_out_stay_and_new_ones_are_planned(engine: Engine, days: int) -> None:
    """However long ago it began; a row that is new and lies in the past is wrong."""
    first = ["x/brand,2026-12-01 10:00,One,", "x/brand,2026-12-01 11:00,Two,"]
    assert await brought(engine, seen(engine, campaign(engine, *first))) == Imported(2, 0)
    file = campaign(engine, *first, "x/brand,2028-02-01 10:00,Three,", "x/brand,2026-12-01 12:00,Four,")
    *out, new, wrong = seen(engine, file, days * DAY)
    assert [said(verdict) for verdict in out] == [[STAYS], [STAYS]]
    assert said(new) == []
    assert said(wrong) == ["problem: 2026-12-01 12:00 lies in the past"]
    assert await brought(engine, [*out, new]) == Imported(1, 2)


@pytest.mark.parametrize("days", [2, 31])
async def test_a_picture_that_is_gone_since_hinders_nobody(engine: Engine, days: int) -> None:
    """What went out needs its picture no more, and is not planned again without it."""
    picture = engine.home.path / "a.png"
    Image.new("RGB", (8, 8)).save(picture)
    file = campaign(engine, "x/brand,2026-12-01 10:00,One,a.png")
    assert await brought(engine, seen(engine, file)) == Imported(1, 0)
    picture.unlink()
    (verdict,) = seen(engine, file, days * DAY)
    assert verdict.ok
    assert any(line.startswith("x/brand has this row already") for line in said(verdict))
    assert any("can't be read" in line for line in said(verdict))
    assert await brought(engine, [verdict]) == Imported(0, 1)


async def test_a_new_row_whose_picture_is_missing_is_wrong(engine: Engine) -> None:
    """Also where a post without a picture has the same text and time."""
    await brought(engine, seen(engine, campaign(engine, "x/brand,2026-12-01 10:00,One,")))
    (verdict,) = seen(engine, campaign(engine, "x/brand,2026-12-01 10:00,One,a.png"))
    assert not verdict.ok


@pytest.mark.parametrize("days", [2, 31])
async def test_a_row_of_an_account_that_may_no_longer_write_stays(engine: Engine, days: int) -> None:
    """Nothing is planned for it, so nothing is in its way."""
    file = campaign(engine, "x/brand,2026-12-01 10:00,One,")
    await brought(engine, seen(engine, file))
    against = campaigns.rules(
        engine.reader,
        file.parent,
        engine.clock.now() + days * DAY,
        "UTC",
        settings=engine.settings,
        copies=engine.home.copies,
    )
    (verdict,) = judged(engine.reader, read(file), replace(against, mute=frozenset({"x/brand"})))
    assert verdict.ok


async def test_an_edited_row_with_an_id_is_told_of_however_late(engine: Engine) -> None:
    """What was planned stays, and a text that could not be planned is no reason to refuse the file."""
    head = f"{HEAD},id"
    await brought(engine, seen(engine, campaign(engine, "x/brand,2026-12-01 10:00,One,,a", head=head)))
    (verdict,) = seen(engine, campaign(engine, f"x/brand,2026-12-01 10:00,{'x' * 300},,a", head=head), 40 * DAY)
    assert verdict.ok
    assert any("with another text or time, which stays" in line for line in said(verdict))


async def test_an_export_of_long_ago_is_known(engine: Engine, tmp_path: Path) -> None:
    """Its rows bear the ids of the posts they were written from."""
    await brought(engine, seen(engine, campaign(engine, "x/brand,2026-12-01 10:00,One,")))
    file = tmp_path / "export.csv"
    campaigns.save(file, listed(engine.reader))
    (verdict,) = seen(engine, file, 50 * DAY)
    assert said(verdict) == [STAYS]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("missed", "it was missed; `automator posts retry"),
        ("cancelled", "it was cancelled; `automator posts retry"),
        ("failed", "it failed; `automator posts show"),
        ("unconfirmed", "settle it with `automator posts resolve"),
    ],
)
async def test_a_row_that_did_not_go_out_says_so(engine: Engine, state: str, words: str) -> None:
    """Importing it again publishes nothing, which nobody should take for done."""
    file = campaign(engine, "x/brand,2026-12-01 10:00,One,")
    await brought(engine, seen(engine, file))
    await engine.writer.run(lambda tx: tx.execute("UPDATE run SET state = ?", (state,)))
    (verdict,) = seen(engine, file, 31 * DAY)
    (line,) = said(verdict)
    assert words in line


async def test_how_late_a_row_may_be_is_the_setting(engine: Engine) -> None:
    """What would be missed at once is refused, and what would still go out is not."""
    file = campaign(engine, "x/brand,2026-12-01 08:30,One,")
    for minutes, ok in ((10, False), (40, True)):
        posting = engine.settings.posting.model_copy(update={"late_minutes": minutes})
        settings = engine.settings.model_copy(update={"posting": posting})
        against = campaigns.rules(
            engine.reader, file.parent, engine.clock.now(), "UTC", settings=settings, copies=engine.home.copies
        )
        assert [verdict.ok for verdict in judged(engine.reader, read(file), against)] == [ok]
