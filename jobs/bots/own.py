"""A user's own strategy: a Python file with one class, asked in a process of its own."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from connectors.order import OrderType, Side, TimeInForce
from jobs.bots.parameters import BadParameters, Model, Positive, Symbol
from jobs.bots.strategy import Cancel, Pair, Place, Stop, View, Waits, Wish

CHILD = Path(__file__).with_name("child.py")
SECONDS = 5.0  #: for one decision
STARTING = 20.0  #: seconds to load the file
MEMORY = 512  #: megabytes
PROCESSOR = 3_600  #: seconds of processor time, all decisions together
LONGEST = 1_000_000  #: characters of an answer
MOST = 500  #: wishes at once

_VIEW: TypeAdapter[View] = TypeAdapter(View)


class _Order(Model):
    tag: Annotated[str, Field(min_length=1, max_length=64)]
    symbol: Symbol
    side: Side
    type: OrderType
    amount: Positive | None = None
    price: Positive | None = None
    stop_price: Positive | None = None
    quote_amount: Positive | None = None
    time_in_force: TimeInForce = TimeInForce.GTC

    def wish(self) -> Place:
        return Place(**{name: getattr(self, name) for name in _Order.model_fields})


class _Wish(Model):
    """One of the four; ``pair``: of two orders one cancels the other."""

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if len(self.model_fields_set) != 1 or all(value is None for _, value in self):
            raise ValueError(f"name one of {', '.join(type(self).model_fields)}")
        return self

    place: _Order | None = None
    pair: tuple[_Order, _Order] | None = None
    cancel: Annotated[str, Field(max_length=64)] | None = None
    stop: Annotated[str, Field(max_length=300)] | None = None

    def wish(self) -> Wish:
        if self.place is not None:
            return self.place.wish()
        if self.pair is not None:
            return Pair(self.pair[0].wish(), self.pair[1].wish())
        return Cancel(self.cancel) if self.cancel is not None else Stop(_shown(self.stop or "its strategy stopped it"))


class _Waits(Model):
    candles: bool = False
    until: AwareDatetime | None = None


class Kept(Model):
    """What the strategy wants to remember, and what it waits for."""

    value: JsonValue = None
    waits: _Waits = _Waits(candles=True)


class _Answer(Model):
    state: JsonValue = None
    wishes: Annotated[list[_Wish], Field(max_length=MOST)]
    waits: _Waits


class Own:
    """A strategy in a child process. Use as a context manager; what it does wrong is a ``Stop`` with a sentence."""

    kind: Literal["own"] = "own"

    def __init__(self, file: str, parameters: Mapping[str, Any], *, seconds: float = SECONDS) -> None:
        """Start it.

        Raises:
            BadParameters: the file can't be used.
        """
        self._seconds = seconds
        if not Path(file).is_file():
            raise BadParameters(f"there is no file {file}")
        self._folder = tempfile.TemporaryDirectory(prefix="strategy-")
        # -I: nothing of the environment or the user's own packages; the few variables that remain hold no secret
        self._child = subprocess.Popen(  # noqa: S603 - the user's own file, which they named
            [sys.executable, "-I", str(CHILD), str(Path(file).resolve()), str(MEMORY), str(PROCESSOR)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.name,
            env={"LANG": "C.UTF-8"},
            close_fds=True,
            start_new_session=True,
        )
        self._rest = b""
        try:
            said = self._asked(dict(parameters), STARTING)
            self.symbols: Sequence[str] = _symbols(said.get("symbols"))
        except (_Wrong, ValidationError) as wrong:
            self.close()
            why = str(wrong) if isinstance(wrong, _Wrong) else "its symbols must be a list such as ['BTC/USDT']"
            raise BadParameters(f"{file}: {why}") from None

    def begin(self) -> Kept:
        """It remembers nothing, and waits for a candle."""
        return Kept()

    def waits(self, state: Kept) -> Waits:
        """What it said with its last decision."""
        return Waits(state.waits.candles, state.waits.until)

    def decide(self, state: Kept, view: View, now: datetime) -> tuple[Kept, Sequence[Wish]]:
        """Ask it."""
        seen = _VIEW.dump_python(view, mode="json")
        for event, told in zip(view.events, seen["events"], strict=True):
            told["event"] = type(event).__name__.lower()
        try:
            said = self._asked({"state": state.value, "view": seen, "now": now.isoformat()}, self._seconds)
            answer = _Answer.model_validate(said)
        except _Wrong as wrong:
            return state, (Stop(f"its strategy failed: {wrong}"),)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))[:60]
            return state, (Stop(f"its strategy answered nonsense: {where}: {first['msg'].lower()}"),)
        return Kept(value=answer.state, waits=answer.waits), [wish.wish() for wish in answer.wishes]

    def _asked(self, question: Any, seconds: float) -> dict[str, Any]:
        """One line out, one line back."""
        deadline = time.monotonic() + seconds
        try:
            self._tell(json.dumps(question).encode() + b"\n", deadline)
            line = self._line(deadline)
            said = json.loads(line)
            if isinstance(said, dict) and "error" in said:
                raise _Wrong(_shown(str(said["error"])))
            if rb"\ud" in line:
                json.dumps(said, ensure_ascii=False).encode()  # half a character can't be kept
        except TimeoutError:
            self.close()
            raise _Wrong(f"it did not decide within {seconds:g} seconds") from None
        except (OSError, ValueError, RecursionError):
            self.close()
            raise _Wrong("its process has ended, or answers what can't be read") from None
        if not isinstance(said, dict):
            raise _Wrong("its answer is no object")
        return said

    def _tell(self, line: bytes, deadline: float) -> None:
        stdin, left = self._child.stdin, memoryview(line)
        if stdin is None or stdin.closed:
            raise _Wrong("its process has ended")
        os.set_blocking(stdin.fileno(), False)  # one that does not read would hold us up for ever
        with selectors.DefaultSelector() as waiting:
            waiting.register(stdin, selectors.EVENT_WRITE)
            while left:
                _until(deadline, waiting)
                left = left[os.write(stdin.fileno(), left) :]

    def _line(self, deadline: float) -> bytes:
        stdout = self._child.stdout
        if stdout is None:
            raise OSError
        with selectors.DefaultSelector() as waiting:
            waiting.register(stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                _until(deadline, waiting)
                read = os.read(stdout.fileno(), 65_536)
                if not read:
                    raise OSError
                self._rest += read
                if len(self._rest) > LONGEST:
                    self.close()
                    raise _Wrong(f"its answer is longer than {LONGEST} characters")
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def close(self) -> None:
        """End the process, and those that it has begun."""
        if self._child.returncode is None:
            os.killpg(self._child.pid, signal.SIGKILL)  # until it is waited for its number is nobody else's
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not written yet has no reader any more
                    continue
        self._child.wait()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class _Wrong(Exception):
    """What the strategy did wrong."""


def _until(deadline: float, waiting: selectors.BaseSelector) -> None:
    """Wait for the process.

    Raises:
        TimeoutError: it takes too long.
    """
    if not waiting.select(max(0.0, deadline - time.monotonic())):
        raise TimeoutError


def _symbols(said: object) -> tuple[str, ...]:
    found = tuple(TypeAdapter(list[Symbol]).validate_python(said))
    if not found:
        raise _Wrong("its symbols must name a market, such as ['BTC/USDT']")
    if len(set(found)) < len(found):
        raise _Wrong("its symbols must name each market once")
    return found


def _shown(text: str) -> str:
    """What a strategy says, for a terminal: it can't move its cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:300])
