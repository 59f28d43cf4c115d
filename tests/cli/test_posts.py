"""``automator posts``: planned posts are changed, taken back, exported, and imported once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automator import failpoints
from automator.posting import campaigns
from tests.cli.conftest import Shell
from tests.sandboxed import ROOT


@pytest.fixture(scope="module", autouse=True)
def hosting(shell: Shell) -> None:
    """Some networks fetch pictures from there."""
    shell.lend()


def test_a_campaign_is_judged_then_planned_once(shell: Shell) -> None:
    """A dry run plans nothing, bad rows stop the import unless skipped, and a second import adds nothing."""
    file = str(ROOT / "examples" / "campaign.csv")
    assert "2 bad; nothing was planned" in shell.run("posts", "import", file, "--dry-run")
    assert "--skip-bad" in shell.run("posts", "import", file, code=1)
    assert "18 posts planned, 0 planned before" in shell.run("posts", "import", file, "--skip-bad")
    assert "0 posts planned, 18 planned before" in shell.run("posts", "import", file, "--skip-bad")


@pytest.mark.parametrize("options", [["--dry-run"], ["--skip-bad"]])
def test_an_import_speaks_json_to_programs(shell: Shell, options: list[str]) -> None:
    """Every row with its problems, alone on standard output, whether anything is planned or not."""
    found = json.loads(shell.output("posts", "import", str(ROOT / "examples" / "campaign.csv"), *options, "--json"))
    assert len(found) == 13
    assert sum(not row["ok"] for row in found) == 2
    assert all(row["ok"] or row["problems"] for row in found)


def test_a_campaign_that_costs_too_much_is_told_of(shell: Shell, tmp_path: Path) -> None:
    """Before it is planned, to people and programs, with what to do; then nothing is said."""
    month = (datetime.now(UTC).replace(day=1) + timedelta(days=500)).replace(day=1)
    file = tmp_path / "dear.csv"
    rows = "".join(f"x/brand,{month:%Y-%m}-{day:02} 09:00 UTC,https://example.com/{day}\n" for day in range(1, 11))
    file.write_text(f"to,at,text\n{rows}")
    shell.run("limits", "set", "x/brand", "credit", "1500")
    allow = "automator limits set x/brand credit 2120"
    comes = f"{month:%B %Y} (UTC) comes to $2.12 ($0.12 for tests of the key)"
    over = f"{comes}, more than the credit of $1.50, which is used up on {month:%Y-%m}-07"
    said = shell.run("posts", "import", str(file), "--dry-run")
    assert f"row 8: warning: cost: x/brand: {over}; `{allow}` allows it" in said
    assert "10 rows, 0 bad" in said
    told = json.loads(shell.output("posts", "import", str(file), "--dry-run", "--json"))
    assert [row["row"] for row in told for problem in row["problems"] if problem["field"] == "cost"] == [8]
    assert over in shell.run("posts", "import", str(file))
    one = ("post", "https://example.com", "--to", "x/brand", "--at", f"{month:%Y-%m}-20 09:00 UTC", "--dry-run")
    assert "warning: cost: x/brand: " in shell.run(*one)
    assert "comes to $2.37 ($2.00 of it spent or planned before, $0.17 for tests of the key)" in shell.output(
        *one, "--json"
    )
    shell.run(*allow.split()[1:])
    assert "cost" not in shell.run("posts", "import", str(file), "--dry-run")
    shell.run("limits", "set", "x/brand", "credit", "1000000")


def test_an_import_that_is_stopped_says_that_rows_are_missing(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes them up again: the file has to be imported once more, and then plans what is missing."""
    file = tmp_path / "long.csv"
    at = datetime.now(UTC) + timedelta(days=300)
    rows = (f"bluesky/brand,{at + timedelta(hours=row):%Y-%m-%d %H:%M} UTC,Row {row} of many" for row in range(5))
    file.write_text("to,at,text\n" + "\n".join(rows) + "\n")

    def stop(point: str) -> None:
        if point == "after-import-row":
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
    try:
        with monkeypatch.context() as patch:
            patch.setattr(campaigns, "TOGETHER", 2)
            patch.setattr(failpoints, "reach", stop)
            assert "import the file again" in shell.run("posts", "import", str(file), code=130)
    finally:
        signal.signal(signal.SIGINT, before)
    added, known = re.findall(r"(\d) posts? planned, (\d) planned before", shell.run("posts", "import", str(file)))[0]
    assert (int(added) >= 3, int(added) + int(known)) == (True, 5)


def test_a_campaign_of_relative_times_is_planned_once(shell: Shell, tmp_path: Path) -> None:
    """Its times are others each time that it is read; its posts are the same."""
    file = tmp_path / "soon.csv"
    file.write_text("to,at,text\nx/brand,now,Now and only now\nbluesky/brand,in 2 weeks,In two weeks\n")
    assert "2 posts planned, 0 planned before" in shell.run("posts", "import", str(file))
    for _ in range(2):
        assert "0 posts planned, 2 planned before" in shell.run("posts", "import", str(file))
        shell.run("run-due")
    assert json.dumps(shell.world()).count("Now and only now") == 1


