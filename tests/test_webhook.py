"""The webhook: what a person must know arrives once, signed, in order, and its address is on no record."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from automator import halts, tokens, upkeep, webhook
from automator.clock import micros
from automator.engine import Engine
from automator.home import Home
from automator.ledger import chain
from automator.notices import Notice, tell, unread, waiting
from automator.posting import measure
from automator.posting.posts import NewDelivery, listed, plan
from automator.vault.choose import own_file
from automator.webhook import overdue
from connectors.post import Part
from tests.clocks import StillClock

CANARY = "T0ken-5f2c91"
Taken = tuple[dict[str, str], bytes]


class Receiver:
    """A person's own server, and an installation that tells it."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.answers: list[int] = []
        self.hangs = False

    async def take(self, request: web.Request) -> web.Response:
        if self.hangs:
            await asyncio.Event().wait()
        status = self.answers.pop(0) if self.answers else 200
        self.taken += [(dict(request.headers), await request.read())] if status == 200 else []
        return web.Response(status=status, headers={"location": "/elsewhere", "retry-after": "3600"})

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(content) for _, content in self.taken]

    def kinds(self) -> list[str]:
        return [said["type"] for said in self.said()]

    async def tell(self, kind: str, about: str) -> None:
        at = micros(self.engine.clock.now())
        await self.engine.writer.run(lambda tx: tell(tx, Notice(kind, about, f"{about} {kind}"), at))

    async def deliver(self) -> str | None:
        assert self.engine.webhook is not None
        return await self.engine.webhook.deliver()


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Receiver]:
    made, app = Receiver(), web.Application()
    app.router.add_post(f"/hooks/{CANARY}", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)  # one test leaves a call hanging
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    home = Home(tmp_path / "home")
    home.prepare()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/{CANARY}?key={CANARY}-query"
    (home.path / "config.toml").write_text(f'[webhook]\nurl = "{url}"\n')
    store = own_file(home.path)
    async with Engine(home, store, clock=StillClock()) as made.engine:
        yield made
    await runner.cleanup()


async def test_notices_arrive_once_and_in_order(there: Receiver) -> None:
    """Each says what happened in a sentence that chat services show, and none is sent a second time."""
    await there.tell("failed", "post-1")
    await there.tell("missed", "post-2")
    assert await there.deliver() is None
    assert await there.deliver() is None
    assert there.kinds() == ["notice.failed", "notice.missed"]
    assert there.said()[0]["text"] == "post-1 failed"
    assert there.said()[0]["data"]["about"] == "post-1"
    assert len(unread(there.engine.reader)) == 2, "that a webhook took it does not mean that a person has read it"


async def test_what_a_weekend_without_power_cost_is_told_in_one_message(there: Receiver) -> None:
    """It says how many, of which account, since when and why; each stays on the record, and few are told one by one."""
    engine, begin = there.engine, there.engine.clock.now()
    wanted = [
        NewDelivery(account, (Part("Hi"),), begin + timedelta(minutes=number), "UTC", "", f"{account} {number}")
        for account, many in (("x/brand", 40), ("x/other", 3))
        for number in range(many)
    ]
    await engine.writer.run(lambda tx: plan(tx, wanted, begin, source="test"))
    engine.clock.at += timedelta(days=2)  # type: ignore[attr-defined]
    await engine.worker.run_due()
    assert (len(unread(engine.reader)), len(listed(engine.reader, state="missed"))) == (43, 43)
    await there.tell("halted", "x/brand")
    there.answers = [500] * 4
    assert await there.deliver() is not None
    there.answers = []
    engine.clock.at += timedelta(hours=1)  # type: ignore[attr-defined]
    assert (await there.deliver(), await there.deliver()) == (None, None)
    assert there.kinds() == ["notice.missed"] * 4 + ["notice.halted"]
    (many,) = [said for said in there.said() if said["data"]["count"] == 40]
    assert many["text"] == (
        f"40 posts of x/brand were missed, the first due {begin:%Y-%m-%d %H:%M}Z: nothing began them in time; "
        "`automator posts list --state missed` lists them"
    )
    assert (many["data"]["account"], len(unread(engine.reader)), waiting(engine.reader)) == ("x/brand", 44, [])


