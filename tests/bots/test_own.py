"""A user's own strategy: a file with one class, asked in a process of its own that can do no harm."""

from __future__ import annotations

import os
import platform
import re
import signal
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from select import select
from typing import Any

import pytest

from automator.trading import bots, orders
from automator.trading.bots import State
from connectors.order import OrderType, Side
from jobs.bots.child import ALONE, LEAVING
from jobs.bots.kinds import opened, which
from jobs.bots.own import Own
from jobs.bots.parameters import BadParameters
from jobs.bots.strategy import Cancel, Pair, Place, Stop
from tests.bots.market import floor
from tests.bots.samples import BUY, GRID, candles
from tests.bots.seen import BTC, START, closed, ended, filled, view

GOOD = '''
class Mine:
    """Buys once, below the price that its parameters name."""

    symbols = ["BTC/USDT"]

    def __init__(self, parameters):
        self.below = float(parameters["below"])

    def decide(self, state, view, now):
        print("what is printed goes nowhere")
        state = state or {"bought": 0, "seen": []}
        state["seen"] += [event["event"] for event in view["events"]]
        if float(view["prices"]["BTC/USDT"]) >= self.below or state["bought"]:
            return state, []
        state["bought"] = 1
        order = {"tag": "a", "symbol": "BTC/USDT", "side": "buy", "type": "market", "quote_amount": "100"}
        return state, [{"place": order}, {"cancel": "b"}], {"candles": True}
'''


def file(folder: Path, text: str) -> str:
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def deciding(body: str) -> str:
    return f"import os, time\nclass Mine:\n    symbols = ['BTC/USDT']\n    def decide(self, state, view, now):\n        {body}\n"


def test_it_decides_like_any_other(tmp_path: Path) -> None:
    """Dictionaries in, orders out; its state comes back to it."""
    with opened(*which(file(tmp_path, GOOD), {"below": "50000"})) as own:
        assert own.symbols == (BTC,)
        state, wishes = own.decide(own.begin(), view(50_000, closed(50_000)), START)
        assert wishes == []
        state, wishes = own.decide(state, view(49_999, closed(49_999)), START)
        buy = Place("a", BTC, Side.BUY, OrderType.MARKET, quote_amount=Decimal(100))
        assert wishes == [buy, Cancel("b")]
        sold = Place("a", BTC, Side.BUY, OrderType.MARKET, amount=Decimal(1), price=Decimal(1))
        state, wishes = own.decide(state, view(1, filled(sold), ended(sold)), START)
        assert wishes == []
        assert state.value == {"bought": 1, "seen": ["closed", "closed", "filled", "ended"]}
        assert type(state).model_validate_json(state.model_dump_json()) == state


PAIR = """[{'pair': [
            {'tag': 's', 'symbol': 'BTC/USDT', 'side': 'sell', 'type': 'stop', 'amount': '1', 'stop_price': '90'},
            {'tag': 'p', 'symbol': 'BTC/USDT', 'side': 'sell', 'type': 'limit', 'amount': '1', 'price': '110'}]}]"""


def test_what_it_keeps_to_itself_is_gone_in_a_backtest_too(tmp_path: Path) -> None:
    """A bot that runs asks a new process each time: only its state is remembered."""
    body = "self.count = getattr(self, 'count', 0) + 1; return [*(state or []), self.count], []"
    with opened("own", {"file": file(tmp_path, deciding(body))}) as own:
        state = own.begin()
        for minute in range(3):
            state, _ = own.decide(state, view(100, closed(100, minute)), START)
    assert state.value == [1, 1, 1]


def test_it_may_ask_for_a_pair(tmp_path: Path) -> None:
    """Two orders of which one cancels the other, as the strategies that come with Automator do."""
    with opened(*which(file(tmp_path, deciding(f"return state, {PAIR}")), {})) as own:
        _, (pair,) = own.decide(own.begin(), view(100, closed(100)), START)
    stop = Place("s", BTC, Side.SELL, OrderType.STOP, amount=Decimal(1), stop_price=Decimal(90))
    assert pair == Pair(stop, Place("p", BTC, Side.SELL, OrderType.LIMIT, amount=Decimal(1), price=Decimal(110)))


