"""``automator accounts``: keys come in, are tried, and are asked for only where they may go."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from automator.cli.common import Failure, tidied
from automator.clock import SystemClock
from tests.cli.conftest import Shell
from tests.sandboxed import ROOT, read

OPEN = """
import sys, urllib.request
urllib.request.urlopen(sys.argv[1])
"""


def x_of(shell: Shell) -> str:
    return str(read(shell.state, "accounts")["x/brand"]["base_url"])


def test_an_account_is_connected_in_the_browser(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page opens, sends the browser back to us, and the tokens that come are in the vault and nowhere else."""
    script = tmp_path / "open.py"
    script.write_text(OPEN)
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} %s &")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    add = ("accounts", "add", "x/browser", "--base-url", x_of(shell), "--sign-in", "--client-id", "app", "--port", port)
    assert "connected as @brand" in shell.run(*add, apart=True)  # a browser outlives it
    shell.run("post", "Posted with a token", "--to", "x/browser")
    shell.run("run-due")
    assert "Posted with a token" in [post["text"] for post in shell.world()["x"]]
    said = shell.run("accounts", "rotate", "bluesky/brand", "--sign-in", "--client-id", "app", code=2)
    assert "no sign-in in the browser" in said
    shell.run("accounts", "remove", "x/browser")


@pytest.mark.parametrize(
    ("spoil", "code", "words"), [("", 0, "connected as @brand"), ("0", 1, "no answer to this sign-in")]
)
def test_a_sign_in_can_be_pasted(shell: Shell, spoil: str, code: int, words: str) -> None:
    """On a machine without a browser; an answer to another sign-in is not taken."""
    arguments = ("add", "x/pasted", "--base-url", x_of(shell), "--paste", "--client-id", "app")
    environment = {**os.environ, "AUTOMATOR_HOME": str(shell.home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "automator", "accounts", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=ROOT,
    ) as adding:
        assert adding.stdin is not None
        assert adding.stdout is not None
        adding.stdout.readline()
        answer = httpx.get(adding.stdout.readline().strip())
        said, _ = adding.communicate(answer.headers["location"].replace("state=", f"state={spoil}") + "\n", timeout=30)
    assert (adding.returncode, words in said) == (code, True), said
    if code == 0:
        shell.run("accounts", "remove", "x/pasted")


def test_new_keys_must_work_before_the_old_ones_go(shell: Shell) -> None:
    """A mistyped key costs nothing."""
    wrong = json.dumps({"identifier": "brand.test", "password": "mistyped"})
    assert "the old ones stay" in shell.run(
        "accounts", "rotate", "bluesky/brand", "--secret-stdin", given=wrong, code=1
    )
    shell.run("accounts", "test", "bluesky/brand")
    right = json.dumps(read(shell.state, "accounts")["bluesky/brand"]["secrets"])
    assert "new keys" in shell.run("accounts", "rotate", "bluesky/brand", "--secret-stdin", given=right)


def test_new_keys_wait_for_a_process_that_has_the_old_ones(shell: Shell) -> None:
    """One that was stopped while it renewed them: a person hears which, and that the new ones are good."""
    given = json.dumps(read(shell.state, "accounts")["bluesky/brand"]["secrets"])
    rotate = ("accounts", "rotate", "bluesky/brand", "--secret-stdin")
    has = f"process {os.getpid()} has been renewing the key of bluesky/brand for "
    with (shell.home / "owners" / "renew-bluesky-brand").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        since = SystemClock().boottime() - 600
        lock.write(json.dumps({"account": "bluesky/brand", "pid": os.getpid(), "since": since}))
        lock.flush()
        said = shell.run(*rotate, given=given, code=1)
        assert f"the new keys of bluesky/brand work, but are not in force yet: {has}10 minutes" in said
        assert f"problem: {has}10 minutes" in shell.run("doctor", code=1)
        assert has in shell.run("notices")
    assert "new keys" in shell.run(*rotate, given=given)
    assert has not in shell.run("notices")


def test_an_account_does_only_what_it_may(shell: Shell) -> None:
    """One that may only read is not even planned for; every change is on the record."""
    assert "may read;" in shell.run("accounts", "change", "bluesky/brand", "--scope", "read")
    said = shell.run("post", "Not allowed", "--to", "bluesky/brand", code=2)
    assert "bluesky/brand may not write" in said
    shell.run("accounts", "test", "bluesky/brand")
    shell.run("accounts", "change", "bluesky/brand", *(f"--scope={name}" for name in ("read", "write", "delete")))
    (found,) = [who for who in json.loads(shell.run("accounts", "list", "--json")) if who["name"] == "bluesky/brand"]
    assert (found["scopes"], found["send_again"]) == (["delete", "read", "write"], False)
    assert "read" in shell.run("accounts", "change", "bluesky/brand", "--scope", "write", code=2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"identifier": "\\ud800', "no JSON object"),
        ('{"handle": "canary-h"}', "unknown field handle"),
        ('{"identifier": "brand.test"}', "needs password"),
        ('{"identifier": "brand.test", "password": {"is": "canary-p"}}', "password must be text"),
        ('{"identifier": "brand.test", "password": "\\n "}', "needs password"),
        *(
            (f'{{"identifier": "brand.test", "password": "canary{odd}p"}}', "the field password holds a line break or")
            for odd in ("\\n", "\\u200b", "\\ud83d", "\\u0000")
        ),
    ],
)
def test_keys_that_are_not_as_asked_are_told(shell: Shell, given: str, words: str) -> None:
    """Which field, and never what was in it."""
    said = shell.run("accounts", "add", "bluesky/other", "--secret-stdin", given=given, code=2)
    assert words in said
    assert "canary" not in said


