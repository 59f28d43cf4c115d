"""The webhook: notices and signed checkpoints go to an address of the person's own, by the same way out as all calls.

The form is that of Standard Webhooks: ``webhook-id`` stays the same when something is sent again, and the signature
(``v1a``: Ed25519, by the key that signs checkpoints) covers id, timestamp and body.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from automator.clock import Clock, instant, micros
from automator.db import Writer
from automator.digest import digest
from automator.egress.allow import origin
from automator.egress.call import EXTENSION, Account, Call
from automator.egress.own import Own
from automator.egress.stack import Client
from automator.ledger import checkpoint
from automator.notices import mark_sent, waiting
from automator.scheduling import lease
from automator.vault.store import Store
from connectors.answer import resets
from connectors.base import (
    Absence,
    CallRefused,
    Effect,
    Kind,
    NotNow,
    Operation,
    Outcome,
    Scope,
    outcome_of,
)
from connectors.signing import with_headers
from connectors.words import counted

NAME = "webhook"  #: as it is called in the ledger
NOTICE = Operation("webhook.notice", Effect.REPEATABLE, Scope.NOTIFY, Absence.PROOF)
CHECKPOINT = Operation("webhook.checkpoint", Effect.REPEATABLE, Scope.NOTIFY, Absence.PROOF)
PATIENCE = (
    30.0  #: seconds for all tries of one notice: whoever waits for `run-due` waits for an address that hangs, too
)
AGAIN = timedelta(minutes=30)  #: then a notice that was refused for what it says is tried once more
_OK, _ELSEWHERE, _THROTTLED, _ERROR = range(200, 300), range(300, 400), 429, 500
_OF_CONTENT = frozenset({400, 413, 415, 422})  #: RFC 9110, 15.5: it is this request that is not taken


@dataclass(frozen=True, slots=True)
class _No:
    """Why something was not taken. ``this``: by what was sent, so that the next one may be taken all the same."""

    why: str
    this: bool = False


@dataclass(frozen=True)
class Address(Own):
    """The address as the egress sees a provider."""

    origin: str
    name: str = NAME

    @property
    def origins(self) -> tuple[str, ...]:
        """The one place that calls may go to."""
        return (self.origin,)

    def judge(self, _: Operation, response: httpx.Response) -> Outcome:
        """Any 2xx is taken, whatever it says; a repeat is harmless, because the id is the same."""
        said = f"it answered {response.status_code}"
        if response.status_code in _ELSEWHERE:
            said += ", a redirect, which is not followed: name the address that it leads to"
        if response.status_code in _OK:
            return Outcome(Kind.OK)
        if response.status_code == _THROTTLED:
            return Outcome(Kind.LATER, said, until=resets(response.headers, ""))
        return Outcome(Kind.UNKNOWN if response.status_code >= _ERROR else Kind.REJECTED, said)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        """Standard Webhooks, the asymmetric form."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - slow to load

        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secrets["key"]))
        stamp = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}."
        signature = base64.b64encode(key.sign(stamp.encode() + request.content)).decode()
        return with_headers(request, {"webhook-signature": f"v1a,{signature}"})


