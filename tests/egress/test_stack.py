"""The whole stack against a mocked network: what leaves, what is recorded, what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from automator import halts
from automator.db import DatabaseError, Writer, connect
from automator.egress.call import Account, Call
from automator.egress.limit import LONGEST
from automator.egress.record import SEND_WITHIN
from automator.egress.stack import Client, client
from automator.egress.wire import base_transport
from automator.intentions import Fenced, State, claim, load, settle
from automator.ledger.chain import verify
from automator.schema import create
from connectors.base import CallRefused, Intent, NotNow, Operation, Scope, Unresolved, outcome_of
from tests.clocks import StillClock
from tests.stored import everything
from tests.toy.provider import CANARY, CREATE_ONCE, CREATE_REPEATABLE, LIST, SIGN_IN, Toy, account

URL = "https://toy.example"


@dataclass
class World:
    """A stack under test and its database."""

    path: Path
    writer: Writer
    reader: sqlite3.Connection
    clock: StillClock
    http: Client

    async def plan(self, operation: Operation = CREATE_ONCE, key: str = "k1", who: Account | None = None) -> Call:
        who = who or account(URL)
        held = await self.writer.run(lambda tx: claim(tx, key, who.name, operation.name, {"text": "hi"}))
        return Call(operation, who, Intent(key, {"text": "hi"}, held.attempt), {"test": "stack"}, "tester")

    async def post(self, call: Call, url: str = f"{URL}/posts") -> httpx.Response:
        return await self.http.request("POST", url, json={"text": "hi"}, extensions={"automator": call})

    def state(self, key: str = "k1") -> State:
        stored = load(self.reader, key)
        assert stored is not None
        return stored.state

    def entries(self) -> list[tuple[str, str | None, dict[str, Any]]]:
        rows = self.reader.execute("SELECT kind, outcome, said(data) FROM entry ORDER BY seq")
        return [(kind, outcome, json.loads(data)) for kind, outcome, data in rows]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A stack over plain httpx, whose network respx replaces."""
    path = tmp_path / "a.db"
    create(path)
    reader, clock = connect(path, readonly=True), StillClock()
    with Writer(path) as writer:
        async with client(base_transport("httpx"), writer, reader, clock) as http:
            yield World(path, writer, reader, clock, http)
    reader.close()


@respx.mock
async def test_a_write_is_recorded_before_it_leaves(world: World) -> None:
    """When the request reaches the network, its entry and the intention's state are on the disk."""
    seen: list[Any] = []

    def network(_: httpx.Request) -> httpx.Response:
        seen.extend([world.state(), [entry[:2] for entry in world.entries()]])
        return httpx.Response(201, json={"id": "7"}, headers={"x-request-id": "r1"})

    respx.post(f"{URL}/posts").mock(side_effect=network)
    answer = await world.post(await world.plan())
    assert seen == [State.SENT, [("call", None)]]
    assert outcome_of(answer).result == {"id": "7"}
    assert world.state() is State.DONE
    assert [entry[:2] for entry in world.entries()] == [("call", None), ("answer", "ok")]
    assert verify(world.reader) == 2


@respx.mock
async def test_a_finished_write_is_answered_from_the_record(world: World) -> None:
    """The second time nothing leaves, and the same result comes back."""
    route = respx.post(f"{URL}/posts").respond(201, json={"id": "7"})
    await world.post(await world.plan())
    again = await world.post(await world.plan())
    assert outcome_of(again).result == {"id": "7"}
    assert route.call_count == 1


@respx.mock
@pytest.mark.parametrize(
    "answer",
    [httpx.ReadTimeout("silence"), httpx.Response(500), httpx.Response(200), httpx.Response(200, text="<html>")],
)
async def test_an_open_outcome_is_never_repeated(world: World, answer: Any) -> None:
    """After a time-out, a 5xx, an empty or an HTML answer to a write, it is looked up, not sent again."""
    route = respx.post(f"{URL}/posts").mock(side_effect=[answer, httpx.Response(201, json={"id": "7"})])
    for _ in range(2):
        with pytest.raises(Unresolved):
            await world.post(await world.plan())
    assert world.state() is State.SENT
    assert route.call_count == 1


@respx.mock
async def test_a_repeatable_write_is_repeated(world: World) -> None:
    """What the provider dedupes is sent again after a lost reply, each attempt on the record."""
    route = respx.post(f"{URL}/posts").mock(side_effect=[httpx.ReadTimeout("x"), httpx.Response(201, json={"id": "7"})])
    await world.post(await world.plan(CREATE_REPEATABLE))
    assert route.call_count == 2
    assert [entry[:2] for entry in world.entries()] == [
        ("call", None),
        ("answer", "unknown"),
        ("call", None),
        ("answer", "ok"),
    ]


