"""A vault that is locked while a post is due: it waits, goes on, or is missed, and never goes out late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import pytest

from automator.accounts import Stored
from automator.notices import unread
from automator.vault.store import VaultError
from tests.scheduling.desk import Desk, on_x


@contextmanager
def locked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is read from the vault."""

    def shut(*_: object) -> None:
        raise VaultError("the keyring could not be read; is it locked?")

    with monkeypatch.context() as patched:
        patched.setattr(desk.engine.store, "get", shut)
        yield


@on_x
async def test_what_a_locked_vault_kept_back_for_days_is_missed_not_posted_late(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it had left, so it is no news any more when the vault is opened; a person hears why."""
    with locked(desk, monkeypatch):
        await desk.plan("Good morning")
        post = await desk.work(minutes=30)
        assert (post.state, "is it locked" in post.reason) == ("waiting", True)
        desk.clock.ahead += timedelta(days=2)
    post = await desk.work()
    assert (post.state, desk.world()) == ("missed", [])
    assert any("is it locked" in str(told["text"]) for told in unread(desk.engine.reader))


@on_x
async def test_a_vault_that_is_opened_while_there_is_time_lets_the_post_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked into often enough that what may be an hour late is not missed for looking too rarely."""
    with locked(desk, monkeypatch):
        await desk.plan("Good morning")
        assert (await desk.work(minutes=40)).state == "waiting"
    assert ((await desk.work(minutes=15)).state, desk.world()) == ("done", ["Good morning"])


@on_x
async def test_a_thread_that_a_locked_vault_cut_in_two_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is half out is brought to its end, however late."""
    kept = desk.engine.keys.secrets

    def locked(who: Stored) -> Mapping[str, str]:
        if desk.world():
            raise VaultError("the keyring could not be read; is it locked?")
        return kept(who)

    with monkeypatch.context() as shut:
        shut.setattr(desk.engine.keys, "secrets", locked)
        await desk.plan("One", "Two")
        assert (await desk.work(minutes=30)).state == "waiting"
        desk.clock.ahead += timedelta(days=2)
    assert ((await desk.work()).state, desk.world()) == ("done", ["One", "Two"])
