"""Whole deliveries, killed at every named point under every fault: the world sees each post once, or is asked about it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from automator import accounts, failpoints
from automator.accounts import DEFAULT_SCOPES, Stored
from automator.engine import Engine, Home
from automator.posts import NewDelivery, listed, plan
from automator.vault import kek
from automator.vault.sealed_file import SealedFile
from connectors.network import Part

ROOT = Path(__file__).parents[2]
PATHS = {"x": "/2/tweets", "bluesky": "com.atproto.repo.putRecord"}
FAULTS = (None, "drop-before", "drop-after", "error-after", "html-after", "garbage-after")
SETTLE = 0.4
CASES = [(provider, fault, point) for provider in PATHS for fault in FAULTS for point in failpoints.POINTS]
SAMPLE = {
    ("x", None, "after-record"),
    ("x", "drop-after", "before-store"),
    ("bluesky", None, "after-answer"),
    ("bluesky", "error-after", "after-store"),
}


class Place:
    """A fresh installation on a sandbox of its own, with a thread of two parts planned for now."""

    def __init__(self, folder: Path, provider: str, fault: str | None) -> None:
        self.folder, self.provider, self.account = folder, provider, f"{provider}/brand"
        faults = [{"path": PATHS[provider], "fault": fault}] if fault else []
        (folder / "faults.json").write_text(json.dumps(faults))
        self.state = folder / "sandbox"
        arguments = ["sandbox", "--state", str(self.state), "--faults", str(folder / "faults.json")]
        self.server = subprocess.Popen(
            [sys.executable, "-m", "automator", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        self.home = Home(folder / "home")
        self.home.prepare()
        (self.home.path / "config.toml").write_text(f'[vault]\nkind = "file"\n[posting]\nsettle_seconds = {SETTLE}\n')
        kek.new_key_file(self.home.path / "vault.key")
        deadline = time.monotonic() + 20
        while not (self.state / "world.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        asyncio.run(self._plan())

    def engine(self) -> Engine:
        store = SealedFile(self.home.path / "vault.json", kek.from_file(self.home.path / "vault.key"))
        return Engine(self.home, store)

    async def _plan(self) -> None:
        given = json.loads((self.state / "accounts.json").read_text())[self.account]
        async with self.engine() as engine:
            engine.store.put(self.account, 1, given["secrets"])
            scopes = frozenset(DEFAULT_SCOPES)
            new = Stored(self.account, self.provider, given["base_url"], scopes, 1, "", None, None, send_again=False)
            now = datetime.now(UTC)
            await engine.writer.run(lambda tx: accounts.add(tx, new, now, actor="test"))
            session, network = engine.session(self.account, {})
            identity = await network.test(session)
            await engine.writer.run(lambda tx: accounts.tested(tx, self.account, identity, now))
            thread = NewDelivery(self.account, (Part("First part."), Part("Second part.")), now, "UTC", "", "identity")
            await engine.writer.run(lambda tx: plan(tx, [thread], now, source="test"))

    def worker(self, failpoint: str | None = None) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if name != failpoints.VARIABLE}
        if failpoint:
            environment[failpoints.VARIABLE] = failpoint
        arguments = ["run-due", "--home", str(self.home.path), "--wait", "20"]
        return subprocess.Popen([sys.executable, "-m", "automator", *arguments], cwd=ROOT, env=environment)

    def ended(self) -> tuple[str, list[str]]:
        """How the delivery ended, and the texts that the world sees."""

        async def look() -> str:
            async with self.engine() as engine:
                (post,) = listed(engine.reader)
                return post.state

        world = json.loads((self.state / "world.json").read_text())
        return asyncio.run(look()), [post["text"] for post in world[self.provider]]

    def close(self) -> None:
        self.server.terminate()
        self.server.wait(10)


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    provider, fault = request.param
    made = Place(tmp_path, provider, fault)
    yield made
    made.close()


def _case(case: tuple[str, str | None, str]) -> Any:
    provider, fault, point = case
    marks = () if case in SAMPLE else (pytest.mark.long,)
    return pytest.param((provider, fault), point, id=f"{provider}-{fault}-{point}", marks=marks)


def _judged(place: Place) -> None:
    state, texts = place.ended()
    assert len(texts) == len(set(texts)), "a duplicate"
    # what is unconfirmed ends there, and a person is asked; a provider that dedupes by our key never needs one
    assert state == "done" or (state == "unconfirmed" and place.provider == "x"), state
    if state == "done":
        assert texts == ["First part.", "Second part."], "a lost part"


@pytest.mark.parametrize(("place", "point"), [_case(case) for case in CASES], indirect=["place"])
def test_killed_at_a_point_a_new_worker_goes_on(place: Place, point: str) -> None:
    """Whoever dies wherever, the next worker brings the thread to its end without a duplicate or a lost part."""
    with place.worker(point) as first:
        code = first.wait(60)
    if code != -signal.SIGKILL:
        pytest.skip("the point is not on this path")
    with place.worker() as second:
        assert second.wait(60) == 0
    _judged(place)


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "point"),
    [_case((provider, None, point)) for provider in PATHS for point in failpoints.POINTS],
    indirect=["place"],
)
def test_a_stopped_worker_that_wakes_up_sends_nothing_twice(place: Place, point: str) -> None:
    """A process stopped for longer than its call may wait finds, on waking, that it must not send what is stale."""
    first = place.worker(f"{point}:STOP")
    try:
        deadline = time.monotonic() + 30
        while first.poll() is None and not _stopped(first.pid):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if first.poll() is not None:
            pytest.skip("the point is not on this path")
        second = place.worker()
        time.sleep(2.2)  # longer than a committed call may wait for its first byte
        while first.poll() is None:
            assert time.monotonic() < deadline + 30
            first.send_signal(signal.SIGCONT)  # it stops anew wherever it comes by the point again
            time.sleep(0.05)
        assert second.wait(60) == 0
    finally:
        first.kill()
        first.wait()
    with place.worker() as third:
        assert third.wait(60) == 0
    _judged(place)


def _stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.long
@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("place", [("x", "drop-after"), ("bluesky", "slow")], indirect=True, ids=["x", "bluesky"])
def test_killed_at_any_instant(place: Place, number: int) -> None:
    """No instant is special: kills spread over the whole life of a worker."""
    with place.worker() as first:
        time.sleep(0.35 + number * 0.04)
        first.kill()
    with place.worker() as second:
        assert second.wait(60) == 0
    _judged(place)
