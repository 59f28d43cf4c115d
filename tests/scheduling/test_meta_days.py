"""Random days at Facebook and Instagram: staged posts, videos, containers that are worked on, comments, restored backups."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import strategies as st
from hypothesis.stateful import rule
from PIL import Image

from automator import accounts
from automator.posting.posts import Listed
from automator.scheduling.states import OPEN_STATES, RunState
from connectors.base import Scope
from connectors.post import Form, Media, Part
from jobs.posting.media import inspect
from tests.scheduling.days import Post
from tests.scheduling.test_machine import Machine, _post, _steps, play, pytestmark
from tests.scheduling.test_restored_days import Restored

__all__ = ["pytestmark"]


def picture(folder: Path, number: int) -> Media:
    path = folder / f"{number}.jpg"
    Image.new("RGB", (400, 400), (number, number, 77)).save(path, "jpeg")
    return inspect(path, "A picture.")


def film(folder: Path) -> Media:
    path = folder / "v.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(5000))
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Media(str(path), "video/mp4", len(content), digest, 1080, 1920, seconds=8, fps=30, codecs=("h264", "aac"))


class Meta(Restored):
    """What follows the first part of a post is a comment under it."""

    options: dict[str, str] = {}  # noqa: RUF012 - of a class that is made anew for each example

    async def _open(self) -> None:
        folder, shown = Path(self.folder.name), Path(self.folder.name) / "shown"
        shown.mkdir()
        self.pictures, self.film = [picture(folder, number) for number in range(3)], film(folder)
        files = web.Application()
        files.router.add_static("/", shown)
        self.files = web.AppRunner(files, access_log=None, shutdown_timeout=1)
        await self.files.setup()
        await web.TCPSite(self.files, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{self.files.addresses[0][1]}"
        media = f'[media]\nkind = "folder"\nfolder = "{shown}"\npublic_url = "{url}"\n'
        self.home.config.write_text(f'[vault]\nkind = "file"\n{media}')
        await self.there.open()
        self.store.put(self.name, 1, self.there.module.add_account(self.there.app, "brand"))
        self.engine = self._engine()
        new = accounts.fresh(self.name, self.there.url, Scope, chosen=self.options)
        await self.engine.writer.run(lambda tx: accounts.add(tx, new, self.clock.now(), actor="test"))

    @property
    def there_is(self) -> Any:
        return self.there.app[self.there.module.WORLD]

    def _kinds(self) -> list[tuple[Form, tuple[Media, ...]]]:
        return [
            (Form.POST, (self.pictures[0],)),
            (Form.POST, tuple(self.pictures[:2])),
            (Form.POST, (self.film,)),
            (Form.REEL, (self.film,)),
        ]

    def _parts(self, texts: tuple[str, ...], pictured: bool) -> tuple[Part, ...]:
        kinds = self._kinds()
        form, media = kinds[self.number % len(kinds)] if pictured else (Form.POST, self._least())
        return (Part(texts[0], media, form), *(Part(text, (), Form.COMMENT) for text in texts[1:]))

    def _least(self) -> tuple[Media, ...]:
        return ()

    @rule(minutes=st.sampled_from([0, 1, 2, 300]))
    def lists_are_behind(self, minutes: int) -> None:
        self.there_is.visible_after = timedelta(minutes=minutes)

    @rule(minutes=st.sampled_from([0, 0, 1, 5]))
    def files_are_worked_on(self, minutes: int) -> None:
        self._slow(timedelta(minutes=minutes))

    def _slow(self, so_long: timedelta) -> None:
        self.there_is.video_time = so_long

    @rule(post=_post, steps=_steps)
    def look(self, post: Post, steps: int = 0) -> None:
        self._looked(post, steps)

    def _judge(self, post: Post, stands: Listed, world: list[dict[str, Any]]) -> None:
        shown = [seen for seen in world if seen["text"] in post.texts]
        texts = tuple(seen["text"] for seen in shown)
        assert texts == post.texts[: len(texts)], "out of order"
        under = [seen.get("under") or "" for seen in shown]
        assert under == ["", *(shown[0]["id"] for _ in shown[1:])][: len(shown)]
        assert not post.never & {seen["text"] for seen in world}, "a text that was changed"
        assert len(shown) <= post.most, "it went on after it was cancelled"
        assert len(stands.results) <= len(shown), "a result of nothing"
        for result, seen in zip(stands.results, shown, strict=False):
            assert result["id"] in {"", seen["id"]}, "a result that is another post's"
        match stands.state:
            case RunState.DONE:
                assert texts == post.texts, "called done, and not there"
            case RunState.MISSED:
                assert not shown or post.restored, "called missed, and there"
            case RunState.FAILED:
                raise AssertionError(f"failed on a day without a reason: {stands.reason}")
            case RunState.UNCONFIRMED:
                assert stands.results or post.restored or self.options, "nobody needs to be asked"
        assert "unforeseen" not in stands.reason, stands.reason
        assert post.ended in {None, stands.state}, "what had ended went on by itself"
        post.ended = None if stands.state in OPEN_STATES else stands.state

    def teardown(self) -> None:
        self.there_is.visible_after = timedelta()
        self._slow(timedelta())
        super().teardown()

    async def _closed(self) -> None:
        await super()._closed()
        await self.files.cleanup()


class OnFacebook(Meta):
    """A post is staged, then shown."""

    provider = "facebook"


class Direct(OnFacebook):
    """In one step, so that sometimes a person has to look."""

    options = {"publishing": "direct"}  # noqa: RUF012 - as above


class OnInstagram(Meta):
    """A container becomes one post at most, and nothing goes out without a file."""

    provider = "instagram"

    def _least(self) -> tuple[Media, ...]:
        return (self.pictures[2],)

    def _slow(self, so_long: timedelta) -> None:
        self.there_is.working = so_long

    @rule(times=st.integers(1, 2))
    def says_no_and_does_it(self, times: int) -> None:
        self.there_is.blocks = times


@pytest.mark.parametrize("machine", [OnFacebook, Direct, OnInstagram])
def test_whatever_happens_nothing_is_seen_twice_or_lost(machine: type[Machine]) -> None:
    """A sample of such days."""
    play(machine, 6, 15)


@pytest.mark.long
@pytest.mark.parametrize("machine", [OnFacebook, Direct, OnInstagram])
def test_whatever_happens_on_many_days(machine: type[Machine]) -> None:
    """Many, and longer ones."""
    play(machine, 60, 20)
