"""The engine, put together: one home folder, opened by one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Self

from automator import accounts, db, failpoints, keys, place
from automator.accounts import Stored, Token
from automator.clock import Clock, SystemClock, micros
from automator.egress.call import Account
from automator.egress.session import Session
from automator.egress.stack import client
from automator.egress.wire import base_transport
from automator.home import Home
from automator.hosting.choose import choose as choose_host
from automator.intentions import complete
from automator.keys import Keys
from automator.ledger import checkpoint
from automator.ledger.checkpoint import BadCheckpoint
from automator.ledger.prune import Pruned, Retention, drop
from automator.notices import Notice, settled, tell
from automator.posting import posts
from automator.scheduling import lease
from automator.scheduling.lease import Owner, Run, Verdict
from automator.scheduling.publish import Publisher, telling_apart
from automator.scheduling.states import RunState
from automator.scheduling.worker import Worker
from automator.trading import bots, closing, orders, parting
from automator.trading.books import Books
from automator.trading.closing import Closing
from automator.trading.placing import Placing
from automator.trading.running import Running
from automator.trading.settling import Settling
from automator.turns import Turns
from automator.vault.store import Store, VaultError
from automator.webhook import Webhook
from connectors.base import CallRefused, NotNow
from connectors.network import UNTOLD, Identity, Network, Rejected, public
from connectors.post import Form
from connectors.signin import CODE, VERIFIER, Found
from connectors.venue import Exchange
from jobs.posting import deliver as delivering
from jobs.posting.deliver import Delivery

KEYS_NOTICES = ("reconnect", "expiring")  #: kinds of those that ask for new keys of an account
Pick = Callable[[Sequence[Found]], Found]  #: asks a person which of several accounts a sign-in is for

log = logging.getLogger(__name__)


class Engine:
    """Everything that a command or the service needs. Use as an asynchronous context manager."""

    def __init__(self, home: Home, store: Store, *, clock: Clock | None = None) -> None:
        self.home = home
        self.settings = home.settings()
        self.clock = clock or SystemClock()
        self.owner = Owner(home.path / lease.FOLDER)
        try:
            self.writer = db.Writer(home.database)
            self.reader = db.connect(home.database, readonly=True)
        except sqlite3.Error:
            self.owner.close()
            raise
        self.store = store
        self.keys = Keys(store, self.writer, self.reader, self.clock)
        self.http = client(base_transport(self.settings.egress.transport), self.writer, self.reader, self.clock)
        self.webhook = self._webhook()
        self.media = choose_host(self.settings.media, store, self.http, self.writer, self.reader, self.clock)
        self.turns = Turns(home.path / lease.FOLDER, self.writer, self.reader, self.clock)
        self.books = Books(self.trading, self.writer, self.reader, self.clock)
        self.settling = Settling(self.trading, self.books, self.writer, self.reader, self.clock)
        placing = Placing(self.trading, self.books, self.writer, self.reader, self.clock)
        handlers = {
            delivering.KIND: self._deliver,
            orders.KIND: placing.place,
            orders.CANCEL: placing.cancel,
            closing.KIND: Closing(self.trading, self.writer, self.reader, self.clock).sell,
        }
        self.worker = Worker(self.writer, self.reader, self.clock, self.owner, handlers)
        running = Running(self.trading, self.books, self.writer, self.reader, self.clock, self.worker.begin)
        handlers[bots.KIND] = running.turn

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        self.writer.close()
        try:
            self.checkpoint()
        except (VaultError, BadCheckpoint, OSError, sqlite3.Error) as error:
            # what was done is on the record all the same; the next checkpoint covers it
            log.warning("no checkpoint was written: %s", error)
        self.reader.close()
        self.owner.close()

    def _webhook(self) -> Webhook | None:
        url = self.settings.webhook.url
        if not url:
            return None
        return Webhook(url, self.home.path, self.store, self.http, self.writer, self.reader, self.clock)

    def checkpoint(self) -> None:
        """Sign the ledger's head into the file beside the database, if it has grown."""
        self.writer.sync()  # a ledger that is behind its checkpoint counts as restored
        checkpoint.write(self.home.path, self.store, self.reader, self.clock.now())

    async def prune(self, keep: Retention, actor: str) -> Pruned:
        """Drop old bodies and entries of the ledger, which is signed before."""
        await asyncio.to_thread(self.checkpoint)
        return await drop(self.writer, keep, self.clock, actor)

    def network(self, of: Stored) -> Network:
        """A social network account's connector, as this installation and the account use it.

        Raises:
            connectors.registry.UnknownProvider: it is no social network's.
        """
        return accounts.network(of, self.settings.providers)

    def connector(self, of: Stored) -> Network | Exchange:
        """An account's connector, of whichever kind."""
        return accounts.connector(of, self.settings.providers)

    def session(self, name: str, cause: Mapping[str, str], actor: str = "user") -> tuple[Session, Network]:
        """One account's way out, and its connector.

        Raises:
            automator.accounts.NoAccount: there is none of this name.
            connectors.registry.UnknownProvider: it is no social network's.
        """
        stored = accounts.load(self.reader, name)
        network = self.network(stored)
        return self._session(stored, network, cause, actor), network

    def trading(self, name: str, cause: Mapping[str, str], actor: str = "user") -> tuple[Session, Exchange]:
        """One exchange account's way out, and its connector.

        Raises:
            automator.accounts.NoAccount: there is none of this name.
            connectors.registry.UnknownProvider: it is no exchange's.
        """
        stored = accounts.load(self.reader, name)
        exchange = accounts.exchange(stored, self.settings.providers)
        return self._session(stored, exchange, cause, actor), exchange

    def _session(
        self, stored: Stored, network: Network | Exchange, cause: Mapping[str, str], actor: str, **more: Any
    ) -> Session:
        name = stored.name

        async def lost(why: str) -> None:
            notice = Notice("reconnect", name, why, name)
            await self.writer.run(lambda tx: tell(tx, notice, micros(self.clock.now())))

        who = Account(
            name,
            network,
            stored.scopes,
            partial(self.keys.secrets, stored),
            partial(self.keys.keep, stored),
            public(network.fields),
            partial(self.keys.version, name),
            partial(self.keys.adopt, stored),
            self._turn(name, network),
            partial(self.keys.stands, stored),
        )
        identity = stored.identity.partition(" ")[0]
        alone = self.turns.renewal
        return Session(self.http, who, network, self.clock, alone, cause, actor, identity, lost=lost, **more)

    async def connect(
        self, new: Stored, secrets: Mapping[str, str], redirect: str | None = None, pick: Pick | None = None
    ) -> Identity:
        """Connect an account if its keys work. ``redirect``: they hold the code of a sign-in, made with this address.

        ``pick``: chooses where the sign-in is good for several accounts.

        Raises:
            connectors.network.Rejected: they do not, or the name has been taken meanwhile; nothing is kept.
            automator.turns.Stuck: another process keeps the key of an account of this name; nothing is kept.
        """
        identity, kept, token = await self._tried(new, secrets, redirect, "accounts add", pick)
        async with self.turns.renewal(new.name):
            await self._connected(replace(new, token=token), identity, kept)
        return identity

    async def _connected(self, new: Stored, identity: Identity, kept: Mapping[str, str]) -> None:
        with contextlib.suppress(accounts.NoAccount):
            accounts.load(self.reader, new.name)
            raise Rejected(f"there is one of this name by now; for new keys use `automator accounts rotate {new.name}`")
        now = self.clock.now()
        await self.writer.run(lambda tx: keys.leave(tx, new.name, [new.version], now))
        await asyncio.to_thread(self.store.put, new.name, new.version, keys.marked(kept, micros(now)))
        # what a command that was killed has left of an account of this name would be taken for a newer key of this one
        await asyncio.to_thread(self.store.delete, new.name, new.version + 1)
        failpoints.reach("after-keep")

        def add(tx: sqlite3.Connection) -> None:
            posts.leave(tx, new.name, now)
            accounts.add(tx, new, now, actor="user")
            accounts.tested(tx, new.name, identity, now)
            keys.settled(tx, new.name, [new.version])
            if place.known(tx) is None:
                place.note(tx, place.here(self.home.database), now)

        await self.writer.run(add)

    async def rotate(self, name: str, secrets: Mapping[str, str], redirect: str | None = None) -> Identity:
        """Test new keys of an account, and put them in force only if they work.

        Raises:
            connectors.network.Rejected: they do not work, or are another account's; the old ones stay in force.
            automator.turns.Stuck: they do, but another process keeps the account's key from being changed.
        """
        stored = accounts.load(self.reader, name)
        identity, kept, token = await self._tried(stored, secrets, redirect, "accounts rotate")
        if another := _another(stored, identity):
            raise Rejected(another)
        async with self.turns.renewal(name):
            await self.keys.replace(stored, kept, token)

        def note(tx: sqlite3.Connection) -> None:
            accounts.tested(tx, name, identity, self.clock.now())
            for kind in KEYS_NOTICES:
                settled(tx, kind, name, micros(self.clock.now()))

        await self.writer.run(note)
        return identity

    async def forget(self, name: str) -> list[str]:
        """Take an account and its keys away, with its bots and what is planned; returns posts that may have gone out.

        Raises:
            automator.accounts.NoAccount: there is none of this name.
            automator.turns.Stuck: another process keeps its key; it stays connected.
        """
        async with self.turns.renewal(name):
            version = accounts.load(self.reader, name).version
            versions = (version - 1, version, version + 1)

            def go(tx: sqlite3.Connection) -> list[str]:
                now = self.clock.now()
                parting.part(tx, name, now, actor="user")
                left = [one for one in posts.planned(tx, name) if not posts.cancel(tx, one, now, actor="user")]
                accounts.remove(tx, name, now, actor="user")
                for kind in KEYS_NOTICES:
                    settled(tx, kind, name, micros(now))
                keys.leave(tx, name, versions, now)
                return left

            left = await self.writer.run(go)
            for one in versions:
                await asyncio.to_thread(self.store.delete, name, one)
            await self.writer.run(lambda tx: keys.settled(tx, name, versions))
        return left

    async def test(self, name: str, cause: str = "accounts test", actor: str = "user") -> Identity:
        """Ask the provider who an account's key belongs to, and note it.

        Raises:
            connectors.network.Rejected: the key does not work.
        """
        stored = accounts.load(self.reader, name)
        connector = self.connector(stored)
        identity = await connector.test(self._session(stored, connector, {"command": cause}, actor))
        await self.writer.run(lambda tx: accounts.tested(tx, name, identity, self.clock.now()))
        return identity

    async def _tried(
        self, stored: Stored, secrets: Mapping[str, str], redirect: str | None, command: str, pick: Pick | None = None
    ) -> tuple[Identity, dict[str, str], Token | None]:
        """Who keys belong to that are in no vault yet, and the keys as they are then: tokens may have come."""
        network = self.connector(stored)
        trial, tokens = dict(secrets), list[Token | None]()

        async def keep(fresh: Mapping[str, str], lasts: timedelta | None) -> Mapping[str, str]:
            trial.update(fresh)
            tokens.append(self.keys.token(lasts))
            return await self.keys.marks(fresh)

        open_, turn = public(network.fields), self._turn(stored.name, network)
        who = Account(stored.name, network, stored.scopes, lambda: dict(trial), keep, open_, turn=turn)
        session = Session(self.http, who, network, self.clock, self.turns.renewal, {"command": command})
        if redirect is not None and (found := await self.network(stored).exchange(session, redirect)):
            one = _picked(found, stored, pick)
            app = {field.name: trial[field.name] for field in network.fields if field.name in trial}
            trial = app | {field: trial[given] for field, given in one.keys.items()}
            tokens.clear()  # those were the person's; the account's own says itself when it ends
        identity = await network.test(session)
        kept = {name: value for name, value in trial.items() if name not in {CODE, VERIFIER}}
        if redirect is not None:  # what only the sign-in needs, such as the secret of an app, is not kept
            kept = {field.name: kept[field.name] for field in network.fields if field.name in kept}
        return identity, kept, tokens[-1] if tokens else None

    def _turn(self, account: str, connector: Network | Exchange) -> Callable[[], AbstractAsyncContextManager[None]]:
        """What a call of an account has to hold while it is on its way."""
        custom = getattr(connector, "custom", None)
        if custom is None or not custom.ordered:
            return nullcontext
        return partial(self.turns.call, account)

    async def _deliver(self, run: Run) -> Verdict:
        delivery = delivering.load(self.reader, run.job)
        if delivery is None:
            return Verdict(RunState.FAILED, "its delivery is no longer in the database")
        try:
            stored = accounts.load(self.reader, delivery.account)
        except accounts.NoAccount as error:
            return Verdict(RunState.FAILED, str(error))
        network = self.network(stored)
        cause, host = {"delivery": run.job, "run": str(run.id)}, self.media
        hosting = (lambda media: host.host(media, run)) if host is not None else None
        session = self._session(
            stored, network, cause, "scheduler", guard=lambda tx: lease.check(tx, run), hosting=hosting
        )
        publisher = Publisher(
            run,
            len(delivery.parts),
            network,
            session,
            self.writer,
            self.reader,
            self.clock,
            timedelta(seconds=self.settings.posting.settle_seconds),
            stored.send_again,
        )
        results = await delivering.deliver(publisher, delivery)
        await self._located(session, network, delivery, results)
        return Verdict(RunState.DONE)

    async def _located(
        self, session: Session, network: Network, delivery: Delivery, results: Sequence[Mapping[str, Any]]
    ) -> None:
        """Ask for the links that the answers did not bring; what is published is so without them too."""
        for number, (part, result) in enumerate(zip(delivery.parts, results, strict=True)):
            if network.link(result) or part.form is Form.COMMENT:
                continue
            key = delivery.key(number)
            apart = telling_apart(session, self.reader, key)
            with contextlib.suppress(Rejected, CallRefused, NotNow):
                more = {**result, **await network.locate(apart, result)}
                await self.writer.run(partial(complete, key=key, result=more))


def _another(stored: Stored, now: Identity) -> str:
    """Why keys can't be those of an account: what it has placed and posted would be looked for where it is not."""
    before = stored.identity.partition(" ")[0]
    if before == now.id or {before, now.id} & {"", UNTOLD}:
        return ""
    return (
        f"they are another account's ({now.id}), and {stored.name} is {before}; "
        f"connect that with `automator accounts add {stored.provider}/NAME`"
    )


def _picked(found: Sequence[Found], stored: Stored, pick: Pick | None) -> Found:
    """The account that a sign-in is for: the one it was before, the only one, or a person's choice.

    Raises:
        Rejected: it is none of those, or can't be used.
    """
    before = stored.identity.partition(" ")[0]
    if before:
        same = [one for one in found if one.id == before]
        if not same:
            raise Rejected(f"{stored.identity} is none of the accounts that you let the app use; choose it there")
        (one,) = same
    elif pick is not None:
        one = pick(found)
    elif len(found) == 1:
        (one,) = found
    else:
        raise Rejected("there are several accounts; say which one is meant")
    if one.why:
        raise Rejected(f"{one.name} ({one.id}): {one.why}")
    return one
