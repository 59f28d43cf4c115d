"""The program as the machine sees it: how fast it starts, and what an idle service holds."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from automator.db import connect
from benchmarks.figure import Figure
from benchmarks.filled import fill, installation

STARTS = 15
PENDING = 100_000


def measured() -> Iterator[Figure]:
    yield Figure("cli_start_ms", statistics.median(_start("--help") for _ in range(STARTS)), "ms", "<= 300", STARTS)
    with tempfile.TemporaryDirectory() as folder:
        home = str(installation(Path(folder)).path)
        took = statistics.median(_start("posts", "list", "--home", home) for _ in range(STARTS))
        yield Figure("cli_list_ms", took, "ms", "<= 400", STARTS)
    with tempfile.TemporaryDirectory() as folder:
        yield Figure("serve_rss_mb", _rss(Path(folder) / "home"), "MB", "<= 120")


def _start(*arguments: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "automator", *arguments], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begin) * 1e3


def _rss(folder: Path) -> float:
    home = installation(folder)
    later = datetime.now(UTC) + timedelta(days=30)
    fill(home, [later + timedelta(seconds=number) for number in range(PENDING)], "far")
    environment = {**os.environ, "AUTOMATOR_HOME": str(home.path)}
    with subprocess.Popen(
        [sys.executable, "-m", "automator", "serve"], stdout=subprocess.DEVNULL, env=environment
    ) as serving:
        reader = connect(home.database, readonly=True)
        deadline = time.monotonic() + 30
        while reader.execute("SELECT count(*) FROM beat").fetchone() == (0,):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        reader.close()
        time.sleep(5)
        status = Path(f"/proc/{serving.pid}/status").read_text()
        serving.terminate()
        assert serving.wait(30) == 0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