class Webhook:
    """Sends what waits. Every address after the host is treated as a key, because for many services it is one."""

    def __init__(  # noqa: PLR0913, PLR0917 - each is one thing it needs
        self, url: str, home: Path, store: Store, http: Client, writer: Writer, reader: sqlite3.Connection, clock: Clock
    ) -> None:
        self._url = httpx.URL(url)
        self._home = home
        self._store = store
        self._http = http
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._held: dict[str, str] = {}
        self._refused: dict[str, datetime] = {}  # by a message's name: when it is tried again
        self._account = Account(NAME, Address(origin(self._url)), frozenset({Scope.NOTIFY}), self._secrets)

    def _secrets(self) -> Mapping[str, str]:
        if not self._held:
            key = checkpoint.signing_key(self._home, self._store)
            whole, path, query = self._url.raw_path.decode(), self._url.path, self._url.query.decode()
            self._held = {"key": key.private_bytes_raw().hex(), "address": whole, "path": path, "query": query}
        return self._held

    async def deliver(self) -> str | None:
        """Send every unread notice that it has not taken, oldest first, many alike in one, and the newest checkpoint.

        One that is refused for what it says does not hold up those after it. Returns what was not taken, and why;
        ``None`` when nothing waits any more, or another process is at it: many receivers show twice what comes twice.
        """
        with self._alone() as alone:
            return await self._deliver() if alone else None

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        file = lease.kept(self._home / lease.FOLDER / NAME)
        try:
            yield lease.locked(file)
        finally:
            os.close(file)

    async def _deliver(self) -> str | None:
        refused: str | None = None
        for told in digest(self._reader, waiting(self._reader)):
            if told.name in self._refused and self._clock.now() < self._refused[told.name]:
                continue
            first, count = told.numbers[0], len(told.numbers)
            data = {"id": first, "kind": told.kind, "about": told.about, "account": told.account, "count": count}
            said = self._body(f"notice.{told.kind}", told.text, instant(told.at).isoformat(), data)
            no = await self._send(NOTICE, told.name, said, {"notice": str(first)})
            if no is not None and not no.this:
                return no.why
            if no is not None:
                self._refused[told.name], refused = self._clock.now() + AGAIN, no.why
                continue
            await self._writer.run(partial(mark_sent, numbers=told.numbers, at=micros(self._clock.now())))
        return await self._checkpoint() or refused

    async def test(self) -> str | None:
        """Send a notice that says that it is a test; returns why it was not taken."""
        at = self._clock.now()
        text = "This is a test: notices of Automator arrive here."
        said = self._body("notice.test", text, at.isoformat(), {})
        no = await self._send(NOTICE, f"test-{micros(at)}", said, {"command": "notices --test"})
        return no.why if no else None

    async def _checkpoint(self) -> str | None:
        newest = checkpoint.newest(self._home)
        if newest is None or not self._news(int(newest["count"])):
            return None
        count = str(newest["count"])
        public = checkpoint.signing_key(self._home, self._store).public_key().public_bytes_raw().hex()
        text = f"Checkpoint of the ledger: {counted(int(count), 'entry', 'entries')}, head {newest['head']}."
        said = self._body("checkpoint", text, newest["at"], {**newest, "public_key": public})
        no = await self._send(CHECKPOINT, f"checkpoint-{count}-{newest['head'][:16]}", said, {"checkpoint": count})
        return no.why if no else None

    def _news(self, count: int) -> bool:
        """Whether a checkpoint covers more than calls to the webhook itself, since the last one that it took."""
        taken = self._reader.execute(
            "SELECT json_extract(said(c.data), '$.cause.checkpoint') FROM entry AS a JOIN entry AS c ON c.seq = a.call "
            "WHERE a.account = ? AND a.outcome = 'ok' AND c.operation = ? ORDER BY a.seq DESC LIMIT 1",
            (NAME, CHECKPOINT.name),
        ).fetchone()
        known = int(taken[0]) if taken else 0
        others = self._reader.execute(
            "SELECT 1 FROM entry WHERE seq > ? AND seq <= ? AND account IS NOT ? LIMIT 1", (known, count, NAME)
        )
        return others.fetchone() is not None

    def _body(self, kind: str, text: str, at: str, data: Mapping[str, Any]) -> bytes:
        return json.dumps(
            {"type": kind, "timestamp": at, "text": text, "data": dict(data)}, ensure_ascii=False
        ).encode()

    async def _send(self, operation: Operation, number: str, content: bytes, cause: Mapping[str, str]) -> _No | None:
        headers = {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": str(int(self._clock.now().timestamp())),
        }
        call = Call(operation, self._account, cause=cause, actor="webhook")
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._http.request(
                    "POST", str(self._url), headers=headers, content=content, extensions={EXTENSION: call}
                )
        except TimeoutError:
            return _No(f"it did not answer within {PATIENCE:g} seconds")
        except NotNow as later:
            return _No(later.why or str(later))
        except CallRefused as refused:
            return _No(str(refused))
        outcome = outcome_of(answer)
        return None if outcome.kind is Kind.OK else _No(outcome.reason, answer.status_code in _OF_CONTENT)


def overdue(reader: sqlite3.Connection, clock: Clock, patience: timedelta) -> tuple[int, str]:
    """How many notices have waited for longer than ``patience``, and what the address said last."""
    before = micros(clock.now() - patience)
    late = [at for item in waiting(reader) if (at := int(str(item["at"]))) < before]
    answered = (
        "SELECT outcome, json_extract(said(data), '$.reason') FROM entry "
        "WHERE account = ? AND outcome IS NOT NULL AND at >= ? {0} ORDER BY seq DESC LIMIT 1"
    )
    # what it said when it took others is no answer to why it has not taken these
    asked = ((answered.format("AND outcome <> 'ok'"), min(late, default=0)), (answered.format(""), 0))
    said = next((row for query, at in asked if (row := reader.execute(query, (NAME, at)).fetchone())), None)
    if said is not None:
        return len(late), str(said[1] or said[0])
    ever = reader.execute("SELECT 1 FROM entry WHERE account = ? LIMIT 1", (NAME,)).fetchone()
    return len(late), "it was never asked" if ever is None else "it has not answered"
