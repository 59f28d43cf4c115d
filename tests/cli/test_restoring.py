"""A backup that was put back, and a ledger that was cut: nothing goes out twice, and it is told."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

from tests.cli.conftest import Shell


def test_a_backup_can_be_put_back(shell: Shell, tmp_path: Path) -> None:
    """What went out after it was made is held, not sent again; an old copy put there by hand is not worked on."""
    file = tmp_path / "copy.db"
    delivery = shell.run("post", "Before the backup", "--to", "bluesky/brand", "--at", "now").split()[-1]
    shell.run("backup", str(file))
    shell.run("run-due")
    assert "1 post may have gone out" in shell.run("restore", str(file))
    shell.run("run-due")
    seen = [post["text"] for post in shell.world()["bluesky"]]
    assert seen.count("Before the backup") == 1
    assert "unconfirmed" in shell.run("posts", "show", delivery)
    assert "is no post" in shell.run("posts", "resolve", delivery, "--there", "yes it is", code=2)
    shell.run("posts", "resolve", delivery, "--there", "https://bsky.app/profile/did:plc:x/post/3abc")
    shell.run("run-due")
    assert "done" in shell.run("posts", "show", delivery)
    assert "none altered" in shell.run("calls", "verify")
    shutil.copyfile(file, shell.home / "automator.db")
    for ending in ("-wal", "-shm"):
        (shell.home / f"automator.db{ending}").unlink(missing_ok=True)
    assert "automator restored" in shell.run("run-due", code=1)
    shell.run("restored")
    shell.run("run-due")
    assert [post["text"] for post in shell.world()["bluesky"]].count("Before the backup") == 1


def test_each_part_of_a_thread_is_settled_after_a_restore(shell: Shell, tmp_path: Path) -> None:
    """The command says which part to look for next, and none when the last one is settled."""
    file, text = tmp_path / "copy.db", "Thread before\\n---\\nand its end"
    delivery = shell.run("post", text, "--to", "x/brand", "--thread").split()[-1]
    shell.run("backup", str(file))
    shell.run("run-due")
    seen = [post["id"] for post in shell.world()["x"][-2:]]
    shell.run("restore", str(file))
    told = [shell.run("posts", "resolve", delivery, "--there", number) for number in seen]
    assert ["now look for part 2" in said for said in told] == [True, False]
    assert "now look" not in told[1]
    shell.run("run-due")
    (post,) = [item for item in json.loads(shell.run("posts", "list", "--json")) if item["id"].startswith(delivery)]
    assert (post["state"], [result["id"] for result in post["results"]]) == ("done", seen)
    assert [post["id"] for post in shell.world()["x"][-2:]] == seen


def test_a_ledger_that_was_cut_is_told(shell: Shell, tmp_path: Path) -> None:
    """Someone deletes the newest entries of a copy; the chain is whole, but its signed checkpoints tell."""
    shell.run("accounts", "test", "x/brand")
    copy = Shell(tmp_path)
    shutil.copytree(shell.home, copy.home)
    connection = sqlite3.connect(copy.home / "automator.db")
    connection.execute("DELETE FROM entry WHERE seq > 5")
    connection.commit()
    connection.close()
    assert "entries from 6 on are missing" in copy.run("calls", "verify", code=1)
    assert "are missing" in copy.run("doctor", code=1)


def test_a_copy_of_an_installation_sends_nothing_beside_it(shell: Shell, tmp_path: Path) -> None:
    """Both would send the same. Once a person has said that the first works no more, the copy sends what is to come."""
    copy = Shell(tmp_path)
    copy.state = shell.state
    shell.run("post", "In two homes", "--to", "bluesky/brand", "--at", "now")
    shutil.copytree(shell.home, copy.home)
    for command in ("run-due", "serve"):
        assert "is a copy of" in copy.run(command, code=1)
    assert "is a copy of" in copy.run("doctor", code=1)
    shell.run("run-due")
    assert "may have gone out since" in copy.run("restored")
    copy.run("post", "Out of the copy", "--to", "bluesky/brand", "--at", "now")
    copy.run("run-due")
    seen = [post["text"] for post in shell.world()["bluesky"]]
    assert (seen.count("In two homes"), seen.count("Out of the copy")) == (1, 1)
