"""Takes one post to its end in a process of its own: ``python -m tests.toy.worker DB URL WAY KEY [WITHOUT]``."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automator import failpoints
from automator.clock import SystemClock
from automator.db import Writer, connect
from automator.egress import once, record
from automator.egress import resolve as asking
from automator.egress.call import Call
from automator.egress.stack import client
from automator.egress.wire import base_transport
from automator.intentions import Intention, State, claim, load
from automator.schema import create
from connectors.base import Effect, Intent, NotNow, Unresolved
from tests.toy.provider import CREATE_ONCE, CREATE_REPEATABLE, LIST, account

ROUNDS = 6


async def deliver(path: Path, url: str, effect: Effect, key: str, *, planned: bool, careless: bool) -> State:  # noqa: PLR0913 - what a test chooses
    """Publish once; ``planned``: under a claim of its own, else the plan is frozen as it is sent.

    ``careless``: the plan is made anew instead of being read from where it was frozen.
    """
    clock, who = SystemClock(), account(url)
    operation = CREATE_ONCE if effect is Effect.ONCE else CREATE_REPEATABLE
    plan = {"text": f"hello {key}", "rkey": secrets.token_hex(8) if careless else key}
    reader = connect(path, readonly=True)
    try:
        with Writer(path) as writer:
            async with client(base_transport(), writer, reader, clock) as http:

                async def find(frozen: Mapping[str, Any]) -> Mapping[str, Any] | None:
                    answer = await http.request("GET", f"{url}/posts", extensions={"automator": Call(LIST, who)})
                    same = [post for post in answer.json()["posts"] if post["text"] == frozen["text"]]
                    return {"id": same[0]["id"]} if same else None

                for _ in range(ROUNDS):
                    failpoints.reach("before-intent")
                    held = load(reader, key)
                    if planned or held is not None:
                        held = await writer.run(lambda tx: claim(tx, key, who.name, operation.name, plan))
                    intent = _intent(key, plan, held, careless=careless)
                    call = Call(operation, who, intent, {"test": key})
                    headers = {"idempotency-key": intent.plan["rkey"]} if effect is Effect.REPEATABLE else {}
                    try:
                        if held is not None and held.state is State.UNCONFIRMED:
                            break
                        await http.request(
                            "POST",
                            f"{url}/posts",
                            json={"text": intent.plan["text"]},
                            headers=headers,
                            extensions={"automator": call},
                        )
                        break
                    except Unresolved:
                        open_ = load(reader, key)
                        assert open_ is not None
                        state = await asking.resolve(open_, operation.absence, find, writer, clock)
                        if state is not State.PLANNED:
                            break
                    except NotNow:
                        await clock.sleep(0.05)
        stored = load(reader, key)
        assert stored is not None
        return stored.state
    finally:
        reader.close()


def _intent(key: str, plan: Mapping[str, Any], held: Intention | None, *, careless: bool) -> Intent:
    frozen = plan if held is None or careless else held.plan
    return Intent(key, frozen, held.attempt if held else 0)


def main() -> None:
    path, url, way, key, *without = sys.argv[1:]
    effect, _, planned = way.partition("-")
    if "once" in without:
        once.decide = lambda *_, **__: once.Send()
    if "cas" in without:
        record.mark_sent = lambda *_, **__: True
        record.begin = lambda tx, *row, **_: claim(tx, *row) and None
    if "resolve" in without:
        asking.verdict = lambda *_, **__: State.PLANNED
    create(Path(path))
    print(
        asyncio.run(
            deliver(Path(path), url, Effect(effect), key, planned=planned == "planned", careless="frozen" in without)
        )
    )


if __name__ == "__main__":
    main()
