"""A provider with a limit, in its own process, whose clock is two seconds ahead: ``limited.py KIND LIMIT SECONDS``.

It answers in the form of a real one (``x-rate-limit-*``, ``Date``), counts what it accepts in each stretch of
``SECONDS``, and prints its port; on its standard input's end it prints the counts and the refusals.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, deque
from email.utils import formatdate
from typing import Protocol

from aiohttp import web

AHEAD = 2.0


class Rule(Protocol):
    def take(self, now: float) -> bool: ...

    def left(self, now: float, /) -> tuple[int, float]:
        """What remains, and when it is full again."""


class Fixed:
    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds, self.used, self.ends, self.windows = limit, seconds, 0, 0.0, -1

    def take(self, now: float) -> bool:
        if now >= self.ends:
            self.used, self.ends, self.windows = 0, now + self.seconds, self.windows + 1
        self.used += 1
        return self.used <= self.limit

    def left(self, _: float) -> tuple[int, float]:
        return max(0, self.limit - self.used), self.ends


class Sliding:
    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self.times: deque[float] = deque()

    def take(self, now: float) -> bool:
        while self.times and self.times[0] <= now - self.seconds:
            self.times.popleft()
        if len(self.times) >= self.limit:
            return False
        self.times.append(now)
        return True

    def left(self, now: float) -> tuple[int, float]:
        return self.limit - len(self.times), (self.times[0] if self.times else now) + self.seconds


class Bucket:
    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.rate, self.level, self.at = limit, limit / seconds, 0.0, 0.0

    def take(self, now: float) -> bool:
        self.level = max(0.0, self.level - (now - self.at) * self.rate)
        self.at = now
        if self.level + 1 > self.limit:
            return False
        self.level += 1
        return True

    def left(self, now: float) -> tuple[int, float]:
        return int(self.limit - self.level), now + self.level / self.rate


async def serve(kind: str, limit: int, seconds: float) -> None:
    rule: Rule = {"fixed": Fixed, "sliding": Sliding, "bucket": Bucket}[kind](limit, seconds)
    accepted: Counter[int] = Counter()
    refused = 0
    began = 0.0

    async def answer(request: web.Request) -> web.Response:
        nonlocal refused, began
        await request.read()
        now = time.time()
        began = began or now
        taken = rule.take(now)
        if taken:
            # a fixed window opens with its first call; the others have none, so that any stretch will do
            accepted[rule.windows if isinstance(rule, Fixed) else int((now - began) // seconds)] += 1
        else:
            refused += 1
        remaining, full = rule.left(now)
        headers = {
            "date": formatdate(now + AHEAD, usegmt=True),
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(remaining),
            "x-rate-limit-reset": str(int(full + AHEAD) + 1),
        }
        return web.json_response({"id": "1"}, status=201 if taken else 429, headers=headers)

    app = web.Application()
    app.router.add_post("/posts", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps({"accepted": accepted, "refused": refused}), flush=True)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