async def test_what_failed_for_reasons_of_their_own_is_told_one_by_one(there: Receiver) -> None:
    """However many they are: no reason is hidden by another one."""
    at = micros(there.engine.clock.now())
    wanted = [NewDelivery("x/brand", (Part("Hi"),), there.engine.clock.now(), "UTC", "", str(n)) for n in range(8)]
    await there.engine.writer.run(lambda tx: plan(tx, wanted, there.engine.clock.now(), source="test"))
    for number, post in enumerate(listed(there.engine.reader)):
        told = Notice("failed", post.id, f"{post.id}: reason {number}", "x/brand")
        await there.engine.writer.run(partial(tell, notice=told, at=at))
    assert await there.deliver() is None
    assert [said["text"].partition(": ")[2] for said in there.said()] == [f"reason {number}" for number in range(8)]


async def test_anyone_with_the_public_key_can_check_them(there: Receiver) -> None:
    """The signature covers id, timestamp and body, as Standard Webhooks asks."""
    await there.tell("failed", "post-1")
    await there.deliver()
    ((headers, content),) = there.taken
    public = (there.engine.home.path / "checkpoints.pub").read_text().strip()
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    stamp = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    key.verify(base64.b64decode(signature), stamp + content)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signature), stamp + content + b" ")


@pytest.mark.parametrize(("status", "words"), [(404, "404"), (302, "not followed"), (500, "500"), (429, "429")])
async def test_what_is_not_taken_is_kept_and_said(there: Receiver, status: int, words: str) -> None:
    """An address that refuses, redirects or fails gets the notice later, under the same id; doctor knows why."""
    await there.tell("failed", "post-1")
    there.answers = [status] * 4
    assert words in str(await there.deliver())
    there.answers = []
    assert there.taken == []
    late, said = overdue(there.engine.reader, there.engine.clock, timedelta(seconds=-1))
    assert (late, said.startswith(f"it answered {status}")) == (1, True)
    there.engine.clock.at += timedelta(hours=2)  # type: ignore[attr-defined]
    assert await there.deliver() is None
    assert there.kinds() == ["notice.failed"]


@pytest.mark.parametrize("status", [400, 413])
async def test_a_notice_that_is_refused_does_not_hold_up_those_after_it(there: Receiver, status: int) -> None:
    """A receiver may take no text of its kind; it is tried again rarely, and doctor says what came of it."""
    for kind in ("failed", "missed", "halted"):
        await there.tell(kind, "post-1")
    there.answers = [status]
    assert await there.deliver() == f"it answered {status}"
    assert there.kinds() == ["notice.missed", "notice.halted"]
    assert await there.deliver() is None
    assert overdue(there.engine.reader, there.engine.clock, timedelta(seconds=-1)) == (1, f"it answered {status}")
    there.engine.clock.at += webhook.AGAIN  # type: ignore[attr-defined]
    assert await there.deliver() is None
    assert there.kinds() == ["notice.missed", "notice.halted", "notice.failed"]


async def test_two_processes_tell_each_thing_once(there: Receiver) -> None:
    """Two services, or one beside cron's `run-due`: a chat shows twice what comes twice."""
    for kind in ("failed", "missed"):
        await there.tell(kind, "post-1")
    async with Engine(there.engine.home, there.engine.store, clock=there.engine.clock) as other:
        assert other.webhook is not None
        assert await asyncio.gather(there.deliver(), other.webhook.deliver()) == [None, None]
        assert await other.webhook.deliver() is None
    assert there.kinds() == ["notice.failed", "notice.missed"]