def test_another_zone_in_the_settings_plans_no_post_twice(shell: Shell, tmp_path: Path) -> None:
    """Rows whose times name no zone are known by what they meant when they were planned; a person is told of it."""
    file, config = tmp_path / "zones.csv", shell.home / "config.toml"
    day = f"{datetime.now(UTC) + timedelta(days=20):%Y-%m-%d}"
    times = (f"{day} 09:00", f"{day} 09:00 America/New_York", "tomorrow 09:00", "in 3 hours")
    rows = [f"x/brand,{at},Of no or of another zone {number}\n" for number, at in enumerate(times)]
    rows += [f"bluesky/brand,{day} 10:00,Twice the same\n"] * 2
    file.write_text("to,at,text\n" + "".join(rows))
    assert "6 posts planned, 0 planned before" in shell.run("posts", "import", str(file))
    before = config.read_text()
    for zone in ("Europe/Berlin", "America/New_York"):
        config.write_text(before.replace("[posting]\n", f'[posting]\nzone = "{zone}"\n'))
        said = shell.run("posts", "import", str(file))
        assert "0 posts planned, 6 planned before" in said
        assert f"for {day} 09:00 UTC, the time zone of then, which stays" in said
        assert said.count("the time zone of then") == 4
        file.write_text(file.read_text() + f"x/brand,{day} 19:00,Added in {zone}\n")
        assert "1 post planned, 6 planned before" in shell.run("posts", "import", str(file), "--skip-bad")
        file.write_text("to,at,text\n" + "".join(rows))
    config.write_text(before)


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
    assert "has this row already" in said


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


def test_a_thread_that_is_half_out_says_what_can_be_done_with_it(shell: Shell) -> None:
    """Its first part went out, and X takes no more for now: it can't be changed any more, and the rest can be left."""
    limits = json.loads(shell.output("limits", "x/brand", "--json"))
    (used,) = [limit["used"] for limit in limits if limit["name"] == "posts-15min"]
    shell.run("limits", "set", "x/brand", "posts-15min", str(round(used) + 1))
    thread = shell.run("post", r"A thread begins\n---\nAnd goes on", "--thread", "--to", "x/brand", "--at", "now")
    delivery = thread[thread.index(" UTC: ") :].split()[1]
    shell.run("run-due")
    said = shell.run("posts", "edit", delivery, "--text", r"A thread begins\n---\nAnd ends", code=1)
    assert "waiting; only what has not begun to go out can be changed, and 1 of its 2 parts went out; " in said
    assert f"`automator posts cancel {delivery}` gives the rest up" in said
    assert "1 of its 2 parts went out before, and stays there" in shell.run("posts", "cancel", delivery)
    assert f"posts retry {delivery}` goes on" in shell.run("posts", "edit", delivery, "--at", "in 2 hours", code=1)
    shell.run("limits", "set", "x/brand", "posts-15min", "100")


def test_a_list_that_nobody_reads_on_ends_without_a_word(shell: Shell) -> None:
    """As after ``| head``: it is no failure of the command, and says nothing on standard error."""
    shell.run("posts", "import", str(ROOT / "examples" / "campaign.csv"), "--skip-bad")
    command = [sys.executable, "-m", "automator", "posts", "list", "--home", str(shell.home)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout is not None
        listing.stdout.close()
        assert listing.stderr is not None
        assert listing.stderr.read() == b""
        assert listing.wait(30) == 141


def planned(shell: Shell, text: str, to: str, at: str = "now") -> str:
    """How the post is called."""
    return str(re.findall(r"planned for .*: (\w{8})", shell.run("post", text, "--to", to, "--at", at))[0])


def test_what_did_not_go_out_can_be_put_right(shell: Shell) -> None:
    """A refused text is written anew and tried again; what was cancelled gets another time."""
    for _ in range(2):
        said = planned(shell, "Same words", "x/brand")
        shell.run("run-due", "--wait", "5", code=None)
    assert "duplicate" in shell.run("posts", "show", said)
    assert f"`automator posts retry {said}` publishes it now" in shell.run(
        "posts", "edit", said, "--text", "Other words"
    )
    shell.run("posts", "retry", said)
    shell.run("run-due", "--wait", "5", code=None)
    assert json.dumps(shell.world()).count("Other words") == 1
    later = planned(shell, "Later", "bluesky/brand", "in 2 hours")
    shell.run("posts", "cancel", later)
    assert "scheduled" in shell.run("posts", "edit", later, "--at", "in 3 hours")
    shell.run("posts", "edit", said, "--at", "in 3 hours", code=1)


def test_what_a_removed_account_published_can_still_be_looked_at(shell: Shell) -> None:
    """With its address; nothing more can be done with it, so this stands last."""
    delivery = planned(shell, "Stays", "bluesky/brand")
    shell.run("run-due", "--wait", "5")
    later = planned(shell, "Never", "bluesky/brand", "in 2 hours")
    assert "--cancel-posts" in shell.run("accounts", "remove", "bluesky/brand", code=2)
    shell.run("accounts", "remove", "bluesky/brand", "--cancel-posts")
    assert "cancelled" in shell.run("posts", "show", later)
    said = shell.run("posts", "show", delivery)
    assert "Stays" in said
    assert "https://bsky.app/" in said


def test_what_is_said_of_many_rows_alike_is_said_of_a_few(shell: Shell, tmp_path: Path) -> None:
    """A campaign for one minute warns of each row; problems are told all, and a program gets every word."""
    file = tmp_path / "alike.json"
    rows = [{"to": "x/brand", "at": "tomorrow 09:00", "text": f"Alike {number}"} for number in range(40)]
    file.write_text(json.dumps(rows + [{"to": "x/brand", "at": "never", "text": "x"}] * 15))
    said = shell.run("posts", "import", str(file), "--dry-run")
    assert said.count("warning: at: ") == 10
    assert said.count("problem: at: ") == 15
    told = json.loads(shell.output("posts", "import", str(file), "--dry-run", "--json"))
    kinds = [problem["field"] for row in told for problem in row["problems"] if problem["warning"]]
    assert f"  {kinds.count('at') - 10} more: warning: at; --json lists them" in said
    assert kinds.count("at") >= 39
