"""Twenty bots of all kinds on three accounts, thirty minutes of market time a second, faults and kills at random.

``make soak MINUTES=30`` lets it run for longer; SEED=N draws the faults and kills of a run again, though not where exactly
they strike.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from jobs.orders.states import ENDED, LIVE
from tests.children import Child
from tests.soak.balance import differences, table
from tests.soak.exchange import HANDLES
from tests.soak.place import KEY, Place, Services, wait_for

MINUTES = float(os.environ.get("AUTOMATOR_SOAK_MINUTES", "3"))
SEED = int(os.environ.get("AUTOMATOR_SOAK_SEED") or 0) or time.time_ns() % 10**6
MARGIN = 300.0  #: seconds for which the market goes on while it begins, and until it ends
SETTLED = 180.0  #: seconds that the services may take in the end
TICK = 0.05
SIGNALS = ("enter_long", "exit_long", "buy", "sell")


class Day:
    """What happens to an installation in a soak."""

    def __init__(self, place: Place, random: Random) -> None:
        self._place, self._random = place, random
        self.services = Services(place, random)
        self.count: Counter[str] = Counter()
        self._commands: list[tuple[str, Child]] = []
        self._next: dict[str, float] = {}
        self._last = ""

    def go_on(self, seconds: float) -> None:
        """So long."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.services.mend()
            for what, low, high in (
                (self.services.kill, 2, 6),
                (self.services.stop, 5, 12),
                (self._signal, 1, 3),
                (self._halt_a_bot, 6, 12),
                (self._start_bots, 2, 4),
            ):
                self._at_times(what.__name__, what, low, high)
            self._gather()
            time.sleep(TICK)

    def _at_times(self, name: str, what: object, low: float, high: float) -> None:
        now = time.monotonic()
        due = self._next.setdefault(name, now + self._random.uniform(low, high))
        if due <= now:
            self._next[name] = now + self._random.uniform(low, high)
            assert callable(what)
            what()

    def _signal(self) -> None:
        """A message for one of the bots, sometimes the same once more."""
        bot = self._random.choice(["one-signal", "two-signal", "three-signal"])
        if not self._last or self._random.random() < 0.8:
            said = {"secret": KEY, "timestamp": datetime.now(UTC).isoformat(), "action": self._random.choice(SIGNALS)}
            self._last = json.dumps(said)
        file = self._place.folder / f"signal-{self.count['signal']}.json"
        file.write_text(self._last)
        self._say("signal", bot, str(file))

    def _halt_a_bot(self) -> None:
        running = [name for name, runs in self._place.running().items() if runs]
        if running:
            policy = self._random.choice(["--keep-orders", "--cancel-orders"])
            self._say("bots", "stop", self._random.choice(running), policy)

    def _start_bots(self) -> None:
        for name in [name for name, runs in self._place.running().items() if not runs][:2]:
            left = self._place.left_orders(name)  # else it does not begin anew
            self._say("bots", *(("stop", name, "--cancel-orders") if left else ("start", name)))

    def _say(self, *words: str) -> None:
        self.count[words[0] if words[0] == "signal" else f"bots {words[1]}"] += 1
        self._commands.append((" ".join(words), self._place.command(*words)))

    def _gather(self) -> None:
        for words, one in self._commands:
            code = one.poll()
            assert code in {None, 0, 1, 2}, f"{words} ended with {code}"
        self._commands = [pair for pair in self._commands if pair[1].poll() is None]

    def come_to_rest(self) -> None:
        """Faults end, bots catch up and are stopped, the market stands still, and what is on its way comes to its end."""
        self._place.ask("quiet", {})
        self.services.calm()
        for _, one in self._commands:
            assert one.wait() in {0, 1, 2}
        told = self._place.told()
        wait_for(lambda: not self._place.behind(told), lambda: f"stuck: {self._place.behind(told)}")
        self._place.ask("still", {})
        for number, name in enumerate(name for name, runs in self._place.running().items() if runs):
            policy = "--cancel-orders" if number % 2 else "--keep-orders"
            code = self._place.command("bots", "stop", name, policy).wait()
            assert code == 0 or not self._place.running()[name], f"{name} can't be stopped"
        wait_for(self._rests, self._why, SETTLED)
        self.services.end()
        for handle in HANDLES:
            assert self._place.command("accounts", "reconcile", f"binance/{handle}").wait() == 0

    def _rests(self) -> bool:
        """Whether nothing is still to come."""
        self.services.mend(doomed=False)
        calm = ENDED | LIVE
        with self._place.reader() as reader:
            states = {row[0] for row in reader.execute("SELECT DISTINCT state FROM ordered")}
            (open_runs,) = reader.execute(
                "SELECT count(*) FROM run WHERE state IN ('scheduled', 'running', 'waiting')"
            ).fetchone()
            (untold,) = reader.execute(
                "SELECT count(*) FROM ordered WHERE told = 0 AND state NOT IN ('open', 'partially_filled')"
            ).fetchone()
        return states <= calm and not open_runs and not untold and not self._differences()

    def _differences(self) -> list[str]:
        """While the services may still be about to learn something."""
        with self._place.reader() as reader:
            return differences(reader, self._place.there(), holdings=False)

    def _why(self) -> str:
        return "\n".join(["something is still on its way", *self._differences()])


@pytest.mark.long
def test_the_books_balance_to_the_last_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each order was placed once, each trade is in the books once, and what is left on each account is explained."""
    random, seconds = Random(SEED), MINUTES * 60
    place = Place(tmp_path, SEED, seconds + MARGIN)
    day = Day(place, random)
    try:
        place.begin()
        day.go_on(seconds)
        day.come_to_rest()
        there, struck = place.there(), place.ask("struck")
        with place.reader() as reader:
            found, rows = differences(reader, there) + place.unforeseen(), table(reader, there, struck)
    finally:
        day.services.abandon()
        place.close()
    rows = [("seed", SEED), ("minutes", f"{MINUTES:g}"), ("differences", len(found)), *rows]
    rows += [(f"services {name}", count) for name, count in day.services.count.items()]
    rows += [(f"commands {name}", count) for name, count in day.count.items()]
    with capsys.disabled():
        print()
        for name, value in rows:
            print(f"{name:36} {value}")
    assert found == []
