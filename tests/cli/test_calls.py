"""``automator calls``, as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from automator.cli.app import program
from automator.db import connect
from automator.ledger import chain
from automator.ledger.pack import Kind, pack
from automator.schema import create
from tests.conftest import ROOT

runner = CliRunner()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A folder with three calls: one ok, one unknown, one still open; and an event."""
    monkeypatch.setattr(chain, "BESIDE", getattr(request, "param", chain.BESIDE))
    create(tmp_path / "automator.db")
    connection = connect(tmp_path / "automator.db")
    who = {"account": "x/brand", "operation": "x.post.create"}
    body = chain.pack_body(b'{"text": "hello"}')
    for outcome in ("ok", "unknown", None):
        number = chain.append(connection, "call", 1_000_000, {"method": "POST", "body": body.says}, body=body, **who)
        if outcome:
            chain.append(connection, "answer", 2_000_000, {"status": 201}, call=number, outcome=outcome, **who)
    chain.append(connection, "event", 3_000_000, {"what": "halt"})
    connection.close()
    return tmp_path


def listed(home: Path, *options: str) -> list[int]:
    result = runner.invoke(program(), ["calls", "list", "--home", str(home), "--json", *options])
    assert result.exit_code == 0, result.output
    return [call["number"] for call in json.loads(result.output)]


def test_newest_first_and_filtered(home: Path) -> None:
    """Every call once, events left out; each outcome finds its own."""
    assert listed(home) == [5, 3, 1]
    assert listed(home, "--outcome", "unknown") == [3]
    assert listed(home, "--outcome", "open") == [5]
    assert listed(home, "--account", "x/brand", "--outcome", "ok") == [1]
    assert listed(home, "--account", "x/other") == []
    assert listed(home, "--limit", "2") == [5, 3]


@pytest.mark.parametrize(
    ("since", "words"),
    [
        ("2026-03-29 02:30 Europe/Berlin", "the clocks go forward over it; the next is 03:30"),
        ("2026-10-25 02:30 Europe/Berlin", "write 2026-10-25T02:30+02:00 or"),
        ("2026-10-25 02:30 Europe/Berln", "is no time zone"),
        ("lately", "'lately' is no time; write 2026-12-01,"),
    ],
)
def test_a_time_that_can_not_be_meant_is_told_with_what_is_wrong(home: Path, since: str, words: str) -> None:
    """A night on which the clocks change is no slip of the fingers; nor is a zone's name a time."""
    done = runner.invoke(program(), ["calls", "list", "--home", str(home), "--since", since])
    assert (done.exit_code, words in done.output) == (2, True), done.output


def test_a_call_is_shown_with_its_body(home: Path) -> None:
    """What left and what came back, in one place."""
    result = runner.invoke(program(), ["calls", "show", "1", "--home", str(home), "--json"])
    shown = json.loads(result.output)
    assert shown["request"]["body"]["text"] == '{"text": "hello"}'
    assert shown["answer"]["status"] == 201
    assert shown["at"] == "1970-01-01T00:00:01+00:00"


def test_verify_names_the_fault_and_fails(home: Path) -> None:
    """Exit code 0 for a whole chain, 1 and the place for a broken one."""
    good = runner.invoke(program(), ["calls", "verify", "--home", str(home)])
    assert (good.exit_code, good.output) == (0, "6 entries, none altered or missing\n")
    connection = connect(home / "automator.db")
    connection.execute("UPDATE entry SET data = '{}' WHERE seq = 3")
    connection.close()
    bad = runner.invoke(program(), ["calls", "verify", "--home", str(home)])
    assert bad.exit_code == 1
    assert "entry 3 was altered" in bad.output


def test_events_say_what_was_changed_and_by_whom(home: Path) -> None:
    """Newest first, of one account or of all; what was done on the record is found without an export."""
    connection = connect(home / "automator.db")
    said = {"what": "scopes", "scopes": ["read"], "actor": "user"}
    chain.append(connection, "event", 4_000_000, said, account="x/brand")
    connection.close()

    def run(*options: str) -> str:
        done = runner.invoke(program(), ["calls", "events", "--home", str(home), *options])
        assert done.exit_code == 0, done.output
        return done.output

    assert [event["what"] for event in json.loads(run("--json"))] == ["scopes", "halt"]
    assert [event["number"] for event in json.loads(run("--json", "--account", "x/brand"))] == [7]
    assert 'x/brand  scopes: actor user, scopes ["read"]' in run()
    assert run("--since", "2026-01-01") == "no events\n"