async def test_an_address_that_never_ends_its_answer_is_not_waited_for(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run-due` ends all the same, and the notice is kept for the next time."""
    monkeypatch.setattr(webhook, "PATIENCE", 0.2)
    await there.tell("failed", "post-1")
    there.hangs = True
    assert await there.deliver() == "it did not answer within 0.2 seconds"
    assert overdue(there.engine.reader, there.engine.clock, timedelta(seconds=-1)) == (1, "it has not answered")
    monkeypatch.undo()
    there.hangs = False
    assert await there.deliver() is None
    assert there.kinds() == ["notice.failed"]


async def test_the_address_is_on_no_record(there: Receiver) -> None:
    """For many services the address is a key: it is in no entry, no body, no file but the settings."""
    await there.tell("failed", "post-1")
    there.answers = [404]
    await there.deliver()
    await there.deliver()
    assert len(there.taken) == 1
    held = there.engine.reader.execute("SELECT said(data) FROM entry WHERE account = 'webhook'").fetchall()
    assert len(held) == 4
    assert CANARY not in str(held) + repr(there.engine.settings)
    found = [path for path in there.engine.home.path.rglob("*") if path.is_file() and CANARY in str(path.read_bytes())]
    assert [path.name for path in found] == ["config.toml"]


async def test_a_halt_does_not_silence_it(there: Receiver) -> None:
    """That everything is halted is just what a person must hear of."""
    now = micros(there.engine.clock.now())
    await there.engine.writer.run(lambda tx: halts.halt(tx, halts.EVERYTHING, now, reason="", actor="test"))
    await there.tell("halted", "post-1")
    assert await there.deliver() is None
    assert there.kinds() == ["notice.halted"]


async def test_checkpoints_arrive_and_do_not_feed_themselves(there: Receiver) -> None:
    """A checkpoint held elsewhere shows a rewritten ledger; an idle installation sends none."""
    now = micros(there.engine.clock.now())
    await there.engine.writer.run(lambda tx: chain.append(tx, "event", now, {"what": "test"}))
    for _ in range(4):
        there.engine.checkpoint()
        assert await there.deliver() is None
    assert there.kinds() == ["checkpoint"]
    data = there.said()[0]["data"]
    assert (data["count"], data["head"]) == (1, chain.verify(there.engine.reader, {}) and data["head"])
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(data["public_key"]))
    covered = chain.canonical({name: data[name] for name in ("count", "head", "at")}).encode()
    key.verify(bytes.fromhex(data["signature"]), covered)
    first = there.engine.reader.execute("SELECT link FROM entry WHERE seq = 1").fetchone()[0]
    assert data["head"] == bytes(first).hex()


async def test_the_service_tells_and_stops_when_asked(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells what happens while it runs, tries again after a failure, and ends at once."""
    await there.tell("failed", "post-1")
    there.answers = [404, 404]
    stop = asyncio.Event()

    async def until_told() -> None:
        while not there.taken:
            await asyncio.sleep(0.001)
        stop.set()

    async def look(_: object) -> None:
        await stop.wait()

    async def keep(_: object, wait: timedelta) -> timedelta:
        await stop.wait()
        return wait

    # where waits take no time, what finds nothing to do would leap past every call's first byte, again and again
    monkeypatch.setattr(tokens, "look_after", look)
    monkeypatch.setattr(measure, "read", look)
    monkeypatch.setattr(upkeep, "books", keep)
    async with asyncio.timeout(20):
        await asyncio.gather(upkeep.run(there.engine, stop), until_told())
    assert there.kinds()[0] == "notice.failed"


async def test_a_duty_that_fails_is_done_again(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at one checkpoint does not mean that there is never another one."""
    done: list[int] = []
    stop = asyncio.Event()

    def sign() -> None:
        done.append(1)
        if len(done) == 3:
            stop.set()
        raise OSError("No space left on device")

    monkeypatch.setattr(there.engine, "checkpoint", sign)
    async with asyncio.timeout(20):
        await upkeep.run(there.engine, stop)
    assert len(done) >= 3
