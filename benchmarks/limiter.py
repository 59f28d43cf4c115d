"""How much of a provider's limit is used, and whether it is ever overrun: two processes, a clock that is off."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx

from automator.clock import SystemClock
from automator.db import Writer, connect
from automator.egress.call import Call
from automator.egress.stack import client
from automator.egress.wire import base_transport
from automator.schema import create
from benchmarks.figure import Figure
from connectors.base import Budget, Intent, Kind, NotNow, Operation, Outcome, Reading, Window
from tests.toy.provider import CREATE_ONCE, Toy, account

SECONDS = 10.0
WINDOWS = 3  #: measured, after the first
LIMITS = (100, 6000)
KINDS = (Window.FIXED, Window.SLIDING, Window.BUCKET)


@dataclasses.dataclass(frozen=True)
class Limited(Toy):
    """The toy provider with one limit, told of in X's headers."""

    window: Window = Window.FIXED
    limit: int = 100

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return (Budget("posts", self.limit, self.window, int(SECONDS)),)

    def costs(self, _operation: Operation, _request: httpx.Request) -> Mapping[str, int]:
        return {"posts": 1}

    def observe(self, _operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        if self.window is not Window.FIXED:
            return ()  # what X's headers say is true of its fixed windows only
        headers = response.headers
        reset = datetime.fromtimestamp(int(headers["x-rate-limit-reset"]), UTC)
        return (Reading("posts", int(headers["x-rate-limit-limit"]), int(headers["x-rate-limit-remaining"]), reset),)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        if response.status_code == 429:  # noqa: PLR2004 - RFC 6585
            reset = datetime.fromtimestamp(int(response.headers["x-rate-limit-reset"]), UTC)
            return Outcome(Kind.LATER, "throttled", until=reset)
        return super().judge(operation, response)


def measured() -> Iterator[Figure]:
    uses: list[float] = []
    refused = 0
    for limit in LIMITS:
        for window in KINDS:
            use, throttled = _case(window, limit)
            yield Figure(f"limiter_use_{window}_{limit}", use, "share", "", WINDOWS)
            yield Figure(f"limiter_429_{window}_{limit}", float(throttled), "answers", "", WINDOWS)
            uses.append(use)
            refused += throttled
    yield Figure("limiter_use", min(uses), "share", ">= 0.97", WINDOWS)
    yield Figure("limiter_429", float(refused), "answers", "0", WINDOWS)


def _case(window: Window, limit: int) -> tuple[float, int]:
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.limited", window, str(limit), str(SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as provider,
    ):
        assert provider.stdout is not None
        assert provider.stdin is not None
        path = Path(folder) / "a.db"
        create(path)
        url = f"http://127.0.0.1:{int(provider.stdout.readline())}"
        arguments = [sys.executable, "-m", "benchmarks.limiter", str(path), url, window, str(limit)]
        callers = [subprocess.Popen(arguments) for _ in range(2)]
        codes = [caller.wait(SECONDS * (WINDOWS + 3)) for caller in callers]
        assert codes == [0, 0], codes
        provider.stdin.close()
        said = json.loads(provider.stdout.readline())
    held = [said["accepted"].get(str(number), 0) for number in range(1, WINDOWS + 1)]
    return sum(held) / (limit * WINDOWS), said["refused"]


async def call_for(path: Path, url: str, window: Window, limit: int) -> None:
    """Send as much as the limit lets through, a little longer than is measured."""
    reader, numbers, began = connect(path, readonly=True), count(), time.monotonic()
    who = dataclasses.replace(account(url), provider=Limited(url, "toy", window, limit))
    process = f"{time.time_ns()}"
    with Writer(path) as writer:
        async with client(base_transport(), writer, reader, SystemClock()) as audited:

            async def send() -> None:
                while time.monotonic() - began < SECONDS * (WINDOWS + 1.2):
                    key = f"{process}-{next(numbers)}"
                    call = Call(CREATE_ONCE, who, Intent(key, {}))
                    try:
                        await audited.request("POST", f"{url}/posts", json={}, extensions={"automator": call})
                    except NotNow as later:
                        wait = (later.until or datetime.now(UTC)) - datetime.now(UTC)
                        await asyncio.sleep(max(0.005, wait.total_seconds()))

            await asyncio.gather(*(send() for _ in range(8 if limit < 1000 else 48)))  # noqa: PLR2004 - few calls need few tasks
    reader.close()


if __name__ == "__main__":
    asyncio.run(call_for(Path(sys.argv[1]), sys.argv[2], Window(sys.argv[3]), int(sys.argv[4])))