@respx.mock
async def test_a_refused_connection_is_tried_again(world: World) -> None:
    """Nothing left, so even a write with visible effect is sent again."""
    respx.post(f"{URL}/posts").mock(side_effect=[httpx.ConnectError("refused"), httpx.Response(201, json={"id": "7"})])
    await world.post(await world.plan())
    assert world.state() is State.DONE


@respx.mock
async def test_a_long_wait_parks_the_work(world: World) -> None:
    """A provider that asks for ten minutes gets them, and no worker waits for it."""
    respx.post(f"{URL}/posts").respond(429, headers={"retry-after": "600000000"})
    with pytest.raises(NotNow) as parked:
        await world.post(await world.plan())
    assert parked.value.until is not None
    assert world.clock.slept == []
    assert world.state() is State.PLANNED


@respx.mock
async def test_a_limit_that_ended_long_ago_is_not_asked_about_on_and_on(world: World) -> None:
    """An instant that has passed does not say when: the work is parked as if none had been named, not taken up at once."""
    route = respx.post(f"{URL}/posts").respond(429, headers={"retry-after": "-60"})
    with pytest.raises(NotNow) as parked:
        await world.post(await world.plan())
    assert parked.value.until is None
    assert route.call_count <= 4


@respx.mock
async def test_no_wait_is_believed_that_never_ends(world: World) -> None:
    """A provider that writes milliseconds, or an instant, where seconds belong shuts no account out for ever."""
    respx.post(f"{URL}/posts").respond(429, headers={"retry-after": "60000000000"})
    with pytest.raises(NotNow) as parked:
        await world.post(await world.plan())
    assert parked.value.until == world.clock.now() + LONGEST


@respx.mock
async def test_a_worker_that_lost_its_claim_sends_nothing(world: World) -> None:
    """The claim of a second worker fences the first."""
    route = respx.post(f"{URL}/posts").respond(201, json={"id": "7"})
    first = await world.plan()
    await world.plan()
    with pytest.raises(Fenced):
        await world.post(first)
    assert route.call_count == 0
    assert world.entries() == []


@respx.mock
@pytest.mark.parametrize(("status", "expected"), [(201, State.DONE), (422, State.UNCONFIRMED)])
async def test_an_answer_that_comes_after_the_verdict(world: World, status: int, expected: State) -> None:
    """What was called unconfirmed while the answer was under way is done once an acceptance arrives."""

    async def network(_: httpx.Request) -> httpx.Response:
        await world.writer.run(lambda tx: settle(tx, "k1", State.UNCONFIRMED))
        return httpx.Response(status, json={"id": "7"})

    respx.post(f"{URL}/posts").mock(side_effect=network)
    await world.post(await world.plan())
    assert world.state() is expected


@respx.mock
async def test_a_process_that_slept_after_the_record_sends_nothing(world: World) -> None:
    """Between commit and first byte at most SEND_WITHIN seconds may pass, also while the machine sleeps."""
    respx.post(f"{URL}/posts").respond(201, json={"id": "7"})
    call = await world.plan()
    ticks = iter(range(100))
    world.clock.boottime = lambda: next(ticks) * (SEND_WITHIN + 1)  # type: ignore[method-assign]
    with pytest.raises(NotNow):
        await world.post(call)
    assert world.state() is State.PLANNED
    assert {entry[1] for entry in world.entries()} == {None, "unsent"}


#: where exchanges take orders to move money out, as their documentation has them
MOVING = (
    "/sapi/v1/capital/withdraw/apply",
    "/sapi/v1/asset/transfer",
    "/sapi/v1/sub-account/universalTransfer",
    "/0/private/Withdraw",
    "/0/private/WalletTransfer",
    "/v5/asset/withdraw/create",
    "/v5/asset/transfer/inter-transfer",
    "/api/v5/asset/withdrawal",
    "/api/v5/asset/transfer",
    "/v2/accounts/82de7fcd/transactions",
    "/api/v3/brokerage/portfolios/move_funds",
    "/v2/wallets/transfers",
    "/v2/wallets/whitelists",
    "/v2/tokenization/mint",
)


@respx.mock
@pytest.mark.parametrize(
    ("operation", "url", "scopes"),
    [
        (CREATE_ONCE, "https://elsewhere.example/posts", frozenset(Scope)),
        (CREATE_ONCE, "http://toy.example/posts", frozenset(Scope)),
        (CREATE_ONCE, "https://anna:secret@toy.example/posts", frozenset(Scope)),
        (CREATE_ONCE, f"{URL}/posts", frozenset({Scope.READ})),
        (Operation("toy.funds.withdraw", CREATE_ONCE.effect, Scope.WRITE), f"{URL}/posts", frozenset(Scope)),
        *((CREATE_ONCE, f"{URL}{path}", frozenset(Scope)) for path in MOVING),
    ],
)
async def test_what_is_not_allowed_stays_here(
    world: World, operation: Operation, url: str, scopes: frozenset[Scope]
) -> None:
    """A foreign or insecure address, one with a password in it, a missing right and a withdrawal are refused, as an event."""
    route = respx.post(url).respond(201, json={"id": "7"})
    with pytest.raises(CallRefused):
        await world.post(await world.plan(operation, who=account(URL, scopes)), url)
    assert route.call_count == 0
    assert [entry[0] for entry in world.entries()] == ["event"]
    assert world.state() is State.PLANNED