@pytest.mark.parametrize(("reader", "code"), [("cat", 0), ("true", 141)])
def test_an_export_goes_down_a_pipe(home: Path, reader: str, code: int) -> None:
    """Into another program, which may have read enough; it ends, and lays no manifest beside a device."""
    export = f"{sys.executable} -m automator calls export --to /dev/stdout --home {home}"
    script = f"set -o pipefail; {export} | {reader}"
    done = subprocess.run(
        ["/bin/bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, len(done.stdout.splitlines())) == (code, 6 if reader == "cat" else 0), done.stderr
    assert ("3 calls in /dev/stdout" in done.stderr) == (reader == "cat")
    assert "Traceback" not in done.stderr
    assert not Path("/dev/stdout.manifest.json").exists()


def test_an_export_is_not_written_over_the_ledger(home: Path) -> None:
    """A slip of the fingers would cost the record, and with it what keeps a post from going out twice."""
    ledger = str(home / "automator.db")
    done = runner.invoke(program(), ["calls", "export", "--home", str(home), "--to", ledger])
    assert (done.exit_code, "lives by that file; name another" in done.output) == (1, True)
    assert listed(home) == [5, 3, 1]


@pytest.mark.parametrize("home", [chain.BESIDE, 0], indirect=True, ids=["beside", "apart"])
@pytest.mark.parametrize("stored", [pack(b'{"text": "hullo"}', Kind.BODY), b"", b"\x01\x00"])
def test_a_body_that_was_altered_is_named(home: Path, stored: bytes) -> None:
    """By the first entry that says what it was; one that was pruned is not missed."""
    connection = connect(home / "automator.db")
    connection.execute("UPDATE body SET packed = ?", (stored,))
    connection.execute("UPDATE entry SET body = ? WHERE body IS NOT NULL", (stored,))
    bad = runner.invoke(program(), ["calls", "verify", "--home", str(home)])
    connection.execute("DELETE FROM body")
    connection.execute("UPDATE entry SET body = NULL")
    connection.close()
    assert (bad.exit_code, "the body of entry 1 was altered" in bad.output) == (1, True)
    assert runner.invoke(program(), ["calls", "verify", "--home", str(home)]).exit_code == 0


@pytest.mark.parametrize(
    ("stored", "said"),
    [(b"\x63\x00", "needs dictionary 99"), (b"\x01\x00", "no packed value"), (b"", "no packed value")],
)
def test_an_entry_that_can_t_be_unpacked_is_a_sentence(home: Path, stored: bytes, said: str) -> None:
    """What is wrong, and the command that names the place."""
    connection = connect(home / "automator.db")
    connection.execute("UPDATE entry SET data = ? WHERE seq = 3", (stored,))
    connection.close()
    for arguments in (["list"], ["show", "3"]):
        result = runner.invoke(program(), ["calls", *arguments, "--home", str(home)])
        assert result.exit_code == 1
        assert said in " ".join(result.output.split())
        assert "calls verify" in " ".join(result.output.split())
    verified = runner.invoke(program(), ["calls", "verify", "--home", str(home)])
    assert (verified.exit_code, "entry 3 was altered" in verified.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["calls", "list", "--outcome", "fine"], 2, "no outcome"),
        (["calls", "show", "99"], 1, "no call 99"),
        (["calls", "list", "--limit", "0"], 2, "limit"),
        (["calls", "lst"], 2, "lst"),
    ],
)
def test_wrong_input_gets_a_sentence(home: Path, arguments: list[str], code: int, said: str) -> None:
    """What is wrong is said, with 2 for usage and 1 for failure."""
    env = {**os.environ, "AUTOMATOR_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "automator", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A damaged database is a sentence, not a traceback."""
    (tmp_path / "automator.db").write_bytes(b"not a database at all" * 100)
    result = runner.invoke(program(), ["calls", "list", "--home", str(tmp_path)])
    assert result.exit_code == 1
    assert "can't be read" in result.output


def test_no_database(tmp_path: Path) -> None:
    """The folder that was looked in is named."""
    result = runner.invoke(program(), ["calls", "verify", "--home", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert "nowhere" in result.output


@pytest.mark.parametrize("command", [["calls", "list"], ["posts", "list"], ["halt"], ["doctor"], ["run-due"]])
def test_a_database_whose_tables_were_overwritten_is_damaged(tmp_path: Path, command: list[str]) -> None:
    """What SQLite says of it holds the bytes that stand there, which are no text."""
    runner.invoke(program(), ["init", "--vault", "file", "--home", str(tmp_path)])
    path = tmp_path / "automator.db"
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE notice", b"CREATE \xff\xfe\xfdLE notice"))
    result = runner.invoke(program(), [*command, "--home", str(tmp_path)])
    assert result.exit_code == 1
    assert "it is damaged; put a backup of it back" in " ".join(result.output.split())
