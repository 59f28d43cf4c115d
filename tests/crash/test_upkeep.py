"""Killed while a campaign is imported, or while a token is renewed: the next process finishes what was begun."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import signal
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from automator import accounts, failpoints
from automator.clock import SystemClock
from automator.db import connect
from automator.engine import Engine
from automator.health import Health, health
from automator.notices import unread
from automator.posting.campaigns import TOGETHER
from automator.posting.posts import Listed, NewDelivery, listed, plan
from automator.vault.choose import own_file
from connectors.post import Part
from connectors.signin import CODE, VERIFIER
from tests.clocks import QuickClock
from tests.crash.place import Place
from tests.sandboxed import ROOT, read
from tests.stored import unpacked


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, "bluesky", None)
    yield made
    made.close()


@pytest.mark.parametrize("point", failpoints.RENEWAL)
def test_killed_while_a_token_is_renewed(place: Place, point: str) -> None:
    """Whether the new token was kept or is lost, the account stays connected and the posts go out once."""

    async def spoil() -> None:
        async with place.engine() as engine:
            engine.keys.secrets(accounts.load(engine.reader, place.account))
            await engine.keys.keep(accounts.load(engine.reader, place.account), {"accessJwt": "no-longer-valid"})

    asyncio.run(spoil())
    with place.worker(point) as first:
        assert first.wait(60) == -signal.SIGKILL
    with place.worker() as second:
        assert second.wait(60) == 0
    assert place.ended() == ("done", ["First part.", "Second part."])


def test_stopped_while_a_token_is_renewed(place: Place) -> None:
    """What needs the key is put off and others go on; a person hears who has it; once that goes on, all goes out."""
    clock = QuickClock()

    async def worked(after: timedelta, text: str = "") -> tuple[Listed, list[str], Health]:
        async with Engine(place.home, own_file(place.home.path), clock=clock) as engine:
            clock.ahead += after
            if text:  # another's, which needs no new token
                wanted = NewDelivery("x/brand", (Part(text),), clock.now(), "UTC", "", text)
                await engine.writer.run(lambda tx: plan(tx, [wanted], clock.now(), source="test"))
            await engine.worker.run_due()
            first = next(one for one in listed(engine.reader) if one.account == place.account)
            return first, [str(one["text"]) for one in unread(engine.reader) if one["kind"] == "stuck"], health(engine)

    async def spoil() -> None:
        async with place.engine() as engine:
            given = read(place.state, "accounts")["x/brand"]
            await engine.connect(accounts.fresh("x/brand", given["base_url"]), given["secrets"])
            engine.keys.secrets(accounts.load(engine.reader, place.account))
            await engine.keys.keep(accounts.load(engine.reader, place.account), {"accessJwt": "no-longer-valid"})

    asyncio.run(spoil())
    # the provider has taken the old token back, and only this process knows the new one
    with place.command("accounts", "test", place.account, failpoint="before-keep:STOP") as first:
        assert first.wait_for_stop()
        post, told, found = asyncio.run(worked(timedelta(minutes=1), "Meanwhile."))
        assert (post.state, told, found.stuck) == ("waiting", [], [])
        assert f"process {first.pid} has been renewing the key of {place.account} for 1 minute" in post.reason
        assert [seen["text"] for seen in read(place.state, "world")["x"]] == ["Meanwhile."]
        for _ in range(2):
            post, told, found = asyncio.run(worked(timedelta(minutes=3)))
        assert post.state == "waiting"
        (sentence,) = told
        assert f"process {first.pid} has been renewing the key of {place.account}" in sentence
        assert f"`kill -CONT {first.pid}`" in sentence
        assert found.stuck[0] in found.problems
        assert f"process {first.pid} has been renewing the key of {place.account} for 7 minutes" in found.stuck[0]
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0
    post, told, found = asyncio.run(worked(timedelta(minutes=2)))
    assert (post.state, found.stuck) == ("done", [])
    assert [seen["text"] for seen in place.world()] == ["First part.", "Second part."]
    reader = connect(place.home.database, readonly=True)
    assert calls(reader).count("bluesky.session.refresh") == 1
    reader.close()


def calls(reader: sqlite3.Connection) -> list[str]:
    return [row[0] for row in reader.execute("SELECT operation FROM entry WHERE kind = 'call'")]


def test_a_key_that_nothing_names_is_taken_out_of_the_vault(place: Place) -> None:
    """Killed between the vault and the database, an account is not connected, and its key does not stay for ever."""
    given = read(place.state, "accounts")[place.account]
    add = ("accounts", "add", "bluesky/second", "--base-url", given["base_url"], "--secret-stdin")
    with place.program(*add, failpoint="after-keep", given=json.dumps(given["secrets"])) as first:
        assert first.wait(60) == -signal.SIGKILL
    store = own_file(place.home.path)
    assert store.get("bluesky/second", 1) is not None

    async def look(later: timedelta) -> None:
        async with place.engine() as engine:
            engine.keys._clock = Later(later)
            await engine.keys.clear()

    asyncio.run(look(timedelta(minutes=1)))
    assert store.get("bluesky/second", 1) is not None, "somebody may be about to name it"
    asyncio.run(look(timedelta(hours=2)))
    assert store.get("bluesky/second", 1) is None
    assert store.get(place.account, 1) is not None
    reader = connect(place.home.database, readonly=True)
    assert "no account names it" in unpacked(reader)
    reader.close()


class Later(SystemClock):
    """Another time than now."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@pytest.fixture
