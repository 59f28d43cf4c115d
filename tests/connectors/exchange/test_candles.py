"""Candle files: what is wrong with one is said with its line."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.exchange.candles import CandlesError, parse, read, ticked
from tests.connectors.exchange.made import D, candle

HEAD = "timestamp,open,high,low,close,volume"
ROWS = [f"2026-01-01T00:0{minute}:00Z,100,110,90,105,1.5" for minute in range(6)]


def test_a_file_becomes_candles() -> None:
    """Exact numbers, UTC, and how long one lasts."""
    series = parse([HEAD, "2026-01-01T01:00:00+01:00,100.10,110,90,105,1.5", ROWS[1], ROWS[2], ""])
    assert series.every == timedelta(minutes=1)
    assert series.gaps == ()
    first = series.candles[0]
    assert (first.at, str(first.open), first.volume) == (datetime(2026, 1, 1, tzinfo=UTC), "100.10", D("1.5"))


@pytest.mark.parametrize(
    ("line", "row", "sentence"),
    [
        (3, "2026-01-01T00:01:00Z,100,110,90,105", "line 3: there are 5 values; there must be 6"),
        (3, "2026-01-01T00:01:00Z,1,000,110,90,105,1", "line 3: there are 7 values; there must be 6"),
        (4, "yesterday,100,110,90,105,1", "line 4: 'yesterday' is no timestamp like 2022-01-01T00:00:00Z"),
        (4, "2026-01-01T00:02:00,100,110,90,105,1", "line 4: 2026-01-01T00:02:00 has no time zone; add Z for UTC"),
        (2, "2026-01-01T00:00:00Z,100,110,90,much,1", "line 2: close is 'much', not a number"),
        (2, "2026-01-01T00:00:00Z,100,110,90,105,1_5", "line 2: volume is '1_5', not a number"),
        (2, "2026-01-01T00:00:00Z,100,NaN,90,105,1", "line 2: high is NaN, not a number of this world"),
        (2, "2026-01-01T00:00:00Z,100,1e400,90,105,1", "line 2: high is 1e400, not a number of this world"),
        (2, "2026-01-01T00:00:00Z,100,110,90,105,-1", "line 2: volume is -1; it must be above 0"),
        (2, "2026-01-01T00:00:00Z,0,110,0,105,1", "line 2: open is 0; it must be above 0"),
        (5, "2026-01-01T00:03:00Z,100,90,110,105,1", "line 5: high 90 is below low 110"),
        (5, "2026-01-01T00:03:00Z,111,110,90,105,1", "line 5: open 111 is not between low 90 and high 110"),
        (5, "2026-01-01T00:02:00Z,100,110,90,105,1", "line 5: 2026-01-01T00:02:00Z is there twice"),
        (
            5,
            "2025-12-31T00:00:00Z,100,110,90,105,1",
            "line 5: 2025-12-31T00:00:00Z comes after 2026-01-01T00:02:00Z; sort the file by timestamp",
        ),
        (
            5,
            "2026-01-01T00:03:30Z,100,110,90,105,1",
            "line 5: 2026-01-01T00:03:30Z is 0:01:30 after the one before; candles of 0:01:00 can't be so far apart",
        ),
        (1, "time,open,close", f"line 1: the columns are time, open, close; they must be {', '.join(HEAD.split(','))}"),
        (7, "", "line 7: there are 1 values; there must be 6"),
    ],
)
def test_the_line_that_is_wrong_is_named(line: int, row: str, sentence: str) -> None:
    """A person finds it, and reads what would be right."""
    lines = [HEAD, *ROWS, "2026-01-01T00:06:00Z,100,110,90,105,1"]
    lines[line - 1] = row
    with pytest.raises(CandlesError) as wrong:
        parse(lines)
    assert str(wrong.value) == sentence


@pytest.mark.parametrize("lines", [[], [HEAD], [HEAD, ROWS[0]]])
def test_a_file_without_candles_is_refused(lines: list[str]) -> None:
    """Nothing can be said of a market by less than two."""
    with pytest.raises(CandlesError, match=r"^line \d: "):
        parse(lines)


def test_gaps_are_an_error_or_are_told(tmp_path: Path) -> None:
    """Whoever reads chooses; nobody is silently given less."""
    file = tmp_path / "candles.csv"
    file.write_text("\n".join([HEAD, *ROWS[:3], "2026-01-01T00:06:00Z,100,110,90,105,1"]), encoding="utf-8")
    with pytest.raises(CandlesError, match=r"candles\.csv, line 5: 3 candles are missing .* fill it, or allow gaps$"):
        read(file)
    series = read(file, gaps=True)
    assert [str(gap) for gap in series.gaps] == [
        "line 5: 3 candles are missing between 2026-01-01T00:02:00Z and 2026-01-01T00:06:00Z"
    ]
    assert len(series.candles) == 4


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """In one sentence that names it."""
    with pytest.raises(CandlesError, match=r"none\.csv can't be read: No such file or directory"):
        read(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CandlesError, match=r"binary\.csv is no text in UTF-8"):
        read(tmp_path / "binary.csv")


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_text_is_candles_or_one_sentence(rows: list[str]) -> None:
    """Never a traceback."""
    said = "line "
    try:
        read_rows = parse([HEAD, ROWS[0], ROWS[1], *rows]).candles
    except CandlesError as wrong:
        read_rows, said = (), str(wrong)
    assert len(read_rows) >= 2 or said.partition(":")[0].removeprefix("line ").isdigit()


def test_prices_can_be_put_on_ticks() -> None:
    """An exchange has no prices between its ticks; a low never rises above a high by it."""
    (one,) = ticked([candle("0.09946999000000001 0.0997238 0.099 0.099685")], D("0.00001"))
    assert (one.open, one.high, one.low, one.close) == (D("0.09947"), D("0.09972"), D("0.099"), D("0.09968"))


@pytest.mark.skipif("AUTOMATOR_DATA" not in os.environ, reason="needs AUTOMATOR_DATA: candles of real markets")
def test_a_month_of_minutes_is_read_in_less_than_a_second() -> None:
    """A backtest is not spent on reading; the processor's time counts, whoever else is at work."""
    began = time.process_time()
    series = read(Path(os.environ["AUTOMATOR_DATA"]) / "market" / "BTC-USD-1m-2022-01.csv", gaps=True)
    assert time.process_time() - began < 1
    assert len(series.candles) == 45_031
    assert series.every == timedelta(minutes=1)
