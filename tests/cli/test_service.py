"""The service, halts, limits and the doctor, as a person uses them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from automator import notices, unit
from automator.db import connect
from tests.cli.conftest import Shell
from tests.sandboxed import ROOT


def test_two_services_on_one_database_do_every_post_once(shell: Shell, tmp_path: Path) -> None:
    """They share the work, and each ends at its signal with what it began."""
    file = tmp_path / "many.json"
    rows = [{"to": "bluesky/brand", "at": "in 1 seconds", "text": f"Shared work {number}"} for number in range(20)]
    file.write_text(json.dumps(rows))
    shell.run("posts", "import", str(file))
    environment = {
        **os.environ,
        "AUTOMATOR_HOME": str(shell.home),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    command = [sys.executable, "-m", "automator", "serve"]
    serving = [
        subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in serving:
        assert process.stdout is not None
        assert "stop with Ctrl-C" in process.stdout.readline()
    deadline = time.monotonic() + 40

    def seen() -> list[str]:
        return [post["text"] for post in shell.world()["bluesky"] if post["text"].startswith("Shared work")]

    while len(seen()) < 20 and time.monotonic() < deadline:
        time.sleep(0.1)
    for process, how in zip(serving, (signal.SIGINT, signal.SIGTERM), strict=True):
        process.send_signal(how)
        said, _ = process.communicate(timeout=40)
        assert (process.returncode, "nothing is lost" in said) == (0, True)
    assert sorted(seen()) == sorted(f"Shared work {number}" for number in range(20))
    assert "none altered" in shell.run("calls", "verify")


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="the system does not tell a process's limits")
def test_a_crash_of_the_service_leaves_no_keys_on_the_disk(shell: Shell) -> None:
    """A dump of its memory would hold them in the open."""
    environment = os.environ | {"AUTOMATOR_HOME": str(shell.home)}
    command = [sys.executable, "-m", "automator", "serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "stop with Ctrl-C" in process.stdout.readline()
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        process.terminate()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def test_a_halt_stops_posts_until_a_person_resumes(shell: Shell) -> None:
    """Nothing goes out while everything is halted, over processes; the post waits, is told of, and goes out after it."""
    shell.run("halt", "--reason", "sale is over")
    shell.run("post", "While halted", "--to", "bluesky/brand")
    shell.run("run-due")
    assert "While halted" not in json.dumps(shell.world())
    assert "sale is over" in shell.run("notices", "--clear")
    shell.run("resume")
    shell.run("run-due")
    assert json.dumps(shell.world()).count("While halted") == 1


def test_what_stays_halted_is_told(shell: Shell) -> None:
    """Lifting one halt says that another stands, and the doctor says it too."""
    shell.run("halt", "--reason", "sale")
    shell.run("halt", "x/brand", "--reason", "its own")
    assert "but x/brand is halted (its own)" in shell.run("resume")
    assert "x/brand is halted (its own)" in shell.run("doctor", code=None)
    assert "but" not in shell.run("resume", "x/brand")


def test_limits_of_one_s_own_stop_posts(shell: Shell) -> None:
    """A monthly credit of nothing parks the next post."""
    assert "there are" in shell.run("limits", "set", "x/brand", "nonsense", "1", code=2)
    shell.run("limits", "set", "x/brand", "credit", "0")
    delivery = shell.output("post", "Too dear", "--to", "x/brand").split()[-1]
    shell.run("run-due")
    assert "Too dear" not in json.dumps(shell.world())
    (post,) = [item for item in json.loads(shell.run("posts", "list", "--json")) if item["id"].startswith(delivery)]
    assert post["state"] == "waiting"
    shell.run("posts", "cancel", delivery)
    shell.run("limits", "set", "x/brand", "credit", "100000")


def test_limits_of_one_account(shell: Shell) -> None:
    """Its own, and those that its provider counts for the whole app."""
    found = json.loads(shell.run("limits", "x/brand", "--json"))
    assert {row["subject"] for row in found} == {"x", "x/brand"}


def test_doctor_says_that_all_is_well(shell: Shell) -> None:
    """Vault, ticks, lateness, ledger and notices in a few lines, and for programs."""
    assert "encrypted file" in shell.run("doctor")
    said = json.loads(shell.run("doctor", "--json"))
    assert said["ok"]
    assert said["vault_elsewhere"] == {"cron": None, "the service": None}


def test_a_service_that_can_not_open_the_vault_is_a_problem(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends nothing, whatever a shell's own environment can open; without a service it is only said."""
    key = shell.home / "vault.key"
    named = key.rename(shell.home.parent / "named.key")
    monkeypatch.setenv("AUTOMATOR_KEY_FILE", str(named))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(shell.home.parent))
    monkeypatch.setenv("HOME", str(shell.home.parent))
    assert "the service can't use it: the key that opens" in shell.run("doctor")
    made = unit.unit(shell.home)
    made.path.parent.mkdir(parents=True)
    made.path.write_bytes(made.content)
    assert "problem: the service can't open the vault, and sends nothing: the key that opens" in shell.run(
        "doctor", code=1
    )
    made.path.write_bytes(unit.unit(shell.home / "another").content)
    shell.run("doctor")
    named.rename(key)


def test_nothing_is_served_from_a_damaged_database(shell: Shell) -> None:
    """Though all that the service needs at first may still be readable: what it has done may not be."""
    database = shell.home / "automator.db"
    whole = database.read_bytes()
    with closing(connect(database)) as reader:
        (page,) = reader.execute("SELECT rootpage FROM sqlite_master WHERE name = 'notice'").fetchone()
        (size,) = reader.execute("PRAGMA page_size").fetchone()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    assert "it is damaged; put a backup of it back" in shell.run("serve", code=1)
    database.write_bytes(whole)


def test_doctor_without_an_installation_speaks_json_too(tmp_path: Path) -> None:
    """Programs get JSON, whatever there is."""
    assert json.loads(Shell(tmp_path).run("doctor", "--json").partition("no installation")[0])["ok"]


def test_what_is_told_while_a_person_reads_is_not_marked_as_read(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was shown is."""
    shell.run("notices", "--clear")
    database, shown = shell.home / "automator.db", notices.unread

    def overtaken(reader: sqlite3.Connection) -> list[dict[str, object]]:
        found = shown(reader)
        with closing(connect(database)) as tx:
            notices.tell(tx, notices.Notice("missed", f"post {len(found)}", f"after {len(found)}"), 1)
        return found

    monkeypatch.setattr(notices, "unread", overtaken)
    shell.run("notices", "--clear")
    assert "after 0" in shell.run("notices", "--clear")
    monkeypatch.undo()
    said = shell.run("notices", "--clear")
    assert "after 1" in said
    assert "after 0" not in said