def signed_in(tmp_path: Path) -> Iterator[Place]:
    """On X by OAuth 2.0, whose refresh tokens work once."""
    made = Place(tmp_path, "x", None)
    asyncio.run(sign_in(made))
    yield made
    made.close()


async def sign_in(place: Place) -> None:
    async with place.engine() as engine, httpx.AsyncClient() as browser:
        redirect, page = "http://127.0.0.1:1/callback", engine.session(place.account, {})[1].sign_in
        assert page is not None
        digest = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).decode().rstrip("=")
        answer = await browser.get(page.address("app", redirect, "state", digest))
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        await engine.rotate(place.account, {"client_id": "app", CODE: code, VERIFIER: "verifier"}, redirect)
        engine.keys.secrets(accounts.load(engine.reader, place.account))
        await engine.keys.keep(accounts.load(engine.reader, place.account), {"oauth2_access_token": "no-longer-valid"})


@pytest.mark.parametrize("point", failpoints.RENEWAL)
def test_killed_with_a_token_that_works_once(signed_in: Place, point: str) -> None:
    """What had reached the vault is put in force; what was lost on the way, a person is told of. Nothing goes twice."""
    with signed_in.worker(point) as first:
        assert first.wait(60) == -signal.SIGKILL
    with signed_in.worker() as second:
        assert second.wait(60) == 0
    if point == "before-keep":
        assert signed_in.ended() == ("failed", [])
        reader = connect(signed_in.home.database, readonly=True)
        assert "connect it again" in " ".join(
            str(told["text"]) for told in unread(reader) if told["kind"] == "reconnect"
        )
        reader.close()
        asyncio.run(sign_in(signed_in))
        with signed_in.command("posts", "retry", signed_in.delivery().id) as again:
            assert again.wait(60) == 0
        with signed_in.worker() as third:
            assert third.wait(60) == 0
    assert signed_in.ended() == ("done", ["First part.", "Second part."])


def test_killed_after_the_last_answer_is_stored(place: Place) -> None:
    """The last part's answer ends the post in the same transaction: nothing is left for the next process to do."""
    with place.worker("after-store:KILL:2") as first:
        assert first.wait(60) == -signal.SIGKILL
    assert place.ended() == ("done", ["First part.", "Second part."])


@pytest.mark.parametrize(
    "point",
    [pytest.param(name, marks=() if name == "in-import-row" else pytest.mark.long) for name in failpoints.IMPORT],
)
def test_killed_while_a_campaign_is_imported(place: Place, tmp_path: Path, point: str) -> None:
    """What was planned stays, the rest is planned by importing again, and nothing is planned twice."""
    text = (ROOT / "examples" / "campaign.csv").read_text(encoding="utf-8").replace("x/brand", "bluesky/brand")
    rows = [line for line in text.splitlines() if "images/" not in line]
    # more than are planned together, so that some are planned when it is killed, and others are not
    rows += [f"bluesky/brand,2099-12-01 09:00,Row {number},,," for number in range(2 * TOGETHER)]
    file = tmp_path / "campaign.csv"
    file.write_text("\n".join(rows).replace("bluesky/brand bluesky/brand", "bluesky/brand") + "\n", encoding="utf-8")
    arguments = ("posts", "import", str(file), "--skip-bad")
    for row in (1, 3, TOGETHER + 3, TOGETHER + 3):
        with place.command(*arguments, failpoint=f"{point}:KILL:{row}") as first:
            assert first.wait(60) == -signal.SIGKILL
    connection = connect(place.home.database, readonly=True)
    planned = len(listed(connection))
    connection.close()
    counts = []
    for _ in range(2):
        with place.command(*arguments) as whole:
            assert whole.wait(60) == 0
        connection = connect(place.home.database, readonly=True)
        counts.append(sorted(post.texts for post in listed(connection)))
        connection.close()
    assert counts[0] == counts[1]
    assert TOGETHER <= planned < len(counts[0]) == len(set(counts[0]))
    assert len(counts[0]) > 2 * TOGETHER + 4
