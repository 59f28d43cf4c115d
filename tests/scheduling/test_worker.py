"""A job starts when it is due, once, whoever works; late ones are missed aloud."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automator.intentions import Fenced
from automator.scheduling import due, lease
from automator.scheduling.due import BadSchedule, next_time
from automator.scheduling.lease import Verdict
from automator.scheduling.states import RunState
from automator.vault.store import VaultError
from tests.clocks import START, StillClock
from tests.scheduling.conftest import Bench, notices
from tests.stored import unpacked

MINUTE = timedelta(minutes=1)


async def test_nothing_runs_before_it_is_due(bench: Bench) -> None:
    """A job planned for later is not touched."""
    await bench.add("later", START + MINUTE)
    await bench.worker.run_due()
    assert bench.did == []
    bench.clock.at += MINUTE
    await bench.worker.run_due()
    assert [run.job for run in bench.did] == ["later"]
    assert bench.states() == ["done"]


async def test_run_due_until_does_what_becomes_due_meanwhile(bench: Bench) -> None:
    """Fast-forwarding works off a whole plan, each job at its own instant."""
    for minute in range(3):
        await bench.add(f"job-{minute}", START + minute * MINUTE)
    await bench.worker.run_due(START + 5 * MINUTE)
    assert [run.job for run in bench.did] == ["job-0", "job-1", "job-2"]
    assert bench.clock.at == START + 2 * MINUTE


async def test_adding_a_job_twice_adds_nothing(bench: Bench) -> None:
    """The same id is the same job."""
    assert await bench.add("one")
    assert not await bench.add("one")
    await bench.worker.run_due()
    assert len(bench.did) == 1


async def done_by_two(bench: Bench, other: Bench) -> list[str]:
    """What two workers do side by side of 200 jobs."""
    for number in range(200):
        await bench.add(f"job-{number}")
    await asyncio.gather(bench.worker.run_due(), other.worker.run_due())
    return [run.job for run in bench.did + other.did]


async def test_two_workers_never_do_a_run_twice(bench: Bench, other: Bench) -> None:
    """However many work side by side, each run is done by one of them."""
    done = await done_by_two(bench, other)
    assert sorted(done) == sorted({f"job-{number}" for number in range(200)})


async def test_without_the_lock_of_their_owner_runs_are_done_twice(
    bench: Bench, other: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock is for, and that the test above would see it missing."""
    monkeypatch.setattr(lease.Owner, "gone", lambda owner, another: owner.id != another)
    done = await done_by_two(bench, other)
    assert len(done) > len(set(done)) == 200


async def test_a_job_that_is_too_late_is_missed_with_a_notice(bench: Bench) -> None:
    """What could not start in time is not done late, and a person is told."""
    await bench.add("stale", late=MINUTE)
    bench.clock.at += 2 * MINUTE
    await bench.worker.run_due()
    assert bench.did == []
    assert bench.states() == ["missed"]
    assert notices(bench.reader) == ["missed"]


async def test_a_parked_run_is_taken_up_at_its_time_however_late(bench: Bench) -> None:
    """Parking is no lateness: what has started is brought to its end."""
    await bench.add("slow", late=MINUTE)
    bench.verdicts = [Verdict(RunState.WAITING, "limit", START + timedelta(hours=3))]
    await bench.worker.run_due()
    assert bench.states() == ["waiting"]
    bench.clock.at = START + timedelta(hours=3)
    await bench.worker.run_due()
    assert bench.states() == ["done"]
    assert [run.attempt for run in bench.did] == [1, 2]


