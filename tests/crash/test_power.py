"""The power fails: what did not wait for the disk is gone, and nothing else; it is asked for again."""

from __future__ import annotations

import json
import signal
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from automator.db import connect
from automator.intentions import State, load
from automator.ledger import chain
from tests.crash.place import PATHS, Place

HEADER, FRAME = 32, 24  #: bytes, of the log and of each page in it (sqlite.org, file format, the write-ahead log)


def lose_last_commit(database: Path) -> None:
    """Cut the write-ahead log where its last transaction begins, as if that had never reached the disk."""
    log = database.with_name(f"{database.name}-wal")
    content = log.read_bytes()
    page = struct.unpack_from(">I", content, 8)[0]
    ends = [HEADER]
    for at in range(HEADER, len(content) - FRAME - page + 1, FRAME + page):
        _, size, *salt = struct.unpack_from(">IIII", content, at)
        if tuple(salt) != struct.unpack_from(">II", content, 16):
            break  # written before the log was begun anew
        if size:
            ends.append(at + FRAME + page)
    log.write_bytes(content[: ends[-2]])
    database.with_name(f"{database.name}-shm").unlink()


@pytest.fixture(params=PATHS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    made = Place(tmp_path, request.param)
    yield made
    made.close()


@pytest.mark.parametrize(("point", "state"), [("after-store", State.SENT), ("after-claim", None)])
def test_a_post_whose_answer_the_disk_has_not_is_asked_for(place: Place, point: str, state: State | None) -> None:
    """The provider has it, and it is found; what was only claimed is claimed again."""
    with place.worker(point) as first:
        assert first.wait(60) == -signal.SIGKILL
    lose_last_commit(place.home.database)
    connection = connect(place.home.database, readonly=True)
    (delivery,) = connection.execute("SELECT id FROM delivery").fetchone()
    held = load(connection, f"{delivery}/0/0")
    assert (held.state if held else None) == state
    connection.close()
    place.work()
    assert place.ended() == ("done", ["First part.", "Second part."])
    assert _verified(place)


def _verified(place: Place) -> bool:
    """Whether the chain holds, and says of each call what came of it, or nothing of the one whose answer was lost."""
    connection = sqlite3.connect(place.home.database, factory=chain.Connection)
    lost = connection.execute(
        "SELECT said(data) FROM entry WHERE kind = 'call' AND seq NOT IN (SELECT call FROM entry WHERE call IS NOT NULL)"
    ).fetchall()
    whole = isinstance(chain.verify(connection), int)
    connection.close()
    return whole and all(json.loads(said)["intention"] for (said,) in lost) and len(lost) <= 1
