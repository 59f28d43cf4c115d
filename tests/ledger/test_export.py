"""What is exported is written as it is read: a ledger of years fits no memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from automator.db import connect
from automator.ledger import chain
from automator.ledger.export import FORMATS, export
from automator.schema import create

CALLS = 2_000


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_holds_one_call_at_a_time(tmp_path: Path, kind: str) -> None:
    """Whatever the format, memory does not grow with the calls: together these take more than ten times as much."""
    create(tmp_path / "a.db")
    ledger = connect(tmp_path / "a.db")
    ledger.execute("BEGIN")
    for number in range(CALLS):
        asked = {"method": "GET", "url": f"https://x.example/{number:01000}", "headers": [["name", "value"]] * 40}
        chain.append(ledger, "call", number, asked, account="x/brand", operation="x.post.read")
    ledger.execute("COMMIT")
    tracemalloc.start()
    manifest = export(ledger, tmp_path / "out", kind)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    ledger.close()
    assert manifest.calls == CALLS
    assert peak < CALLS * 500, peak
