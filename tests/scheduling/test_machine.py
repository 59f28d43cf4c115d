"""Random days of a desk: posts, faults, deaths, halts and second thoughts in any order; nothing is seen twice or lost."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from automator import accounts, failpoints, halts
from automator.clock import micros
from automator.engine import Engine
from automator.home import Home
from automator.ledger import chain
from automator.posting import posts
from automator.posting.posts import Change, Listed, NewDelivery, listed
from automator.sandbox.faults import Fault
from automator.scheduling.states import OPEN_STATES, RunState
from automator.vault.choose import own_file
from connectors.post import Media, Part
from connectors.x import twin as x
from tests.clocks import LeapClock
from tests.scheduling.days import CALLS, KINDS, Doom, Post, current, reach
from tests.scheduling.desk import picture
from tests.scheduling.provider import Provider

T = TypeVar("T")
Trouble = tuple[int, Any, int, int]  #: which call, what, how many pass, how many are hit

TURN = 90  #: seconds of real time in which a rule must end
ENDINGS = ("", " & <so on>", " https://example.com/a?b=1", " é")
_post = Bundle("posts")
_soon = st.sampled_from([0, 0, 0, 1, 10, 60])  #: minutes
_a_while = st.sampled_from([0, 1, 10, 60])
_texts = st.lists(st.sampled_from(ENDINGS), min_size=1, max_size=3)
_passes = st.integers(1, 40)
_steps = st.integers(0, 300)
_trouble = st.tuples(st.integers(0, 9), st.sampled_from(KINDS), st.integers(0, 3), st.integers(1, 4))
_troubles = st.lists(_trouble, max_size=2)


class Machine(RuleBasedStateMachine):
    """One account on a twin, an engine that dies and comes back, and now and then a second one."""

    provider: str

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.posts, self.number = LeapClock(), list[Post](), 0
        self.there, self.name = Provider(self.provider, self.clock), f"{self.provider}/brand"
        self.still: int | None = None  #: how much the world showed when the account was halted
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(failpoints, "reach", reach)
        self.patch.setattr(x, "SKEW", 1e12)  # OAuth 1.0a is signed with the machine's time, which does not leap
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.home = Home(Path(self.folder.name) / "home")
        self.home.prepare()
        self.picture = picture(self.home.path)
        self.store = own_file(self.home.path)
        self._run(self._open())

    async def _open(self) -> None:
        await self.there.open()
        self.store.put(self.name, 1, self.there.module.add_account(self.there.app, "brand.test"))
        self.engine = self._engine()
        new = accounts.fresh(self.name, self.there.url)
        await self.engine.writer.run(lambda tx: accounts.add(tx, new, self.clock.now(), actor="test"))

    def _engine(self) -> Engine:
        return Engine(self.home, self.store, clock=self.clock)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        async def turn() -> T:
            result = await work
            await self.there.quiet()
            return result

        return self.loop.run(asyncio.wait_for(turn(), TURN))

    def _busy(self) -> bool:
        # no precondition: those must not depend on what real threads and sockets came to
        return any(post.ended is None for post in self.posts)

    def _until(self, minutes: int) -> datetime:
        return self.clock.now() + timedelta(minutes=minutes)

    def _write(self, write: Callable[[Any], T]) -> Awaitable[T]:
        return self.engine.writer.run(write)

    async def _done(self, write: Callable[[Any], T]) -> T:
        return await self._write(write)

    # what happens

    @initialize(target=_post, endings=_texts, trouble=_troubles)
    def begin(self, endings: list[str], trouble: list[Trouble]) -> Post:
        return self.plan(endings, 0, pictured=False, trouble=trouble)

    @rule(target=_post, endings=_texts, minutes=_soon, pictured=st.booleans(), trouble=_troubles)
    def plan(self, endings: list[str], minutes: int, pictured: bool, trouble: list[Trouble]) -> Post:
        self.trouble(trouble)
        texts, at = self._new(endings), self._until(minutes)
        wanted = NewDelivery(self.name, self._parts(texts, pictured), at, "UTC", "", texts[0])
        (delivery,) = self._run(self._planned(wanted))
        self.posts.append(Post(delivery, texts))
        return self.posts[-1]

    async def _planned(self, wanted: NewDelivery) -> list[str]:
        return await self._write(lambda tx: posts.plan(tx, [wanted], self.clock.now(), source="test"))

    def _new(self, endings: list[str]) -> tuple[str, ...]:
        self.number += 1
        return tuple(f"Post {self.number}, part {part}{ending}" for part, ending in enumerate(endings, 1))

    def _parts(self, texts: tuple[str, ...], pictured: bool) -> tuple[Part, ...]:
        media: tuple[Media, ...] = (self.picture,) if pictured else ()
        return tuple(Part(text, media) for text in texts)

    @rule(trouble=st.lists(_trouble, min_size=1, max_size=2))
    def trouble(self, trouble: list[Trouble]) -> None:
        for call, kind, skip, times in trouble:
            method, path = CALLS[self.provider][call]
            self.there.faults.append(Fault(method=method, path=path, fault=kind, skip=skip, times=times))

    @precondition(lambda self: self.provider == "x")
    @rule(minutes=st.sampled_from([0, 1, 2, 300]))
    def lists_lag(self, minutes: int) -> None:
        self.there.app[x.WORLD].visible_after = timedelta(minutes=minutes)

    @rule(minutes=_a_while)
    def nobody_works(self, minutes: int) -> None:
        if not self._busy():
            return
        self.clock.at += timedelta(minutes=minutes)

    @rule(minutes=_a_while)
    def work(self, minutes: int) -> None:
        if not self._busy():
            return
        until = self._until(minutes)
        self._run(self.engine.worker.run_due(until))
        self.clock.at = max(self.clock.at, until)

    @rule(minutes=_a_while, doom=st.builds(Doom, passes=_passes) | st.builds(Doom, steps=_steps))
    def die(self, minutes: int, doom: Doom) -> None:
        if not self._busy():
            return
        self._run(self._die(self._until(minutes), doom))

    async def _die(self, until: datetime, doom: Doom) -> None:
        """Die as a killed process does: nothing is finished, nothing is tidied, and only the system frees the lock."""
        engine = self.engine

        async def live() -> None:
            current.set(doom)  # and with it for the tasks that are begun here
            await engine.worker.run_due(until)

        life = asyncio.create_task(live())
        while not (life.done() or doom.met or doom.steps == 0):
            doom.steps -= 1
            await asyncio.sleep(0)
        doom.met = True
        tasks = [life, *engine.worker._active.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await engine.http.aclose()
        engine.writer.close()
        engine.reader.close()
        os.close(engine.owner._file)
        self.engine = self._engine()

    @rule()
    def restart(self) -> None:
        self._run(self.engine.__aexit__())
        self.engine = self._engine()

    @rule(minutes=_a_while, doom=st.none() | st.builds(Doom, passes=_passes) | st.builds(Doom, steps=_steps))
    def two_work(self, minutes: int, doom: Doom | None) -> None:
        if not self._busy():
            return
        self._run(self._two_work(self._until(minutes), doom))

    async def _two_work(self, until: datetime, doom: Doom | None) -> None:
        async with self._engine() as other:
            one = self.engine.worker.run_due(until) if doom is None else self._die(until, doom)
            await asyncio.gather(one, other.worker.run_due(until))
            await other.worker.run_due(until)

    # what people do, and when: while the worker is at it

    async def _meanwhile(self, steps: int, act: Callable[[Any], T]) -> T:
        life = asyncio.create_task(self.engine.worker.run_due(self._until(0)))
        for _ in range(steps):
            if life.done():
                break
            await asyncio.sleep(0)
        done = await self._write(act)
        await life
        return done

    @rule(everything=st.booleans(), steps=_steps)
    @precondition(lambda self: self.still is None)
    def halt(self, everything: bool, steps: int) -> None:
        name, at = halts.EVERYTHING if everything else self.name, micros(self.clock.now())
        assert self._run(self._meanwhile(steps, lambda tx: halts.halt(tx, name, at, reason="", actor="test")))
        self.still = len(self.there.world())

    @rule()
    @precondition(lambda self: self.still is not None)
    def resume(self) -> None:
        self._run(self._resumed())
        self.still = None

    async def _resumed(self) -> None:
        at = micros(self.clock.now())
        for name in (self.name, halts.EVERYTHING):
            await self._write(lambda tx, name=name: halts.resume(tx, name, at, actor="test"))

    @rule(post=_post, steps=_steps)
    def cancel(self, post: Post, steps: int) -> None:
        now, before = self.clock.now(), len(self._shown(post))
        if self._run(self._meanwhile(steps, lambda tx: posts.cancel(tx, post.id, now, actor="test"))):
            post.most = len(self._shown(post))
            # it can have gone on before it was cancelled; what began after that would be seen here
            assert post.most >= before
            post.ended = None

    @rule(post=_post, endings=_texts, minutes=_a_while, pictured=st.booleans(), steps=_steps)
    def edit(self, post: Post, endings: list[str], minutes: int, pictured: bool, steps: int) -> None:
        texts, now = self._new(endings), self.clock.now()
        change = Change(self._parts(texts, pictured), self._until(minutes))
        if self._run(self._meanwhile(steps, lambda tx: posts.edit(tx, post.id, change, now, actor="test"))):
            post.never |= set(post.texts)
            post.texts, post.most, post.ended = texts, 3, None

    @rule(post=_post)
    def retry(self, post: Post) -> None:
        now = self.clock.now()
        if self._run(self._meanwhile(0, lambda tx: posts.retry(tx, post.id, now, actor="test"))):
            post.most, post.ended = 3, None

    @rule(post=_post)
    def look(self, post: Post) -> None:
        self._looked(post, 0)

    def _looked(self, post: Post, steps: int) -> None:
        """A person who is asked says what the world shows."""
        stands = next(iter(listed(self.engine.reader, delivery=post.id)), None)
        if stands is None or stands.state != RunState.UNCONFIRMED:
            return
        shown, now, post.ended = self._shown(post), self.clock.now(), None
        missing = shown[len(stands.results) :]
        if missing:
            seen = {"uri" if self.provider == "bluesky" else "id": missing[0]["id"]}
            settle = lambda tx: posts.resolve_there(tx, post.id, seen, now, actor="test")  # noqa: E731 - one of two
        else:
            settle = lambda tx: posts.resolve_send_again(tx, post.id, now, actor="test")  # noqa: E731 - the other
        assert self._run(self._meanwhile(steps, settle))

    # what must hold

    def _shown(self, post: Post) -> list[dict[str, Any]]:
        return [seen for seen in self.there.world() if seen["text"] in post.texts]

    @invariant()
    def holds(self) -> None:
        world = self.there.world()
        twice = [text for text, times in Counter(seen["text"] for seen in world).items() if times > 1]
        assert not twice, f"seen twice: {twice}"
        assert not [text for text, times in self.there.taken.items() if times > 1], "sent twice"
        assert self.still is None or len(world) == self.still, "something left in spite of a halt"
        stand = {item.id: item for item in listed(self.engine.reader)}
        assert len(listed(self.engine.reader)) == len(self.posts) == len(stand)
        for post in self.posts:
            self._judge(post, stand[post.id], world)
        assert isinstance(chain.verify(self.engine.reader), int)

    def _judge(self, post: Post, stands: Listed, world: list[dict[str, Any]]) -> None:
        shown = [seen for seen in world if seen["text"] in post.texts]
        texts = tuple(seen["text"] for seen in shown)
        assert texts == post.texts[: len(texts)], "out of order"
        assert [seen["reply_to"] for seen in shown] == [None, *(seen["id"] for seen in shown)][: len(shown)]
        assert not post.never & {seen["text"] for seen in world}, "a text that was changed"
        assert len(shown) <= post.most, "it went on after it was cancelled"
        named = [result.get("id") or result["uri"] for result in stands.results]
        assert named == [seen["id"] for seen in shown][: len(named)], "a result that is another post's"
        match stands.state:
            case RunState.DONE:
                assert texts == post.texts, "called done, and not there"
            case RunState.MISSED:
                assert not shown or post.restored, "called missed, and there"
            case RunState.UNCONFIRMED:
                assert self.provider == "x" or post.restored, "nobody needs to be asked"
        assert "unforeseen" not in stands.reason, stands.reason
        assert post.ended in {None, stands.state}, "what had ended went on by itself"
        post.ended = None if stands.state in OPEN_STATES else stands.state

    def teardown(self) -> None:
        """When all trouble is over, a day is enough for everything to come to its end."""
        try:
            self.there.faults.clear()
            if self.provider == "x":
                self.there.app[x.WORLD].visible_after = timedelta()
            self._run(self._resumed())
            self.still = None
            self._run(self.engine.worker.run_due(self.clock.now() + timedelta(days=1)))
            self.holds()
            assert [post for post in self.posts if post.ended is None] == [], "never ended"
        finally:
            self.patch.undo()
            self.loop.run(self.engine.__aexit__())
            self.loop.run(self._closed())
            self.loop.close()
            self.folder.cleanup()

    async def _closed(self) -> None:
        await self.there.close()


# who dies closes nothing: sockets are left for the collector, which is called while these tests still run (`play`)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


class OnX(Machine):
    """X has no key of ours to dedupe by, so sometimes a person has to look."""

    provider = "x"


class OnBluesky(Machine):
    """Here the same record is put again under the same key."""

    provider = "bluesky"


def play(machine: type[Machine], examples: int, steps: int) -> None:
    limits = settings(max_examples=examples, stateful_step_count=steps)
    try:
        run_state_machine_as_test(machine, settings=limits)
    finally:
        gc.collect()


@pytest.mark.parametrize("machine", [OnX, OnBluesky])
def test_whatever_happens_nothing_is_seen_twice_or_lost(machine: type[Machine]) -> None:
    """A sample of such days."""
    play(machine, 15, 15)


@pytest.mark.long
@pytest.mark.parametrize("machine", [OnX, OnBluesky])
def test_whatever_happens_on_many_days(machine: type[Machine]) -> None:
    """Many, and longer ones."""
    play(machine, 60, 20)