def test_blanks_that_copying_adds_are_no_part_of_a_key(shell: Shell) -> None:
    """A file's last line break is taken along by most who write the JSON; the provider was blamed for it."""
    given = read(shell.state, "accounts")["facebook/brand"]
    copied = json.dumps({name: f" {value}\n" for name, value in given["secrets"].items()})
    shell.run("accounts", "add", "facebook/copied", "--base-url", given["base_url"], "--secret-stdin", given=copied)
    shell.run("accounts", "remove", "facebook/copied")


def test_a_private_key_keeps_its_lines() -> None:
    """Coinbase gives such a one; all else that can't be seen is refused there too."""
    key = "-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----"
    assert tidied({"secret": f"{key}\n", "api_key": ""}) == {"secret": key}
    with pytest.raises(Failure):
        tidied({"secret": key.replace("MHc", "MHc\u200b")})


def test_a_wrong_password_is_called_one(shell: Shell) -> None:
    """An account that was never connected is not told to sign in again."""
    url = str(read(shell.state, "accounts")["bluesky/brand"]["base_url"])
    wrong = json.dumps({"identifier": "brand.test", "password": "mistyped"})
    add = ("accounts", "add", "bluesky/other", "--base-url", url, "--secret-stdin")
    assert "bluesky does not take these keys" in shell.run(*add, given=wrong, code=1)
    said = shell.run("accounts", "rotate", "bluesky/brand", "--secret-stdin", given=wrong, code=1)
    assert "the old ones stay: bluesky does not take them" in said


def test_a_question_that_nobody_answers_ends_in_a_sentence(shell: Shell) -> None:
    """Under cron, say, there is nobody to ask."""
    assert "without an answer" in shell.run("accounts", "add", "bluesky/other", code=1)


def test_keys_are_not_asked_for_where_they_would_be_shown(shell: Shell) -> None:
    """Without a terminal, what is typed can't be hidden: one sentence names the other way in, and none of it is taken."""
    command = [sys.executable, "-m", "automator", "accounts", "add", "bluesky/seen"]
    environment = {**os.environ, "AUTOMATOR_HOME": str(shell.home)}
    done = subprocess.run(
        command,
        input="brand.test\ncanary-p\n",
        env=environment,
        cwd=ROOT,
        start_new_session=True,  # nor is there one of the person who runs the tests
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "automator: no terminal is here that hides what is typed; give it with --secret-stdin\n"


def test_ctrl_c_ends_a_question_at_once(shell: Shell) -> None:
    """At a terminal, where the keys are not shown, pressed once."""
    master, slave = pty.openpty()
    environment = {**os.environ, "AUTOMATOR_HOME": str(shell.home)}
    command = [sys.executable, "-m", "automator", "accounts", "add", "x/typed", "--base-url", x_of(shell)]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=ROOT, start_new_session=True
    ) as adding:
        os.close(slave)
        said = os.read(master, 1000)
        assert b":" in said
        adding.send_signal(signal.SIGINT)
        try:
            adding.wait(timeout=10)
        finally:
            adding.kill()
        said += os.read(master, 1000)
    os.close(master)
    assert (adding.returncode, b"without an answer" in said) == (1, True), said


def test_plain_http_to_a_stranger_is_refused_before_keys_are_asked(shell: Shell) -> None:
    """Keys go only over https, unless the server is on this machine."""
    said = shell.run("accounts", "add", "bluesky/far", "--base-url", "http://example.com", given="canary-p\n", code=2)
    assert said == "automator: --base-url: it must begin with https:// and name a host (http only on this machine)\n"
    assert "bluesky/far" not in shell.run("accounts", "list")
