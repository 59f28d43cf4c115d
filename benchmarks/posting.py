"""How fast posts are checked for every network, and how fast a campaign is judged and stored."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from automator.db import Writer, connect
from automator.home import Home
from automator.posting import campaigns
from benchmarks.figure import Figure
from connectors.network import Network
from connectors.post import Media, Part
from connectors.registry import build, providers
from jobs.posting.campaign import Rules, judge
from jobs.posting.media import inspect
from jobs.posting.rows import read

ROUNDS = 5
POSTS = 1_000
ROWS = 10_000
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WORDS = "Bread, café, Straße, tiệm bánh, パン屋 and 👩‍👩‍👧‍👦 from the oven"


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        networks = {f"{name}/brand": build(name) for name in providers()}
        picture = _picture(Path(folder))
        checked = [_checked(networks, picture, number) for number in range(ROUNDS)]
        yield Figure("posts_checked_s", statistics.median(checked), "posts/s", ">= 600", ROUNDS)
        imported = [_imported(networks, Path(folder) / str(number)) for number in range(ROUNDS)]
        yield Figure("import_10k_rows_s", statistics.median(imported), "rows/s", ">= 500", ROUNDS)


def _picture(folder: Path) -> Media:
    path = folder / "p.jpg"
    Image.new("RGB", (1080, 1080), "white").save(path)
    return inspect(path, "A white square")


def _text(number: int) -> str:
    link = f"https://example.com/{number:x}/offer?day={number}&from=(post)"
    return f"{number}: {WORDS}. See {link} or shop{number}.example.org #bread{number} @baker{number}.example.com"


def _checked(networks: dict[str, Network], picture: Media, batch: int) -> float:
    """Posts a second; each is checked for all networks."""
    posts = [Part(_text(batch * POSTS + number), (picture,)) for number in range(POSTS)]
    start = time.perf_counter()
    for post in posts:
        for network in networks.values():
            found = network.check([post])
            assert all(problem.warning for problem in found), found
    return POSTS / (time.perf_counter() - start)


def _imported(networks: dict[str, Network], folder: Path) -> float:
    """Rows a second, from the file to the last commit."""
    folder.mkdir()
    first, names = NOW + timedelta(days=30), list(networks)
    file = folder / "campaign.csv"
    lines = ["to,at,text,image,alt"]
    for number in range(ROWS):
        at = first + timedelta(minutes=2 * number)
        lines.append(f'{names[number % len(names)]},{at:%Y-%m-%d %H:%M} UTC,"{_text(number)}",../p.jpg,White')
    file.write_text("\n".join(lines), encoding="utf-8")
    home = Home(folder / "home")
    home.prepare()
    start = time.perf_counter()
    verdicts = judge(read(file), Rules(folder, NOW, "UTC", networks))
    with Writer(home.database) as writer:
        done = asyncio.run(campaigns.bring_in(verdicts, writer, NOW, source=file.name))
    taken = time.perf_counter() - start
    assert done.added == ROWS, [verdict.problems for verdict in verdicts if not verdict.ok][:3]
    reader = connect(home.database, readonly=True)
    assert reader.execute("SELECT count(*) FROM run").fetchone() == (ROWS,)
    reader.close()
    return ROWS / taken