@dataclass(frozen=True)
class Elsewhere(Toy):
    """A provider whose signer writes another address than was asked for."""

    there: str = URL

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        return httpx.Request(request.method, self.there, content=request.content)


@respx.mock
@pytest.mark.parametrize("there", ["https://elsewhere.example/posts", f"{URL}/0/private/Withdraw"])
async def test_what_a_signer_writes_is_judged_as_well(world: World, there: str) -> None:
    """A call that would go somewhere else once it is signed does not leave, and is on the record as unsent."""
    route = respx.post(there).respond(201, json={"id": "7"})
    who = dataclasses.replace(account(URL, frozenset(Scope)), provider=Elsewhere(URL, there=there))
    with pytest.raises(CallRefused):
        await world.post(await world.plan(who=who))
    assert route.call_count == 0
    assert [entry[:2] for entry in world.entries()] == [("call", None), ("answer", "unsent")]


@respx.mock
async def test_a_redirect_on_a_write_is_not_followed(world: World) -> None:
    """Where a write was moved to is not asked; its outcome is open."""
    respx.post(f"{URL}/posts").respond(307, headers={"location": f"{URL}/elsewhere"})
    moved = respx.post(f"{URL}/elsewhere").respond(201, json={"id": "7"})
    with pytest.raises(Unresolved):
        await world.post(await world.plan())
    assert moved.call_count == 0


@respx.mock
async def test_a_plan_can_be_frozen_by_the_call_that_sends_it(world: World) -> None:
    """One transaction plans, decides and records; a refused try and its repeat are one intention; nobody can do it twice."""
    answers = [httpx.Response(429), httpx.Response(201, json={"id": "7"})]
    route = respx.post(f"{URL}/posts").mock(side_effect=answers)
    call = Call(CREATE_ONCE, account(URL), Intent("k1", {"text": "hi"}))
    assert outcome_of(await world.post(call)).result == {"id": "7"}
    assert world.state() is State.DONE
    assert outcome_of(await world.post(call)).result == {"id": "7"}
    assert route.call_count == 2
    late = Call(CREATE_ONCE, account(URL), Intent("k2", {"text": "hi"}), guard=_taken_over)
    with pytest.raises(Fenced, match="taken over"):
        await world.post(late)
    assert load(world.reader, "k2") is None
    assert route.call_count == 2


def _taken_over(_: sqlite3.Connection) -> None:
    raise Fenced("the run was taken over")


@respx.mock
async def test_no_record_no_call(world: World) -> None:
    """When the entry can't be written (a full disk), nothing is sent and the intention stays as it was."""
    route = respx.post(f"{URL}/posts").respond(201, json={"id": "7"})
    call = await world.plan()
    await world.writer.run(
        lambda tx: tx.execute(f"PRAGMA max_page_count={tx.execute('PRAGMA page_count').fetchone()[0]}")
    )
    big = {"automator": call}
    with pytest.raises(DatabaseError):
        await world.http.request("POST", f"{URL}/posts", content=os.urandom(200_000), extensions=big)
    assert route.call_count == 0
    assert world.state() is State.PLANNED


@respx.mock
async def test_an_answer_that_cannot_be_recorded_leaves_the_outcome_open(world: World) -> None:
    """The disk fills up while the provider works: the intention stays open, so that it is looked up, never repeated."""

    def network(_: httpx.Request) -> httpx.Response:
        tx = world.writer._connection
        tx.execute(f"PRAGMA max_page_count={tx.execute('PRAGMA page_count').fetchone()[0]}")
        return httpx.Response(201, json={"id": "7", "more": os.urandom(100_000).hex()})

    route = respx.post(f"{URL}/posts").mock(side_effect=network)
    call = await world.plan()
    with pytest.raises(DatabaseError, match="full"):
        await world.post(call)
    assert world.state() is State.SENT
    with pytest.raises(Unresolved):
        await world.post(call)
    assert route.call_count == 1