async def test_what_was_parked_has_its_turn_in_a_rush(bench: Bench) -> None:
    """Ready for longest, it was taken up after all that was planned for later, and may have been missed by then."""
    await bench.add("parked")
    bench.verdicts = [Verdict(RunState.WAITING, "limit", START + MINUTE, begun=False)]
    await bench.worker.run_due()
    for number in (0, 2, 3):
        await bench.add(f"planned for {number}", START + number * MINUTE)
    claimed = list[str]()
    for _ in range(4):
        claimed += await bench.writer.run(
            lambda tx: [
                run.job
                for run in lease.claim(
                    tx, bench.owner.id, START + 4 * MINUTE, limit=1, gone=bench.owner.gone, held=range(99)
                )
            ]
        )
    assert claimed == ["planned for 0", "parked", "planned for 2", "planned for 3"]


async def test_what_died_before_anything_left_is_not_done_days_later(bench: Bench, other: Bench) -> None:
    """The power failed in the middle, and the machine starts again after a weekend: it is missed, and told."""
    await bench.add("cut off")
    await bench.writer.run(
        lambda tx: lease.claim(tx, bench.owner.id, bench.clock.now(), limit=9, gone=bench.owner.gone)
    )
    bench.owner.close()
    bench.clock.at += timedelta(days=2)
    await other.worker.run_due()
    assert (other.did, bench.states(), notices(bench.reader)) == ([], ["missed"], ["missed"])
    bench.owner = lease.Owner(bench.owner.folder)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.UNCONFIRMED])
async def test_a_bad_end_raises_a_notice(bench: Bench, state: RunState) -> None:
    """Nobody has to look in order to learn that a post did not go out."""
    await bench.add("bad")
    bench.verdicts = [Verdict(state, "no")]
    await bench.worker.run_due()
    assert bench.states() == [state]
    assert notices(bench.reader) == [state]


async def test_an_unforeseen_error_parks_the_run_and_keeps_its_text_out(bench: Bench) -> None:
    """An error that nobody foresaw loses nothing, and its text, which may hold anything, is stored nowhere."""
    await bench.add("odd")
    bench.verdicts = [ZeroDivisionError("canary")]
    await bench.worker.run_due()
    assert bench.states() == ["waiting"]
    assert "canary" not in unpacked(bench.reader)


async def test_a_vault_that_does_not_open_parks_the_run_and_says_so(bench: Bench) -> None:
    """Its sentence holds no key and says what to do, which a bare name of an error would not."""
    await bench.add("shut")
    bench.verdicts = [VaultError("the keyring could not be read; is it locked?")]
    await bench.worker.run_due()
    assert bench.reader.execute("SELECT state, reason FROM run").fetchall() == [
        ("waiting", "the keyring could not be read; is it locked?; it will be taken up again")
    ]


async def test_a_lease_passes_on_only_when_its_owner_is_gone(bench: Bench, other: Bench) -> None:
    """A run of a live process is left alone, however long it takes."""
    await bench.add("held", late=timedelta(days=2))
    runs = await bench.writer.run(
        lambda tx: lease.claim(tx, bench.owner.id, bench.clock.now(), limit=9, gone=bench.owner.gone)
    )
    bench.clock.at += timedelta(days=1)
    await other.worker.run_due()
    assert other.did == []
    bench.owner.close()
    await other.worker.run_due()
    assert [run.attempt for run in other.did] == [2]
    late = Verdict(RunState.FAILED, "the first one, late")
    assert not await bench.writer.run(lambda tx: lease.finish(tx, runs[0], late, bench.clock.now()))
    with pytest.raises(Fenced):
        await bench.writer.run(lambda tx: lease.check(tx, runs[0]))
    assert bench.states() == ["done"]
    bench.owner = lease.Owner(bench.owner.folder)


async def test_what_a_dead_process_had_begun_comes_before_what_is_due_since(bench: Bench, other: Bench) -> None:
    """In a rush of thousands it would be the last of all, though it was due first and may be half out."""
    await bench.add("begun")

    def take(tx: sqlite3.Connection) -> list[str]:
        return [run.job for run in lease.claim(tx, other.owner.id, START, limit=1, gone=other.owner.gone)]

    await bench.writer.run(lambda tx: lease.claim(tx, bench.owner.id, START, limit=1, gone=bench.owner.gone))
    await bench.add("due since")
    bench.owner.close()
    taken = await other.writer.run(take)
    bench.owner = lease.Owner(bench.owner.folder)
    assert taken == ["begun"]


