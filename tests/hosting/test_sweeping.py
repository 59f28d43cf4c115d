"""No file stays on the media host, whoever dies; and where it can't be removed it is told."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from automator import failpoints, upkeep
from automator.clock import micros
from automator.engine import Engine
from automator.home import Home
from automator.hosting import host as hosting
from automator.hosting.host import MediaHost
from tests.hosting.installed import There, begun, ended, picture, place, rows


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
from tests.hosting.installed import begun, picture

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
    root = str(Path(__file__).parents[2])
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
