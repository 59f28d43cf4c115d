"""Random days on which a backup is put back: what went out since is not known, and still goes out once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from automator import halts
from automator.backup import backup, restore
from tests.scheduling.days import Post
from tests.scheduling.test_machine import Machine, play, pytestmark

__all__ = ["pytestmark"]


class Restored(Machine):
    """Now and then somebody copies the database, and later puts the copy back."""

    def __init__(self) -> None:
        super().__init__()
        self.copy: Path | None = None
        self.copies = 0
        self.then: list[tuple[Post, Post]] = []  #: each post of that time, and what was known of it

    @rule()
    def copy_it(self) -> None:
        self.copies += 1
        self.copy = self.home.path.parent / f"copy-{self.copies}.db"
        backup(self.engine.reader, self.copy)
        self.then = [(post, replace(post, never=set(post.never))) for post in self.posts]

    @precondition(lambda self: self.copy is not None)
    @rule(worked=st.booleans(), looked=st.booleans())
    def put_it_back(self, worked: bool, looked: bool) -> None:
        assert self.copy is not None
        if worked:
            self.work(10)
        self._run(self.engine.__aexit__())
        restore(self.home.database, self.copy, self.store, self.clock.now(), actor="test")
        self.engine = self._engine()
        for post, before in self.then:
            post.texts, post.never, post.ended = before.texts, set(before.never), before.ended
            post.most = max(before.most, len(self._shown(post)))  # what was tried again since the copy is out there
            post.restored = True
        self.posts = [post for post, _ in self.then]
        halted = self.engine.reader.execute("SELECT 1 FROM halt WHERE name IN (?, ?)", (self.name, halts.EVERYTHING))
        self.still = len(self.there.world()) if halted.fetchone() else None
        for post in self.posts if looked and self.still is None else ():
            for _ in post.texts:
                self.look(post)


class OnX(Restored):
    """X has no key of ours to dedupe by."""

    provider = "x"


class OnBluesky(Restored):
    """The keys of what went out since are lost with the record of it."""

    provider = "bluesky"


@pytest.mark.parametrize("machine", [OnX, OnBluesky])
def test_whatever_was_put_back_nothing_is_seen_twice_or_lost(machine: type[Machine]) -> None:
    """A sample of such days."""
    play(machine, 10, 15)


@pytest.mark.long
@pytest.mark.parametrize("machine", [OnX, OnBluesky])
def test_whatever_was_put_back_on_many_days(machine: type[Machine]) -> None:
    """Many, and longer ones."""
    play(machine, 60, 25)
