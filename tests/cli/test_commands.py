"""The command line from the first command to the audited post, against the sandbox over real sockets."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.main import get_command

from automator.cli.app import app
from tests.cli.conftest import Shell
from tests.sandboxed import ROOT, read


def test_a_post_goes_out_to_both_networks_and_is_on_the_record(shell: Shell) -> None:
    """Planned, published by one command, shown with its links, and every call in the ledger."""
    shell.run("post", "Hello from here", "--to", "x/brand", "--to", "bluesky/brand")
    shell.run("run-due")
    posts = [post for post in json.loads(shell.run("posts", "list", "--json")) if post["texts"] == ["Hello from here"]]
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


def test_a_campaign_is_judged_then_planned_once(shell: Shell) -> None:
    """A dry run plans nothing, bad rows stop the import unless skipped, and a second import adds nothing."""
    file = str(ROOT / "examples" / "campaign.csv")
    assert "2 bad; nothing was planned" in shell.run("posts", "import", file, "--dry-run")
    assert "--skip-bad" in shell.run("posts", "import", file, code=1)
    assert "18 posts planned, 0 planned before" in shell.run("posts", "import", file, "--skip-bad")
    assert "0 posts planned, 18 planned before" in shell.run("posts", "import", file, "--skip-bad")


def test_a_campaign_of_relative_times_is_planned_once(shell: Shell, tmp_path: Path) -> None:
    """Its times are others each time that it is read; its posts are the same."""
    file = tmp_path / "soon.csv"
    file.write_text("to,at,text\nx/brand,now,Now and only now\nbluesky/brand,in 2 weeks,In two weeks\n")
    assert "2 posts planned, 0 planned before" in shell.run("posts", "import", str(file))
    for _ in range(2):
        assert "0 posts planned, 2 planned before" in shell.run("posts", "import", str(file))
        shell.run("run-due")
    assert json.dumps(shell.world()).count("Now and only now") == 1


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


def test_a_planned_post_can_be_changed(shell: Shell) -> None:
    """The changed text goes out at the changed time, once; what has gone out can't be changed."""
    delivery = shell.run("post", "Frist version", "--to", "x/brand", "--at", "in 2 hours").split()[-1]
    shell.run("posts", "edit", delivery, code=2)
    assert "counts 281" in shell.run("posts", "edit", delivery, "--text", "x" * 281, code=2)
    assert "First version" in shell.run("posts", "edit", delivery, "--text", "First version", "--at", "now")
    shell.run("run-due")
    seen = [post["text"] for post in shell.world()["x"]]
    assert (seen.count("First version"), seen.count("Frist version")) == (1, 0)
    assert "does not let a published post be changed" in shell.run(
        "posts", "edit", delivery, "--text", "Too late", code=1
    )
    assert "has not begun" in shell.run("posts", "edit", delivery, "--at", "in 2 hours", code=1)


def test_a_provider_gets_its_own_text(shell: Shell) -> None:
    """The common text goes everywhere else."""
    shell.run("post", "For all", "--to", "x/brand", "--to", "bluesky/brand", "--text-for", "x=For X alone")
    shell.run("run-due")
    world = {provider: [post["text"] for post in found] for provider, found in shell.world().items()}
    assert ("For X alone" in world["x"], "For all" in world["x"], "For all" in world["bluesky"]) == (True, False, True)
    shell.run("post", "For all", "--to", "x/brand", "--text-for", "x", code=2)


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_what_is_exported_can_be_imported(shell: Shell, tmp_path: Path, ending: str) -> None:
    """The file is a campaign; the posts in it are told to be planned already at that time."""
    shell.run("post", "A first\\n---\\nand a second, part", "--to", "x/brand", "--at", "in 3 hours", "--thread")
    file = tmp_path / f"posts.{ending}"
    shell.run("posts", "export", "--to", str(file), "--planned")
    said = shell.run("posts", "import", str(file), "--dry-run")
    assert "0 bad" in said
    assert "has this text already" in said


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


def test_a_planned_post_can_be_taken_back_and_tried_again(shell: Shell) -> None:
    """What was cancelled does not go out, until a person wants it after all."""
    said = shell.run("post", "Changed my mind", "--to", "x/brand", "--at", "in 2 hours")
    delivery = said.split()[-1]
    shell.run("posts", "cancel", delivery)
    shell.run("run-due")
    shell.run("posts", "cancel", delivery, code=1)
    assert "Changed my mind" not in json.dumps(shell.world())
    shell.run("posts", "retry", delivery)
    shell.run("run-due")
    assert json.dumps(shell.world()).count("Changed my mind") == 1


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