@respx.mock
async def test_the_key_is_in_no_file_and_no_exception(world: World) -> None:
    """A provider that echoes the key in a refusal does not get it into the database or its WAL."""
    respx.post(f"{URL}/posts").mock(
        side_effect=lambda request: httpx.Response(401, text=f"bad key {request.headers['x-toy-key']} {CANARY}")
    )
    respx.get(f"{URL}/posts").respond(200, json={"posts": [CANARY]})
    call = await world.plan()
    answer = await world.post(call)
    assert outcome_of(answer).kind == "rejected"
    await world.http.request(
        "GET", f"{URL}/posts", params={"key": CANARY}, extensions={"automator": Call(LIST, account(URL))}
    )
    stored = everything(world.path.parent, world.reader) + repr(call).encode()
    assert b"toy.example" in stored, "what is packed is looked into"
    assert CANARY.encode() not in stored
    assert b"94e0f1" not in stored


@respx.mock
async def test_what_a_refusal_says_of_the_key_is_told_to_nobody(world: World) -> None:
    """What callers get of an answer, to show it to a person or to keep it, holds no key either, in no header and cut."""
    route = respx.post(f"{URL}/posts").respond(401, text=f"bad key {CANARY}", headers={"x-said": CANARY})
    answer = await world.post(await world.plan())
    assert outcome_of(answer).reason == "token bad key [secret]"
    assert (answer.text, answer.headers["x-said"]) == ("bad key [secret]", "[secret]")
    for error in (httpx.ConnectError, httpx.ReadError):
        route.mock(side_effect=error(f"no way to {CANARY}"))
        with pytest.raises((NotNow, Unresolved)) as raised:
            await world.post(await world.plan(key=error.__name__))
        assert "94e0f1" not in f"{raised.value} {raised.value.__cause__}"


@respx.mock
async def test_a_key_that_is_renewed_as_a_call_leaves_signs_the_next_one(world: World) -> None:
    """What signs a call is the key that its record names, and that is looked for in its answer."""
    keys = iter(["canary-of-version-1", *["canary-of-version-2"] * 9])
    versions = iter([1, *[2] * 9])
    respx.get(f"{URL}/posts").mock(
        side_effect=lambda request: httpx.Response(200, json={"posts": [json.loads(request.headers["x-toy-key"])]})
    )
    who = dataclasses.replace(account(URL), secrets=lambda: {"key": next(keys)}, version=lambda: next(versions))
    answer = await world.http.request("GET", f"{URL}/posts", extensions={"automator": Call(LIST, who)})
    assert answer.json() == {"posts": ["canary-of-version-1"]}
    assert "canary" not in str(answer.request.extensions), "whoever gets the answer gets the key"
    assert b"canary" not in everything(world.path.parent, world.reader)


@respx.mock
async def test_cookies_of_one_account_never_reach_another(world: World) -> None:
    """Accounts share connections and nothing else; who is asked is told by the keys of the call alone."""
    route = respx.get(f"{URL}/posts").respond(200, json={"posts": []}, headers={"set-cookie": "session=of-the-first"})
    for who in (account(URL), dataclasses.replace(account(URL), name="toy/other")):
        await world.http.request("GET", f"{URL}/posts", extensions={"automator": Call(LIST, who)})
    assert [call.request.headers.get("cookie") for call in route.calls] == [None, None]


@respx.mock
@pytest.mark.parametrize("name", ["toy/brand", halts.EVERYTHING])
async def test_a_halt_stops_writes_until_it_is_lifted(world: World, name: str) -> None:
    """Halted: nothing leaves and the intention waits; resumed: it goes out. Both are events."""
    route = respx.post(f"{URL}/posts").respond(201, json={"id": "7"})
    reading = respx.get(f"{URL}/posts").respond(200, json={"posts": []})
    signing_in = respx.post(f"{URL}/session").respond(200, json={"id": "8"})
    assert await world.writer.run(lambda tx: halts.halt(tx, name, 1, reason="wrong picture", actor="anna"))
    assert not await world.writer.run(lambda tx: halts.halt(tx, name, 2, reason="again", actor="anna"))
    with pytest.raises(halts.Halted, match="wrong picture"):
        await world.post(await world.plan())
    await world.http.request("GET", f"{URL}/posts", extensions={"automator": Call(LIST, account(URL))})
    await world.http.request("POST", f"{URL}/session", extensions={"automator": Call(SIGN_IN, account(URL))})
    counts = route.call_count, reading.call_count, signing_in.call_count
    assert counts == (0, 1, 1), "look-ups pass, and the sign-ins that they need"
    assert world.state() is State.PLANNED
    assert await world.writer.run(lambda tx: halts.resume(tx, name, 3, actor="anna"))
    await world.post(await world.plan())
    assert world.state() is State.DONE
    assert [data["what"] for kind, _, data in world.entries() if kind == "event"] == ["halt", "resume"]


async def test_a_request_without_an_operation_may_not_leave(world: World) -> None:
    """Plain use of the client, with nothing said of what the call means, is an error."""
    with pytest.raises(TypeError, match="operation"):
        await world.http.request("GET", f"{URL}/posts")
