"""The demo: the main job from end to end on the sandbox, with a ``kill -9`` in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from automator import accounts, limits
from automator.clock import micros
from automator.db import connect
from automator.engine import Engine
from automator.home import Home
from automator.ledger.chain import Fault, verify
from automator.posting import campaigns
from automator.posting.posts import Listed, listed
from automator.sandbox.server import ACCOUNTS, SETTINGS, WORLD
from automator.vault.choose import own_file
from connectors.words import counted
from jobs.posting.campaign import Verdict, judge
from jobs.posting.rows import read

SPREAD = timedelta(milliseconds=150)  #: between two posts of the fast-forwarded campaign
PATIENCE = 50.0  #: seconds for everything
ENDED = ("done", "failed", "unconfirmed", "missed", "cancelled")
CONFIG = '[vault]\nkind = "file"\n[posting]\nsettle_seconds = 1.0\n'


@dataclass
class Result:
    """What the demo came to."""

    asked: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    posts: list[Listed] = field(default_factory=list)
    world: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    killed: int = 0
    ledger: Fault | int = 0
    limits: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def parts(self) -> int:
        """How many posts the world should see."""
        return sum(len(post.texts) for post in self.posts)

    @property
    def duplicates(self) -> int:
        """How many it saw more than once."""
        seen = Counter((post["network"], post["account"], post["text"]) for post in self.world)
        return sum(count - 1 for count in seen.values())

    @property
    def ok(self) -> bool:
        """Whether everything that was promised holds."""
        published = all(post.state == "done" for post in self.posts) and len(self.world) == self.parts
        return (
            bool(self.posts) and published and self.duplicates == 0 and self.killed > 0 and isinstance(self.ledger, int)
        )


def run(keep: Path | None) -> int:
    """Run it; returns the exit code: 0 only if every promise held."""
    console = Console()
    work = keep or Path(tempfile.mkdtemp(prefix="automator-demo-"))
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    server = _child("sandbox", "--state", str(work / "sandbox"))
    try:
        result = _campaign(console, work)
    finally:
        server.terminate()
        server.wait(10)
    result.seconds = time.monotonic() - began
    _table(console, result)
    if keep is None:
        shutil.rmtree(work)
    return 0 if result.ok else 1


def _child(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "automator", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - this program itself


def _campaign(console: Console, work: Path) -> Result:
    home = Home(work / "home")
    home.prepare()
    _await(work / "sandbox")
    media = (work / "sandbox" / SETTINGS).read_text(encoding="utf-8")
    (home.path / "config.toml").write_text(CONFIG + media, encoding="utf-8")
    result = Result()
    verdicts = asyncio.run(_set_up(home, work / "sandbox"))
    result.asked = sum(max(1, len(verdict.row.to)) for verdict in verdicts)
    result.refused = [
        (verdict.row.number, next(item.what for item in verdict.problems if not item.warning))
        for verdict in verdicts
        if not verdict.ok
    ]
    console.print(
        f"campaign: {counted(len(verdicts), 'row')}, {len(result.refused)} refused; publishing, fast-forwarded"
    )
    result.killed = _work(console, home)
    reader = connect(home.database, readonly=True)
    result.posts = listed(reader)
    result.calls = reader.execute("SELECT count(*) FROM entry WHERE kind = 'call'").fetchone()[0]
    result.ledger = verify(reader)
    result.limits = [
        f"{row.subject} {row.name}: {row.used:.0f} of {row.limit or 'no limit'}"
        for row in limits.rows(reader, datetime.now(UTC))
        if row.used
    ]
    reader.close()
    world = json.loads((work / "sandbox" / WORLD).read_text(encoding="utf-8"))
    result.world = [post | {"network": network} for network, seen in world.items() for post in seen]
    return result


def _await(state: Path) -> None:
    deadline = time.monotonic() + 20
    while not (state / WORLD).exists():
        if time.monotonic() > deadline:
            raise TimeoutError("the sandbox did not start within 20 seconds")
        time.sleep(0.05)


async def _set_up(home: Home, state: Path) -> tuple[Verdict, ...]:
    store = own_file(home.path)
    async with Engine(home, store) as engine:
        for name, given in json.loads((state / ACCOUNTS).read_text(encoding="utf-8")).items():
            # of what was about to leave when the worker was killed only lists can tell, which at the twins never lag
            new = replace(accounts.fresh(name, given["base_url"]), send_again=True)
            await engine.connect(new, given["secrets"])
        file, now = _example(), engine.clock.now()
        against = campaigns.rules(
            engine.reader, file.parent, now, "UTC", settings=engine.settings, copies=engine.home.copies
        )
        verdicts = judge(read(file), against)
        await campaigns.bring_in(verdicts, engine.writer, now, source=file.name)
        await _fast_forward(engine)
        return tuple(verdicts)


def _example() -> Path:
    """The example campaign: beside this module when installed, else in the repository."""
    installed = Path(__file__).parent / "example" / "campaign.csv"
    return installed if installed.exists() else Path(__file__).parents[2] / "examples" / "campaign.csv"


async def _fast_forward(engine: Engine) -> None:
    """Make next year's posts due one after another from now on."""
    start = engine.clock.now() + timedelta(seconds=1)
    for number, post in enumerate(listed(engine.reader)):
        at = micros(start + number * SPREAD)
        await engine.writer.run(
            lambda tx, at=at, job=post.id: tx.execute(  # type: ignore[misc]
                "UPDATE run SET scheduled_for = ?, ready_at = ? WHERE job = ?", (at, at, job)
            )
        )


