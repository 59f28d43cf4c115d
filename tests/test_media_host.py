"""The media host: what a provider is to fetch lies at its public address while a run needs it, and not a day longer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from automator import failpoints, halts, upkeep
from automator.cli.app import app
from automator.clock import micros
from automator.engine import Engine
from automator.home import Home
from automator.hosting import host as hosting
from automator.hosting.host import MediaHost
from automator.intentions import Fenced
from automator.scheduling.lease import Run
from automator.vault.choose import own_file
from automator.vault.sealed_file import SealedFile
from connectors.base import CallRefused, NotNow
from connectors.network import Rejected
from connectors.post import Media
from tests.clocks import StillClock

CANARY = "C4nary/secret+key"


class Bucket:
    """A store with one bucket, and the web server in front of it."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[bytes, str]] = {}
        self.answers: list[web.Response] = []
        self.seen: list[web.Request] = []
        self.shown: web.Response | None = None
        self.type: str | None = None

    async def put(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        content = await request.read()
        if self.answers:
            return self.answers.pop(0)
        assert hashlib.sha256(content).hexdigest() == request.headers["x-amz-content-sha256"]
        self.held[request.match_info["name"]] = (content, request.headers["content-type"])
        return web.Response()

    async def delete(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        if self.answers:
            return self.answers.pop(0)
        return web.Response(status=204 if self.held.pop(request.match_info["name"], None) else 404)

    async def show(self, request: web.Request) -> web.Response:
        assert "authorization" not in request.headers, "anybody can fetch it"
        if self.shown is not None:
            return self.shown
        content, kind = self.held.get(request.match_info["name"], (b"", ""))
        return web.Response(body=content, content_type=self.type or kind, status=200 if kind else 404)


def picture(folder: Path, content: bytes = b"\xff\xd8 a picture") -> Media:
    path = folder / "a.jpg"
    path.write_bytes(content)
    return Media(str(path), "image/jpeg", len(content), hashlib.sha256(content).hexdigest(), 1080, 1080)


async def begun(engine: Engine, number: int = 1) -> Run:
    """A run that this process is working on."""
    now = engine.clock.now()
    await engine.writer.run(
        lambda tx: tx.execute(
            "INSERT INTO run VALUES (?, 'post-1', ?, ?, 'running', 1, '', NULL, NULL, '')",
            (number, number, micros(now)),
        )
    )
    return Run(number, "post-1", "deliver", "instagram/brand", {}, 1, now, now)


async def ended(engine: Engine, state: str = "done") -> None:
    await engine.writer.run(lambda tx: tx.execute("UPDATE run SET state = ?", (state,)))


def rows(engine: Engine) -> int:
    return int(engine.reader.execute("SELECT count(*) FROM hosted").fetchone()[0])


def place(home: Home, config: str) -> SealedFile:
    home.prepare()
    home.config.write_text(f'[vault]\nkind = "file"\n{config}')
    return own_file(home.path)


class There:
    """An installation with a media host."""

    def __init__(self, engine: Engine, folder: Path, bucket: Bucket) -> None:
        assert engine.media is not None
        self.engine, self.media, self.folder, self.bucket = engine, engine.media, folder, bucket

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else sorted(self.bucket.held)


@asynccontextmanager
async def installed(tmp_path: Path, kind: str) -> AsyncIterator[There]:
    bucket, app, shown = Bucket(), web.Application(), tmp_path / "shown"
    app.router.add_put("/media/{name}", bucket.put)
    app.router.add_delete("/media/{name}", bucket.delete)
    app.router.add_get("/public/{name}", bucket.show)
    if kind == "folder":
        shown.mkdir()
        app.router.add_static("/files", shown)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = {
        "folder": f'kind = "folder"\nfolder = "{shown}"\npublic_url = "{base}/files/"\n',
        "s3": f'kind = "s3"\nendpoint = "{base}"\nbucket = "media"\npublic_url = "{base}/public"\n',
    }
    home = Home(tmp_path / "home")
    store = place(home, f"[media]\n{settings[kind]}")
    try:
        async with Engine(home, store, clock=StillClock()) as engine:
            if kind == "s3":
                hosting.set_key(store, "AKIDEXAMPLE", CANARY)
            yield There(engine, shown, bucket)
    finally:
        await runner.cleanup()


@pytest.fixture(params=["folder", "s3"])
async def there(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[There]:
    async with installed(tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def s3(tmp_path: Path) -> AsyncIterator[There]:
    async with installed(tmp_path, "s3") as made:
        yield made


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[There]:
    async with installed(tmp_path, "folder") as made:
        yield made


async def test_a_file_is_shown_while_the_run_is_open_and_removed_once_it_has_ended(
    there: There, tmp_path: Path
) -> None:
    """Parked runs keep theirs; what ended does not."""
    url = await there.media.host(picture(tmp_path), await begun(there.engine))
    assert url.startswith("http://127.0.0.1:")
    assert there.names() == [url.rpartition("/")[2]]
    await ended(there.engine, "waiting")
    assert await there.media.sweep() == 0
    assert len(there.names()) == 1
    await ended(there.engine, "failed")
    assert await there.media.sweep() == 0
    assert (there.names(), rows(there.engine)) == ([], 0)


async def test_a_repeat_has_the_same_unguessable_address(there: There, tmp_path: Path) -> None:
    """Another attempt overwrites; another run, or another installation, has another name."""
    run, media = await begun(there.engine), picture(tmp_path)
    first, again = await there.media.host(media, run), await there.media.host(media, run)
    assert first == again
    name = first.rpartition("/")[2]
    assert len(name) == 40 + len(".jpg")
    assert media.sha256[:10] not in name
    assert await there.media.host(media, await begun(there.engine, 2)) != first
    assert len(there.names()) == 2


async def test_a_worker_that_lost_its_run_puts_nothing_there(there: There, tmp_path: Path) -> None:
    """What another worker finished must not come back to life."""
    run = await begun(there.engine)
    await ended(there.engine)
    with pytest.raises(Fenced):
        await there.media.host(picture(tmp_path), run)
    assert (there.names(), rows(there.engine)) == ([], 0)


async def test_a_file_that_changed_is_not_shown(there: There, tmp_path: Path) -> None:
    """What was checked is what is published."""
    media = picture(tmp_path)
    Path(media.path).write_bytes(b"\xff\xd8 x picture")
    with pytest.raises(Rejected, match="has changed since"):
        await there.media.host(media, await begun(there.engine))
    assert there.names() == []


async def test_the_test_puts_fetches_compares_and_removes(there: There) -> None:
    """Nothing is left of it."""
    assert await there.media.trouble() == ""
    assert (there.names(), rows(there.engine)) == ([], 0)


@pytest.mark.parametrize(
    ("shown", "kind", "words"),
    [
        (web.Response(status=404, text="nothing here"), None, "answers 404; the web server does not show"),
        (web.Response(status=403), None, "answers 403"),
        (web.Response(status=302, headers={"location": "/elsewhere"}), None, "answers 302"),
        (web.Response(text="<html>Welcome</html>", content_type="text/html"), None, "web page"),
        (web.Response(body=b"other", content_type="image/jpeg"), None, "other bytes"),
        (None, "application/octet-stream", "calls a JPEG picture application/octet-stream"),
    ],
)
async def test_what_a_provider_would_stumble_over_is_told(
    s3: There, shown: web.Response | None, kind: str | None, words: str
) -> None:
    """One sentence, and nothing is left there."""
    s3.bucket.shown, s3.bucket.type = shown, kind
    trouble = await s3.media.trouble()
    assert words in trouble
    assert s3.names() == []


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AccessDenied", "rights to put and delete"),
        (403, "InvalidAccessKeyId", "set-key"),
        (403, "SignatureDoesNotMatch", "secret key"),
        (404, "NoSuchBucket", "no such bucket"),
        (403, "RequestTimeTooSkewed", "clock"),
        (400, "AuthorizationHeaderMalformed", "region"),
        (418, "Other", "answered 418 Other"),
    ],
)
async def test_what_a_store_refuses_is_told_in_a_sentence(
    s3: There, tmp_path: Path, status: int, code: str, words: str
) -> None:
    """With what to do."""
    s3.bucket.answers = [web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>")]
    with pytest.raises(Rejected, match=words):
        await s3.media.host(picture(tmp_path), await begun(s3.engine))


async def test_a_store_in_trouble_is_asked_again_later(s3: There, tmp_path: Path) -> None:
    """A post waits, and what could not be removed is removed later."""
    run = await begun(s3.engine)
    s3.bucket.answers = [web.Response(status=500)] * 4
    with pytest.raises(NotNow):
        await s3.media.host(picture(tmp_path), run)
    await s3.media.host(picture(tmp_path), run)
    await ended(s3.engine)
    s3.bucket.answers = [web.Response(status=403, text="<Code>AccessDenied</Code>")]
    assert await s3.media.sweep() == 1
    assert rows(s3.engine) == 1
    assert await s3.media.sweep() == 0
    assert rows(s3.engine) == 0


async def test_every_call_is_on_the_record_without_the_key(s3: There, tmp_path: Path) -> None:
    """The secret key is nowhere in the database, and neither are the names' secret or a signature."""
    await s3.media.host(picture(tmp_path), await begun(s3.engine))
    await ended(s3.engine)
    await s3.media.sweep()
    operations = [row[0] for row in s3.engine.reader.execute("SELECT operation FROM entry WHERE kind = 'call'")]
    assert operations == ["media.put", "media.delete"]
    s3.engine.checkpoint()
    for path in s3.engine.home.path.rglob("*"):
        if path.is_file() and path.name != "vault.key":
            assert CANARY.encode() not in path.read_bytes()
    assert CANARY not in repr(s3.media)


async def test_a_halt_stops_uploads_and_they_are_removed_afterwards(s3: There, tmp_path: Path) -> None:
    """What a person stopped does not leave."""
    run, at = await begun(s3.engine), micros(s3.engine.clock.now())
    await s3.engine.writer.run(lambda tx: halts.halt(tx, "*", at, reason="", actor="test"))
    with pytest.raises(CallRefused):
        await s3.media.host(picture(tmp_path), run)
    assert s3.bucket.seen == []


async def test_a_large_file_is_not_held_in_memory(s3: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes a piece at a time, and the record has its digest alone."""
    monkeypatch.setattr("automator.egress.passing.HELD", 1000)
    media = picture(tmp_path, bytes(900_000))
    await s3.media.host(media, await begun(s3.engine))
    (said,) = s3.engine.reader.execute("SELECT said(data) FROM entry WHERE kind = 'answer'").fetchone()
    assert json.loads(said)["sent"] == {"sha256": media.sha256, "size": 900_000, "streamed": True}


async def test_files_of_another_user_can_be_read_by_the_web_server(folder: There, tmp_path: Path) -> None:
    """But nobody else may write them."""
    url = await folder.media.host(picture(tmp_path), await begun(folder.engine))
    mode = (folder.folder / url.rpartition("/")[2]).stat().st_mode
    assert stat.S_IMODE(mode) == 0o644


async def test_a_folder_that_is_gone_is_told(folder: There, tmp_path: Path) -> None:
    """With its path."""
    folder.folder.rmdir()
    with pytest.raises(Rejected, match="can't be written"):
        await folder.media.host(picture(tmp_path), await begun(folder.engine))


async def test_what_a_test_left_behind_is_removed_too(folder: There) -> None:
    """Not at once: another process may be testing just now."""
    media = folder.media
    old = micros(folder.engine.clock.now() - timedelta(minutes=11))
    (folder.folder / "old.jpg").write_bytes(b"")
    await folder.engine.writer.run(
        lambda tx: tx.executemany(
            "INSERT INTO hosted VALUES (?, ?, 0, ?)",
            [("old.jpg", media.at.place, old), ("new.jpg", media.at.place, micros(folder.engine.clock.now()))],
        )
    )
    assert await media.sweep() == 0
    assert folder.names() == []
    assert [row[0] for row in folder.engine.reader.execute("SELECT name FROM hosted")] == ["new.jpg"]


async def test_the_service_sweeps_and_says_when_it_can_not(
    s3: There, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Ever more rarely, and back to often once it works."""
    await s3.media.host(picture(tmp_path), await begun(s3.engine))
    await ended(s3.engine)
    s3.bucket.answers = [web.Response(status=403, text="<Code>AccessDenied</Code>")]
    with caplog.at_level(logging.WARNING):
        wait = await upkeep.sweep(s3.engine, upkeep.SWEEP)
    assert wait == 2 * upkeep.SWEEP
    assert "1 files could not be removed" in caplog.text
    assert await upkeep.sweep(s3.engine, wait) == upkeep.SWEEP
    assert s3.names() == []


async def test_files_in_a_place_that_is_no_longer_the_host_are_told_of(folder: There) -> None:
    """They are left alone: their keys may be gone."""
    row = ("a.jpg", "bucket https://old.example/b", 7, 0)
    await folder.engine.writer.run(lambda tx: tx.execute("INSERT INTO hosted VALUES (?, ?, ?, ?)", row))
    assert await folder.media.sweep() == 0
    assert hosting.elsewhere(folder.engine.reader, folder.media.at.place) == [("bucket https://old.example/b", 1)]


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from automator.engine import Engine
from automator.home import Home
from automator.hosting.folder import Folder
from automator.vault.choose import own_file
from tests.test_media_host import begun, picture

async def main():
    home = Home(Path(sys.argv[1]))
    put = Folder.put
    async def dying(self, name, media, call):
        await put(self, name, media, call)
        os.kill(os.getpid(), signal.SIGKILL)
    Folder.put = dying
    store = own_file(home.path)
    async with Engine(home, store) as engine:
        await engine.media.host(picture(Path(sys.argv[2])), await begun(engine))

asyncio.run(main())
"""


async def test_whoever_dies_no_file_stays(tmp_path: Path) -> None:
    """A process killed right after it put a file there leaves a row by which the next one removes it."""
    shown, home = tmp_path / "shown", Home(tmp_path / "home")
    shown.mkdir()
    store = place(home, f'[media]\nkind = "folder"\nfolder = "{shown}"\npublic_url = "https://example.com/m"\n')
    root = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", KILLED, str(home.path), str(tmp_path), root]
    child = await asyncio.to_thread(subprocess.run, command, check=False, cwd=root, env=clean())
    assert child.returncode == -signal.SIGKILL
    assert len(list(shown.iterdir())) == 1
    async with Engine(home, store) as engine:
        assert isinstance(engine.media, MediaHost)
        assert await engine.media.sweep() == 0
        assert len(list(shown.iterdir())) == 1, "its run is still open"
        await ended(engine)
        assert await engine.media.sweep() == 0
        assert (list(shown.iterdir()), rows(engine)) == ([], 0)


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != failpoints.VARIABLE}


def run(home: Path, *arguments: str, given: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, "--home", str(home)], input=given)
    return result.exit_code, result.output


def test_the_commands_say_what_is_missing(tmp_path: Path) -> None:
    """Exit code 2 for what was asked wrongly, 1 for what does not work."""
    home = Home(tmp_path / "home")
    place(home, "")
    assert run(home.path, "media", "test") == (
        2,
        "automator: no media host is set; config.toml names one in [media]\n",
    )
    assert run(home.path, "media", "set-key", "--secret-stdin", given="{}")[0] == 2
    home.config.write_text(
        '[vault]\nkind = "file"\n[media]\nkind = "s3"\nendpoint = "http://127.0.0.1:9"\nbucket = "b"\n'
        'public_url = "http://127.0.0.1:9/b"\n'
    )
    code, said = run(home.path, "media", "set-key", "--secret-stdin", given='{"access_key": "a"}')
    assert (code, "access_key and secret_key" in said) == (2, True)
    given = json.dumps({"access_key": "a", "secret_key": CANARY})
    code, said = run(home.path, "media", "set-key", "--secret-stdin", given=given)
    assert code == 0
    assert CANARY not in said
    code, said = run(home.path, "doctor", "--json")
    assert code == 1
    assert "the media host does not work" in said
    assert "Traceback" not in said


def test_the_doctor_says_that_there_is_none(tmp_path: Path) -> None:
    """Nothing is wrong with that."""
    home = Home(tmp_path / "home")
    place(home, "")
    code, said = run(home.path, "doctor")
    assert code == 0
    assert "media host: none" in said