def why(wishes: Any) -> str:
    (stop,) = wishes
    assert isinstance(stop, Stop)
    return stop.why


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1 / 0", "line 5: ZeroDivisionError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("os._exit(3)", "its process has ended"),
        ("while True: pass", "did not decide within 1 seconds"),
        ("time.sleep(60)", "did not decide within 1 seconds"),
        ("return 'buy'", "decide must return"),
        ("return state, 'buy'", "wishes"),
        ("return state, [{'place': {'tag': 'a'}}]", "wishes.0.place.symbol: field required"),
        ("return state, [{'sell': 'everything'}]", "answered nonsense: wishes.0.sell"),
        ("return state, [{'pair': []}]", "answered nonsense: wishes.0.pair"),
        ("return object(), []", "not JSON serializable"),
        ("return float('nan'), []", "Out of range float"),
        ("return 'x' * 2_000_000, []", "longer than"),
        ("return len(bytearray(2 * 10**9)), []", "MemoryError"),
        ("file = open('x', 'w'); file.write('x'); file.flush()", "OSError: .*File too large"),
        ("os.write(1, b'{}'); return state, [{'stop': 'enough'}]", "^enough$"),
        ("return state, [{}]", "wishes.0: value error, name one of place, pair, cancel, stop"),
        ("return state, [{'cancel': 'a', 'stop': 'b'}]", "wishes.0: value error, name one of"),
        ("raise ValueError(chr(0xD800) + chr(27) + '[2J')", r"line 5: ValueError: \?\?\[2J$"),
        ("return state, [{'stop': 'the' + chr(27) + '[2J end'}]", r"^the\?\[2J end$"),
        ("return chr(0xD800), []", "answers what can't be read"),
        ("exec('x = []' + chr(10) + 'for _ in range(900): x = [x]', g := {}); return g['x'], []", "^.{1,200}$"),
        ("raise MemoryError", "line 5: MemoryError$"),
    ],
)
def test_whatever_it_does_wrong_is_a_sentence(tmp_path: Path, body: str, words: str) -> None:
    """Its bot stops, and says why."""
    with Own(file(tmp_path, deciding(body)), {}, seconds=1.0) as own:
        _, wishes = own.decide(own.begin(), view(1, closed(1)), START)
        assert re.search(words, why(wishes)), why(wishes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class A:\n  pass", "one class with a method decide, and holds 0"),
        ("def f(:\n", "line 1: SyntaxError"),
        ("import nothing_like_this", "line 1: ModuleNotFoundError"),
        ("class A:\n  def decide(self, *a): ...", "symbols"),
        ("class A:\n  symbols = 'BTC'\n  def decide(self, *a): ...", "symbols must be a list"),
        ("raise SystemExit", "SystemExit"),
        ("class A:\n  symbols = []\n  def decide(self, *a): ...", "must name a market"),
        ("class A:\n  symbols = ['A/B', 'A/B']\n  def decide(self, *a): ...", "must name each market once"),
    ],
)
def test_a_file_that_is_no_strategy_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Before anything is stored."""
    with pytest.raises(BadParameters, match=words):
        Own(file(tmp_path, text), {})


def test_one_that_does_not_listen_is_not_waited_for(tmp_path: Path) -> None:
    """What it is shown is more than fits into the pipe, and it has stopped itself."""
    body = "import threading, signal; threading.Timer(0, os.kill, (os.getpid(), signal.SIGSTOP)).start(); return 1, []"
    much = [closed(1, number) for number in range(3000)]
    with Own(file(tmp_path, deciding(body)), {}, seconds=1.0) as own:
        state, wishes = own.decide(own.begin(), view(1, closed(1)), START)
        while not wishes:
            state, wishes = own.decide(state, view(1, *much), START)
        assert why(wishes) == "its strategy failed: it did not decide within 1 seconds"


def test_what_it_has_begun_ends_with_it(tmp_path: Path) -> None:
    """Also the processes that it forked: nobody else would end them."""
    body = "child = os.fork()\n        if not child: time.sleep(600)\n        return child, []"
    with Own(file(tmp_path, deciding(body)), {}) as own:
        state, _ = own.decide(own.begin(), view(1, closed(1)), START)
        begun = os.pidfd_open(state.value)  # type: ignore[arg-type]
    assert select([begun], [], [], 5)[0], "it has ended"
    os.close(begun)


DAEMON = """
        import subprocess, sys
        leave = {leave!r}
        run = "import os, time\\ntry:\\n    " + leave + "\\nexcept OSError: pass\\nprint(os.getpid(), flush=True); time.sleep(600)"
        begun = subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE)
        return int(begun.stdout.readline()), []"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open") or platform.machine() not in LEAVING, reason="needs Linux")
@pytest.mark.parametrize("leave", ["os.setsid()", "os.setpgid(0, 0)"])
def test_what_it_has_begun_can_t_leave_it(tmp_path: Path, leave: str) -> None:
    """A program in a session or group of its own would go on without limits of time, unseen."""
    with Own(file(tmp_path, deciding(DAEMON.format(leave=leave))), {}) as own:
        state, _ = own.decide(own.begin(), view(1, closed(1)), START)
        begun = os.pidfd_open(state.value)  # type: ignore[arg-type]
    try:
        assert select([begun], [], [], 5)[0], "it has ended"
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(begun, signal.SIGKILL)
        os.close(begun)