HOLD = """
import sys, time, pathlib
from automator.scheduling.lease import Owner
owner = Owner(pathlib.Path(sys.argv[1]))
print(owner.id, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look at what is another's")
def test_root_who_looks_at_an_installation_does_not_keep_its_owner_out(tmp_path: Path) -> None:
    """After `sudo automator doctor` the service of the one whose installation it is begins as before."""
    folder = tmp_path / "owners"
    folder.mkdir()
    os.chown(folder, 65_534, 65_534)
    with lease.Owner(folder):
        assert {path.stat().st_uid for path in folder.iterdir() if path.suffix != ".lock"} == {65_534}


def test_a_stopped_process_keeps_its_lease_and_a_killed_one_does_not(bench: Bench) -> None:
    """A process that sleeps may wake up and send, so nobody acts in its place; a dead one never will."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(bench.owner.folder)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        owner = child.stdout.readline().strip()
        os.kill(child.pid, signal.SIGSTOP)
        stopped = bench.owner.gone(owner)
        child.kill()
        child.wait(10)
        assert (stopped, bench.owner.gone(owner)) == (False, True)


async def test_a_run_whose_verdict_could_not_be_stored_is_taken_up_again(bench: Bench) -> None:
    """A full disk at the wrong moment leaves no run behind that nobody works on."""
    await bench.add("dropped")
    await bench.writer.run(
        lambda tx: lease.claim(tx, bench.owner.id, bench.clock.now(), limit=9, gone=bench.owner.gone)
    )
    await bench.worker.run_due()
    assert bench.states() == ["done"]


async def test_a_recurring_job_makes_up_for_nothing(bench: Bench) -> None:
    """After two days of sleep a daily job runs once, not twice, and goes on with tomorrow."""
    await bench.add("daily", START - timedelta(minutes=1), cron="0 9 * * *", late=timedelta(hours=2))
    bench.clock.at = START + timedelta(days=2, minutes=5)
    await bench.worker.run_due()
    assert [run.scheduled_for for run in bench.did] == [START + timedelta(days=2)]
    assert due.earliest(bench.reader) == START + timedelta(days=3)


def test_recurring_jobs_follow_the_wall_clock() -> None:
    """Nine in the morning in Berlin stays nine in the morning when the clocks change."""
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = next_time("0 9 * * *", "Europe/Berlin", before)
    assert found == datetime(2026, 10, 25, 8, tzinfo=UTC)


def test_an_unreadable_cron_line_is_refused() -> None:
    """A line with four fields is named in the error."""
    with pytest.raises(BadSchedule, match="0 9"):
        next_time("0 9 * *", "UTC", START)


async def test_serve_ends_at_the_signal_and_finishes_what_is_in_flight(bench: Bench) -> None:
    """Stopping the service loses nothing that has begun."""
    stop, begun = asyncio.Event(), asyncio.Event()
    finish = asyncio.Event()

    async def slow(_: lease.Run) -> Verdict:
        begun.set()
        await finish.wait()
        return Verdict(RunState.DONE)

    bench.worker._handlers = {"note": slow}
    await bench.add("slow")
    serving = asyncio.create_task(bench.worker.serve(stop))
    await begun.wait()
    stop.set()
    await asyncio.sleep(0)
    finish.set()
    await serving
    assert bench.states() == ["done"]


def test_owner_files_do_not_pile_up(tmp_path: Path, clock: StillClock) -> None:
    """A process that ends in order takes its lock file with it."""
    with lease.Owner(tmp_path):
        assert len(list(tmp_path.glob("*.lock"))) == 1
    assert list(tmp_path.glob("*.lock")) == []
