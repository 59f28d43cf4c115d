"""One post to every network at once: how long until the last of them is asked to show it."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from PIL import Image

from automator import accounts
from automator.clock import micros
from automator.home import Home
from automator.posting import posts
from automator.posting.posts import NewDelivery, listed
from benchmarks.figure import Figure, percentile
from benchmarks.filled import engine
from connectors.post import Part
from connectors.registry import build
from jobs.posting.media import inspect
from tests.sandboxed import read, sandbox

POSTS = 45  #: fewer than Instagram takes in a day
APART = timedelta(milliseconds=700)
PATIENCE = 120.0


def measured() -> Iterator[Figure]:
    """From the instant that a post is due until the last network's publishing call is recorded, right before it leaves.

    Facebook's post is staged, and Instagram's container made and looked at, within that time.
    """
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder) / "sandbox") as state:
        waits = asyncio.run(_fanned(Home(Path(folder) / "home"), state))
    yield Figure("fanout_p99_ms", percentile(waits, 99), "ms", "<= 100", len(waits))
    yield Figure("fanout_median_ms", statistics.median(waits), "ms")


async def _fanned(home: Home, state: Path) -> list[float]:
    home.prepare()
    home.config.write_text('[vault]\nkind = "file"\n' + (state / "media.toml").read_text())
    path = home.path / "p.jpg"
    Image.new("RGB", (400, 400), (90, 120, 40)).save(path)
    part = Part("One post for all.", (inspect(path, "A green square"),))
    given = read(state, "accounts")
    async with engine(home) as opened:
        for name, account in given.items():
            await opened.connect(accounts.fresh(name, account["base_url"]), account["secrets"])
        start = opened.clock.now() + timedelta(seconds=2)
        due = [start + number * APART for number in range(POSTS)]
        for number, at in enumerate(due):
            wanted = [
                NewDelivery(name, (Part(f"{part.text} {number}", part.media),), at, "UTC", "", f"{name}{number}")
                for name in given
            ]
            now = opened.clock.now()
            await opened.writer.run(lambda tx, wanted=wanted, now=now: posts.plan(tx, wanted, now, source="bench"))  # type: ignore[misc]
        stop = asyncio.Event()
        serving = asyncio.create_task(opened.worker.serve(stop))
        async with asyncio.timeout(PATIENCE):
            while any(post.state != "done" for post in listed(opened.reader)):
                await asyncio.sleep(0.5)
        stop.set()
        await serving
        shown = {build(name.partition("/")[0]).publishing({}).name for name in given}
        marks = ",".join("?" * len(shown))
        last = opened.reader.execute(
            "SELECT d.at, max(e.at), count(*) FROM delivery AS d JOIN entry AS e "  # noqa: S608 - marks
            "ON json_extract(said(e.data), '$.cause.delivery') = d.id "
            f"WHERE e.kind = 'call' AND e.operation IN ({marks}) GROUP BY d.at",
            tuple(shown),
        ).fetchall()
        assert [count for *_, count in last] == [len(given)] * POSTS, "sent twice, or not at all"
        assert sorted(at for at, *_ in last) == [micros(at) for at in due]
        return [(leaves - at) / 1e3 for at, leaves, _ in last]