def _work(console: Console, home: Home) -> int:
    """Publish everything, killing the worker once half is done; returns how often it was killed."""
    reader = connect(home.database, readonly=True)
    killed, deadline = 0, time.monotonic() + PATIENCE
    with Progress(console=console, transient=not console.is_terminal) as progress:
        worker = _child("run-due", "--home", str(home.path), "--wait", "30")
        total = reader.execute("SELECT count(*) FROM run").fetchone()[0]
        task = progress.add_task("posts", total=total)
        try:
            while time.monotonic() < deadline:
                marks = ",".join(f"'{state}'" for state in ENDED)
                done = reader.execute(f"SELECT count(*) FROM run WHERE state IN ({marks})").fetchone()[0]  # noqa: S608 - constants
                progress.update(task, completed=done)
                running = reader.execute("SELECT count(*) FROM run WHERE state = 'running'").fetchone()[0]
                if done == total:
                    break
                if not killed and done >= total // 3 and running:
                    os.kill(worker.pid, signal.SIGKILL)
                    worker.wait()
                    killed += 1
                    console.print(f"the worker was killed (kill -9) with {done} of {total} done; a new one goes on")
                    worker = _child("run-due", "--home", str(home.path), "--wait", "30")
                elif worker.poll() is not None:
                    worker = _child("run-due", "--home", str(home.path), "--wait", "30")
                time.sleep(0.02)
        finally:
            worker.terminate()
            worker.wait(40)
            reader.close()
    return killed


def next_steps(found: str | None, python: str) -> str:
    """What to type now, as this shell understands it: ``found`` is what it runs as ``automator``, if anything."""
    steps = ["automator init", "automator accounts add x/brand"]
    if found is None:  # in the .venv of a checkout, which nobody has entered
        steps.insert(0, f". {os.path.relpath(Path(python).with_name('activate'))}")
    return "Next: " + ", then ".join(steps)


def _table(console: Console, result: Result) -> None:
    table = Table(show_header=False)
    for name, value in (
        ("posts asked (rows x accounts)", result.asked),
        ("published (parts of threads counted)", len(result.world)),
        ("duplicates", result.duplicates),
        ("calls recorded", result.calls),
        ("worker killed in the middle", f"{result.killed} time"),
        ("ledger", f"{result.ledger} entries, none altered" if isinstance(result.ledger, int) else str(result.ledger)),
        ("limits used", "\n".join(result.limits)),
        ("took", f"{result.seconds:.1f} s"),
    ):
        table.add_row(name, str(value))
    for number, why in result.refused:
        table.add_row(f"refused, row {number}", why)
    for post in result.posts:
        if post.state != "done":
            table.add_row(f"not published: {post.account}", f"{post.state}: {post.reason}")
    console.print(table)
    if result.ok:
        steps = next_steps(shutil.which("automator"), sys.executable)
        console.print(f"Everything promised held. {steps}", soft_wrap=True)
    else:
        console.print("[bold]Something promised did not hold[/bold]; see above")
