"""Candle files: what is read, and that a wrong line is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.market import Candle
from jobs.bots.files import CandlesError, read

HEAD = "timestamp,open,high,low,close,volume\n"
ONE = "2022-01-01T00:00:00Z,1,2,0.5,1.5,10\n"
TWO = "2022-01-01T00:01:00Z,1.5,1.5,1.5,1.5,0\n"


def file(folder: Path, content: str) -> Path:
    path = folder / "c.csv"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "stamp", ["2022-01-01T00:00:00Z", "2022-01-01 00:00:00", "2022-01-01T01:00+01:00", "1640995200", "1640995200000"]
)
def test_times_in_every_form(tmp_path: Path, stamp: str) -> None:
    """ISO 8601 and seconds or milliseconds since 1970; what names no zone is UTC."""
    found = read(file(tmp_path, HEAD + ONE.replace("2022-01-01T00:00:00Z", stamp) + TWO))
    at = datetime(2022, 1, 1, tzinfo=UTC)
    assert found.candles[0] == Candle(at, *map(Decimal, ("1", "2", "0.5", "1.5", "10")))
    assert found.every == timedelta(minutes=1)
    assert found.gaps == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1: the columns must be"),
        ("timestamp,close\n", "line 1: the columns must be .* not 'timestamp,close'"),
        (HEAD + ONE, "fewer than two"),
        (HEAD + ONE + ONE, "line 3: 2022-01-01 00:00:00 comes a second time"),
        (HEAD + TWO + ONE, "line 3: .* comes after 2022-01-01 00:01:00; sort"),
        (HEAD + ONE + "2022-01-01T00:01:00Z,1\n", "line 3: .* is no candle"),
        (HEAD + ONE + TWO.replace("1.5", "x"), "line 3: .* is no candle"),
        (HEAD + ONE + "never,1,1,1,1,1\n", "line 3: 'never,1,1,1,1,1' is no candle"),
        (HEAD + ONE + "9" * 30 + ",1,1,1,1,1\n", "line 3: .* is no candle"),
        (HEAD + ONE.replace(",2,", ",0.9,") + TWO, "line 2: the numbers make no candle"),
        (HEAD + ONE.replace("0.5", "-1") + TWO, "line 2: the numbers make no candle"),
        (HEAD + ONE.replace("0.5", "NaN") + TWO, "line 2: the numbers make no candle"),
        (HEAD + ONE.replace(",2,", ",1e400,") + TWO, "line 2: the numbers make no candle"),
        (HEAD + ONE.replace(",10", ",-1") + TWO, "line 2: the numbers make no candle"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, content: str, words: str) -> None:
    """One sentence."""
    with pytest.raises(CandlesError, match=words) as refused:
        read(file(tmp_path, content))
    assert "\n" not in str(refused.value)


def test_a_gap_is_named(tmp_path: Path) -> None:
    """How many are missing, and before which line."""
    third = TWO.replace("00:01:00", "00:05:00")
    (gap,) = read(file(tmp_path, HEAD + ONE + TWO + third)).gaps
    assert gap.endswith("line 4: 3 candles are missing before 2022-01-01 00:05")


@pytest.mark.parametrize(("content", "words"), [(b"\xff\xfe\x00", "no CSV file"), (None, "can't be read")])
def test_no_file(tmp_path: Path, content: bytes | None, words: str) -> None:
    """What is no text, or is not there, is said."""
    if content is not None:
        (tmp_path / "c.csv").write_bytes(content)
    with pytest.raises(CandlesError, match=words):
        read(tmp_path / "c.csv")
