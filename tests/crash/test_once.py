"""Killed anywhere, a post goes out once: real processes, real SIGKILL, and the provider's world counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from automator import failpoints
from automator.db import connect
from automator.ledger.chain import verify
from tests.conftest import ROOT, ToyServer

FAULTS = ("none", "drop-before", "drop-after", "error-after", "html-after", "throttle")
LOST_REPLY = frozenset({"drop-before", "drop-after", "error-after", "html-after"})
DROPS = frozenset({"drop-before", "drop-after"})


def reached(point: str, effect: str, fault: str) -> bool:
    """Whether a first attempt under this fault comes to this point at all."""
    if point in {"before-settle", "after-settle"}:
        return effect == "once" and fault in LOST_REPLY
    if point == "after-answer":
        return fault not in DROPS or effect == "repeatable"  # a repeat gets an answer
    return True


SCENARIOS = [
    (point, effect, fault)
    for point in failpoints.POINTS
    for effect in ("once", "repeatable")
    for fault in FAULTS
    if reached(point, effect, fault)
]
SAMPLE = SCENARIOS[::12]


def run(path: Path, toy: ToyServer, effect: str, key: str, *without: str, point: str | None = None) -> tuple[int, str]:
    """One worker process from start to its end, or to its death at ``point``."""
    env = {**os.environ, **({failpoints.VARIABLE: point} if point else {})}
    done = subprocess.run(
        [sys.executable, "-m", "tests.toy.worker", str(path), toy.url, effect, key, *without],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.strip() or done.stderr


def kill_and_take_over(path: Path, toy: ToyServer, point: str, effect: str, fault: str) -> None:
    key = f"{point}-{effect}-{fault}-{path.parent.name}"
    toy.plan_faults(*([] if fault == "none" else [fault]))
    code, said = run(path, toy, effect, key, point=point)
    assert code == -signal.SIGKILL, f"the first process was to die at {point}: {said}"
    code, state = run(path, toy, effect, key)
    assert code == 0, state
    count = toy.count(f"hello {key}")
    assert count <= 1, "sent twice"
    if state == "done":
        assert count == 1, "called done, but it is not there"
    else:
        assert (state, effect) == ("unconfirmed", "once")
    reader = connect(path, readonly=True)
    entries = verify(reader)
    reader.close()
    assert isinstance(entries, int), entries


@pytest.mark.parametrize(("point", "effect", "fault"), SAMPLE)
def test_sample(tmp_path: Path, toy: ToyServer, point: str, effect: str, fault: str) -> None:
    """A worker that is killed and one that takes over publish once between them."""
    kill_and_take_over(tmp_path / "a.db", toy, point, effect, fault)


@pytest.mark.long
@pytest.mark.parametrize(("point", "effect", "fault"), SCENARIOS)
def test_every_point(tmp_path: Path, toy: ToyServer, point: str, effect: str, fault: str) -> None:
    """The same at every point, for every effect and fault."""
    kill_and_take_over(tmp_path / "a.db", toy, point, effect, fault)


def test_the_suite_sees_a_double_post(tmp_path: Path, toy: ToyServer) -> None:
    """With Once and the compare-and-swap switched off, the same scenario shows two posts."""
    path, key = tmp_path / "a.db", f"blind-{tmp_path.name}"
    toy.plan_faults()
    code, said = run(path, toy, "once", key, "once", "cas", point="before-store")
    assert code == -signal.SIGKILL, said
    run(path, toy, "once", key, "once", "cas")
    assert toy.count(f"hello {key}") == 2


def test_a_stopped_worker_that_was_overtaken_sends_nothing(tmp_path: Path, toy: ToyServer) -> None:
    """A process that is stopped before its first byte, and wakes up after another took over, does not double the post."""
    path, key = tmp_path / "a.db", f"stopped-{tmp_path.name}"
    toy.plan_faults()
    env = {**os.environ, failpoints.VARIABLE: "before-intent:STOP"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.toy.worker", str(path), toy.url, "once", key], cwd=ROOT, env=env
    ) as stopped:
        os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WNOWAIT)
        code, state = run(path, toy, "once", key)
        assert (code, state) == (0, "done")
        env.pop(failpoints.VARIABLE)
        while stopped.poll() is None:  # it stops once per round of its loop
            os.kill(stopped.pid, signal.SIGCONT)
            if os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT) is None:
                break
    assert toy.count(f"hello {key}") == 1
