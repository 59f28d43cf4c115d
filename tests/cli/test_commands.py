"""The command line from the first command to the audited post, against the sandbox over real sockets."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from automator.cli.app import PARTS, program
from tests.cli.conftest import Shell
from tests.sandboxed import ROOT, read


def test_a_post_goes_out_to_both_networks_and_is_on_the_record(shell: Shell) -> None:
    """Planned, published by one command, shown with its links, and every call in the ledger."""
    shell.run("post", "Hello from here", "--to", "x/brand", "--to", "bluesky/brand")
    shell.run("run-due")
    done = json.loads(shell.run("posts", "list", "--state", "done", "--json"))
    posts = [post for post in done if post["texts"] == ["Hello from here"]]
    assert [post["state"] for post in posts] == ["done", "done"]
    seen = [post["text"] for provider in shell.world().values() for post in provider]
    assert seen.count("Hello from here") == 2
    assert "https://" in shell.run("posts", "show", posts[0]["id"])
    assert "none altered" in shell.run("calls", "verify")
    operations = {call["operation"] for call in json.loads(shell.run("calls", "list", "--json"))}
    assert {"x.post.create", "bluesky.post.put"} <= operations
    assert "posts-15min" in shell.run("limits")


def test_no_key_is_anywhere_in_the_home_folder(shell: Shell) -> None:
    """Neither in the database, nor in the vault's file as plain text, nor in what commands print."""
    keys = [
        value
        for given in read(shell.state, "accounts").values()
        for name, value in given["secrets"].items()
        if name not in {"identifier", "app_id"}
    ]
    files = b"".join(path.read_bytes() for path in shell.home.rglob("*") if path.is_file())
    printed = shell.run("calls", "list", "--json") + shell.run("accounts", "list", "--json")
    assert [key for key in keys if key.encode() in files or key in printed] == []


def test_calls_are_exported_without_keys(shell: Shell, tmp_path: Path) -> None:
    """As lines, as a table and for a browser's developer tools, each with a manifest that fits its file."""
    shell.run("accounts", "test", "x/brand")
    keys = read(shell.state, "accounts")["x/brand"]["secrets"].values()
    for kind in ("jsonl", "csv", "har"):
        file = tmp_path / f"calls.{kind}"
        shell.run("calls", "export", "--to", str(file), "--format", kind, "--account", "x/brand")
        content = file.read_bytes()
        manifest = json.loads((tmp_path / f"calls.{kind}.manifest.json").read_text())
        assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
        assert manifest["calls"] >= 1
        assert [key for key in keys if key.encode() in content] == []
    (first, *_) = json.loads((tmp_path / "calls.har").read_text())["log"]["entries"]
    assert first["request"]["url"].endswith("/2/users/me")
    assert first["response"]["status"] == 200
    assert json.loads(first["response"]["content"]["text"])["data"]["username"] == "brand"
    assert "is no format" in shell.run("calls", "export", "--to", "x", "--format", "pdf", code=2)
    assert "can't be written" in shell.run("calls", "export", "--to", str(tmp_path / "no" / "x"), code=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("post", "Hi", "--to", "nobody/here"), "not connected"),
        (("post", "Hi", "--to", "x/brand", "--at", "soonish"), "is no time"),
        (("post", "x" * 100_000, "--to", "x/brand"), "more than X's 280"),
        (("post", "", "--to", "x/brand"), "nothing to post"),
        (("post", "Hi", "--to", "x/brand", "--image", "none.png"), "can't be read"),
        (("posts", "show", "zzz"), "no post begins"),
        (("posts", "import", "none.csv"), "can't be read"),
        (("posts", "resolve", "zzz"), "either --there"),
        (("accounts", "add", "mastodon/brand"), "there is no provider"),
        (("accounts", "add", "x"), "provider/name"),
        (("accounts", "add", "x/é"), "letters (a to z), digits"),
        (("accounts", "add", "x/a b"), "letters (a to z), digits"),
        (("accounts", "add", "x/.."), "letters (a to z), digits"),
        (("accounts", "add", "x/far", "--base-url", "http://example.org"), "must begin with https"),
        (("accounts", "add", "x/far", "--base-url", "https://example.org/api"), "a server and nothing on it"),
        (("accounts", "add", "x/far", "--scope", "notify"), "'read', 'write', 'delete', 'trade'"),
        (("accounts", "change", "x/brand", "--scope", "write"), "add --scope read"),
        (("accounts", "add", "x/brand"), "connected already"),
        (("accounts", "test", "x/other"), "not connected"),
        (("halt", "x/other"), "not connected"),
        (("limits", "x/other"), "not connected"),
        (("calls", "list", "--since", "soon"), "'soon' is no time"),
        (("sandbox", "--state", "none", "--faults", "none.json"), "can't be read"),
        (("sandbox", "--state", "none", "--candles", "BTC/USDT"), "BTC/USDT names no file"),
        (("sandbox", "--state", "none", "--candles", "btc=none.csv"), "'btc' is no symbol; write it like BTC/USDT"),
        (("sandbox", "--state", "none", "--candles", "BTC/USDT=none.csv"), "none.csv can't be read"),
        (("init", "--vault", "paper"), "is no vault"),
        (("run-due", "--wait", "-5"), "--wait"),
        (("sandbox", "--state", "none", "--port", "70000"), "--port"),
        (("sandbox", "--state", "none", "--lists-lag", "-1"), "--lists-lag"),
    ],
)
def test_wrong_usage_gets_one_sentence(shell: Shell, arguments: tuple[str, ...], words: str) -> None:
    """What is wrong and what to do, exit code 2, no traceback."""
    assert words in shell.run(*arguments, code=2)


def test_every_command_is_in_the_readme() -> None:
    """A command that nobody is told of does not exist."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names: list[str] = []
    for name, command in program().commands.items():
        below = getattr(command, "commands", None)
        names += [f"{name} {sub}" for sub in below] if below else [name]
    assert [name for name in names if f"automator {name}" not in readme] == []


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    """It is printed without loading them, so it could say anything."""
    said = {name: summary for commands in PARTS.values() for name, (_, summary) in commands.items()}
    assert said == {name: command.get_short_help_str(60) for name, command in program().commands.items()}


def test_it_says_its_version(shell: Shell) -> None:
    """What a person is asked for who reports a mistake."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert shell.run("--version").strip() == f"automator {known}"


def test_no_summary_is_cut_off() -> None:
    """A list of commands that ends in dots makes a person look up each."""
    groups = [command for command in program().commands.values() if hasattr(command, "commands")]
    summaries = [command.get_short_help_str(60) for group in groups for command in group.commands.values()]
    assert len(summaries) > 30
    assert [summary for summary in summaries if summary.endswith("...")] == []


def test_a_terminal_without_emoji_shows_all_else(shell: Shell) -> None:
    """One post must not end the list of all; what programs read stays JSON that says the same."""
    shell.run("post", "Grüße 😀 there", "--to", "x/brand", "--at", "in 5 days")
    environment = os.environ | {"AUTOMATOR_HOME": str(shell.home), "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "automator", "posts", "list"]
    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True).stdout.decode("latin-1")
    assert r"Grüße \U0001f600 there" in shown
    listed = subprocess.run([*command, "--json"], cwd=ROOT, env=environment, capture_output=True, check=True).stdout
    assert "Grüße 😀 there" in [post["texts"][0] for post in json.loads(listed.decode("latin-1"))]
