"""Keys of the installation's own are made once, however many need them for the first time at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier as Gate
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest

from automator.vault.choose import own_file
from automator.vault.made import made
from automator.vault.os_keyring import OsKeyring
from automator.vault.store import Store
from tests.vault.test_os_keyring import Desktop

MANY = 8
PLACES: dict[str, Callable[[Path], Store]] = {
    "file": own_file,
    "keyring": lambda home: OsKeyring("automator:test", home / "lock", Desktop()),
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_made_once_by_all_threads(tmp_path: Path, place: str) -> None:
    """Else one would go on with a key that another has put out; what is kept beside it stays."""
    store, numbers, gate = PLACES[place](tmp_path), count(), Barrier(MANY)
    another = Barrier(2)
    store.put("automator-media", 1, {"access_key": "a"})

    def make() -> str:
        with suppress(BrokenBarrierError):
            another.wait(0.2)  # comes, if there can be another one here
        return f"made {next(numbers)}"

    def first(_: int) -> dict[str, str]:
        gate.wait(30)
        return made(store, "automator-media", "names", make)

    with ThreadPoolExecutor(MANY) as threads:
        found = list(threads.map(first, range(MANY)))
    assert found == [{"access_key": "a", "names": "made 0"}] * MANY
    assert next(numbers) == 1


def _first(home: Path, number: int, gate: Gate) -> str:
    gate.wait(30)
    return made(own_file(home), "automator-media", "names", lambda: f"made by {number}")["names"]


def _told(home: Path, number: int, gate: Gate) -> None:
    (home / f"{number}.said").write_text(_first(home, number, gate))


def test_it_is_made_once_by_all_processes(tmp_path: Path) -> None:
    """A service and a command that begin at the same moment agree."""
    own_file(tmp_path)
    context = get_context("forkserver")
    gate = context.Barrier(2)
    both = [context.Process(target=_told, args=(tmp_path, number, gate)) for number in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert [one.exitcode for one in both] == [0, 0]
    assert len({(tmp_path / f"{number}.said").read_text() for number in range(2)}) == 1
