"""Children of the suite are processes of their own, as apart from each other as programs are."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from automator.__main__ import main
from automator.scheduling.lease import Owner
from tests.children import Child
from tests.preloaded import LATER


def hold() -> None:
    """Take a lock, say so, and wait to be killed."""
    print(Owner(Path(sys.argv[1])).id, flush=True)
    signal.pause()


def look() -> None:
    """Say which of the modules of ``LATER`` are there, how many threads, and what is open that has a name."""
    opened = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one by which they are listed
            opened.append(str(entry.readlink()))
    print([name for name in LATER if name in sys.modules] == list(LATER), threading.active_count())
    named = {path for path in opened if path.startswith("/") and not path.endswith(" (deleted)")}  # it is pytest's own
    print(*sorted(named - {os.devnull}))


def test_a_lock_ends_with_the_child_that_took_it(tmp_path: Path) -> None:
    """One that is forked meanwhile does not hold it too: else nobody would take over from the dead."""
    children, owners = [], []
    try:
        for number in range(2):
            said = tmp_path / str(number)
            children.append(Child(hold, str(tmp_path / "owners"), environment=os.environ, output=said))
            while not said.exists() or not said.read_text().endswith("\n"):
                assert children[-1].poll() is None
                time.sleep(0.005)
            owners.append(said.read_text().strip())
        observer = Owner(tmp_path / "owners")
        assert [observer.gone(owner) for owner in owners] == [False, False]
        children[0].kill()
        assert children[0].wait() == -signal.SIGKILL
        assert [observer.gone(owner) for owner in owners] == [True, False]
        observer.close()
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_a_stopped_child_is_seen_to_stop_and_to_go_on(tmp_path: Path) -> None:
    """The scenarios that stop a process know when it has stopped, and how it ended afterwards."""
    with Child(hold, str(tmp_path), environment=os.environ) as child:
        child.send_signal(signal.SIGSTOP)
        assert child.wait_for_stop()
        assert child.poll() is None
        child.send_signal(signal.SIGCONT)
        child.terminate()
        assert not child.wait_for_stop()
        assert child.wait() == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show what a process has open")
def test_a_child_has_all_modules_and_nothing_open(tmp_path: Path) -> None:
    """What it is forked from has loaded everything, started no thread, and opened no file."""
    output = tmp_path / "said"
    with (tmp_path / "of the test").open("w"), Child(look, environment=os.environ, output=output) as child:
        assert child.wait() == 0
    loaded, opened = output.read_text().splitlines()
    assert loaded == "True 1"
    assert opened == str(output)


def test_a_child_ends_with_the_exit_code_of_the_command(tmp_path: Path) -> None:
    """A wrong command is as wrong in a child as it is in a shell."""
    with Child(main, "doctor", "--home", str(tmp_path), "--wrong", environment=os.environ) as child:
        assert child.wait() == 2
