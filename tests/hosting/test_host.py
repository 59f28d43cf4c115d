"""The media host: what a provider is to fetch lies at its public address while a run needs it, and not a day longer."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from aiohttp import web

from automator import halts
from automator.clock import micros
from automator.hosting import host as hosting
from automator.intentions import Fenced
from connectors.base import CallRefused, NotNow
from connectors.network import Rejected
from tests.hosting.installed import CANARY, There, begun, ended, picture, rows


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


async def test_a_bucket_without_a_key_is_told_before_anything_is_sent(s3: There, tmp_path: Path) -> None:
    """A store would blame the signature, or the region."""
    s3.engine.store.delete(hosting.ACCOUNT, 1)
    words = "the bucket has no key yet; give it with `automator media set-key`"
    assert await s3.media.trouble() == words
    with pytest.raises(Rejected, match="media set-key"):
        await s3.media.host(picture(tmp_path), await begun(s3.engine))
    assert (s3.bucket.seen, rows(s3.engine)) == ([], 0)


async def test_a_store_in_trouble_is_asked_again_later(s3: There, tmp_path: Path) -> None:
    """A post waits, and what could not be removed is removed later."""
    run = await begun(s3.engine)
    s3.bucket.answers = [web.Response(status=500) for _ in range(4)]
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