def test_what_it_has_begun_ends_with_a_service_that_was_killed(tmp_path: Path) -> None:
    """Then nobody else ends it."""
    body = "child = os.fork()\n        if not child: time.sleep(600)\n        return child, []"
    own = Own(file(tmp_path, deciding(body)), {})
    state, _ = own.decide(own.begin(), view(1, closed(1)), START)
    begun = os.pidfd_open(state.value)  # type: ignore[arg-type]
    own._child.stdin.close()  # type: ignore[union-attr]
    try:
        assert select([begun], [], [], 5)[0], "it has ended"
    finally:
        own.close()
        os.close(begun)


def test_without_its_parent_it_ends_soon(tmp_path: Path) -> None:
    """A service that is killed can't end a strategy that loops."""
    body = "import signal; return signal.alarm(0), []"
    with Own(file(tmp_path, deciding(body)), {}) as own:
        state, _ = own.decide(own.begin(), view(1, closed(1)), START)
    assert 0 < state.value <= ALONE  # type: ignore[operator]


def test_no_file() -> None:
    """It is said."""
    with pytest.raises(BadParameters, match="there is no file"):
        Own("/no/such/file.py", {})


def test_it_is_given_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable, no open file, none of our modules; what it can see of itself tells."""
    monkeypatch.setenv("AUTOMATOR_KEK", "canary-key")
    held = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(held, True)
    body = (
        "import sys; return {'env': sorted(os.environ), 'fds': os.listdir('/proc/self/fd'), "
        "'ours': [name for name in sys.modules if name.split('.')[0] in ('automator', 'jobs', 'connectors')], "
        "'path': sys.path}, []"
    )
    with Own(file(tmp_path, deciding(body)), {}) as own:
        state, _ = own.decide(own.begin(), view(1, closed(1)), START)
    os.close(held)
    seen: Any = state.value
    assert set(seen["env"]) <= {"LANG", "LC_CTYPE"}
    assert len(seen["fds"]) <= 6
    assert seen["ours"] == []
    assert not any(path.endswith("jobs/bots") for path in seen["path"])


async def test_its_bot_stops_and_others_go_on(tmp_path: Path) -> None:
    """A strategy that raises does not hold up the service."""
    async with floor(tmp_path) as there:
        own = file(tmp_path, deciding("return state, [] if len(view['events']) < 1 else 1 / 0"))
        await there.add("own", "mine", file=own)
        await there.add("recurring_buy", **BUY)
        for candle in candles(7):
            await there.minute(candle)
        assert there.bot("mine").state is State.STOPPED
        (notice,) = there.notices()
        assert "mine has stopped: its strategy failed: line 5: ZeroDivisionError" in notice
        assert len(bots.paper(there.engine.reader, "bot-1")) == 2


@pytest.mark.parametrize("policy", ["cancel", "keep"])
@pytest.mark.parametrize("body", ["1 / 0", "'nonsense'", "time.sleep(60)"])
async def test_its_orders_are_handled_by_its_stop_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, policy: str
) -> None:
    """Whatever its strategy does wrong, what rests at the exchange is cancelled or stays; other bots' orders stay."""
    monkeypatch.setitem(Own.__init__.__kwdefaults__, "seconds", 1.0)
    order = "{'place': {'tag': 'a', 'symbol': 'BTC/USDT', 'side': 'buy', 'type': 'limit', 'amount': '1', 'price': '9'}}"
    own = file(tmp_path, deciding(f"if not state: return 1, [{order}]\n        return {body}"))
    async with floor(tmp_path) as there:
        await there.add("own", "mine", live=True, on_stop=policy, file=own)
        await there.add("grid", "grid", live=True, **GRID)
        for candle in candles(3):
            await there.minute(candle)
        await there.due()
        assert there.bot("mine").state is State.STOPPED
        mine = [item.state for item in orders.listed(there.engine.reader, owner="mine")]
        assert mine == ["open" if policy == "keep" else "cancelled"]
        assert there.bot("grid").state is State.RUNNING
        assert any(item.state == "open" for item in orders.listed(there.engine.reader, owner="grid"))


async def test_two_orders_of_one_name_end_it(tmp_path: Path) -> None:
    """Nothing of that decision is kept, and nothing was sent."""
    order = "{'place': {'tag': 'a', 'symbol': 'BTC/USDT', 'side': 'buy', 'type': 'market', 'amount': '1'}}"
    async with floor(tmp_path) as there:
        await there.add("own", live=True, file=file(tmp_path, deciding(f"return state, [{order}, {order}]")))
        (candle,) = candles(1)
        await there.minute(candle)
        assert there.notices() == ["bot-1 has stopped: its strategy called two orders 'a'"]
        assert there.world.arrived == []