def test_new_keys_must_work_before_the_old_ones_go(shell: Shell) -> None:
    """A mistyped key costs nothing."""
    wrong = json.dumps({"identifier": "brand.test", "password": "mistyped"})
    assert "the old ones stay" in shell.run(
        "accounts", "rotate", "bluesky/brand", "--secret-stdin", given=wrong, code=1
    )
    shell.run("accounts", "test", "bluesky/brand")
    right = json.dumps(read(shell.state, "accounts")["bluesky/brand"]["secrets"])
    assert "new keys" in shell.run("accounts", "rotate", "bluesky/brand", "--secret-stdin", given=right)


def test_limits_of_one_s_own_stop_posts(shell: Shell) -> None:
    """A monthly credit of nothing parks the next post."""
    assert "there are" in shell.run("limits", "set", "x/brand", "nonsense", "1", code=2)
    shell.run("limits", "set", "x/brand", "credit", "0")
    delivery = shell.run("post", "Too dear", "--to", "x/brand").split()[-1]
    shell.run("run-due")
    assert "Too dear" not in json.dumps(shell.world())
    (post,) = [item for item in json.loads(shell.run("posts", "list", "--json")) if item["id"].startswith(delivery)]
    assert post["state"] == "waiting"
    shell.run("posts", "cancel", delivery)
    shell.run("limits", "set", "x/brand", "credit", "100000")


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


def test_doctor_says_that_all_is_well(shell: Shell) -> None:
    """Vault, ticks, lateness, ledger and notices in a few lines, and for programs."""
    assert "encrypted file" in shell.run("doctor")
    said = json.loads(shell.run("doctor", "--json"))
    assert said["ok"]
    assert said["vault_elsewhere"] == {"cron": None, "the service": None}


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
    ],
)
def test_wrong_usage_gets_one_sentence(shell: Shell, arguments: tuple[str, ...], words: str) -> None:
    """What is wrong and what to do, exit code 2, no traceback."""
    assert words in shell.run(*arguments, code=2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"identifier": "\\ud800', "no JSON object"),
        ('{"handle": "canary-h"}', "unknown field handle"),
        ('{"identifier": "brand.test"}', "needs password"),
        ('{"identifier": "brand.test", "password": {"is": "canary-p"}}', "password must be text"),
    ],
)
def test_keys_that_are_not_as_asked_are_told(shell: Shell, given: str, words: str) -> None:
    """Which field, and never what was in it."""
    said = shell.run("accounts", "add", "bluesky/other", "--secret-stdin", given=given, code=2)
    assert words in said
    assert "canary" not in said


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


def test_limits_of_one_account(shell: Shell) -> None:
    """Its own, and those that its provider counts for the whole app."""
    found = json.loads(shell.run("limits", "x/brand", "--json"))
    assert {row["subject"] for row in found} == {"x", "x/brand"}


def test_what_stays_halted_is_told(shell: Shell) -> None:
    """Lifting one halt says that another stands, and the doctor says it too."""
    shell.run("halt", "--reason", "sale")
    shell.run("halt", "x/brand", "--reason", "its own")
    assert "but x/brand is halted (its own)" in shell.run("resume")
    assert "x/brand is halted (its own)" in shell.run("doctor", code=None)
    assert "but" not in shell.run("resume", "x/brand")


def test_doctor_without_an_installation_speaks_json_too(tmp_path: Path) -> None:
    """Programs get JSON, whatever there is."""
    assert json.loads(Shell(tmp_path).run("doctor", "--json").partition("no installation")[0])["ok"]


def test_plain_http_to_a_stranger_is_refused_before_keys_are_asked(shell: Shell) -> None:
    """Keys go only over https, unless the server is on this machine."""
    said = shell.run("accounts", "add", "bluesky/far", "--base-url", "http://example.com", given="canary-p\n", code=2)
    assert said == "automator: --base-url: it must begin with https:// and name a host (http only on this machine)\n"
    assert "bluesky/far" not in shell.run("accounts", "list")


def test_every_command_is_in_the_readme() -> None:
    """A command that nobody is told of does not exist."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    root = get_command(app)
    names: list[str] = []
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        names += [f"{name} {sub}" for sub in below] if below else [name]
    assert [name for name in names if f"automator {name}" not in readme] == []
