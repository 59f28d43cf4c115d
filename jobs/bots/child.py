"""The process in which a user's own strategy runs: limited first, then loaded, then asked line by line.

Started as a file of its own, it imports nothing of Automator. It is given no key, no environment and no descriptor but
its pipes; what the strategy prints goes nowhere.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
import runpy
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

MEGABYTE = 2**20
ALONE = 30  #: seconds in which it must answer, if nobody is there any more to end it


def limit(memory: int, cpu: int) -> None:
    """Bound what this process may use: megabytes, seconds of processor time; it writes no file and no core."""
    for kind, most in (
        (resource.RLIMIT_AS, memory * MEGABYTE),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(kind, (most, most))


#: of a kernel's architecture: its number in seccomp's filters, and those of the calls setsid and setpgid
LEAVING = {"x86_64": (0xC000003E, 112, 109), "aarch64": (0xC00000B7, 157, 154)}
FOREIGN = 0x4000_0000  #: from here on x86_64 numbers the same calls a second time
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  #: instructions of a filter
ALLOW, REFUSE = 0x7FFF_0000, 0x0005_0000 | errno.EPERM


class Instruction(ctypes.Structure):
    """Of a filter: how far to jump if it is so, and if not."""

    _fields_ = (("code", ctypes.c_ushort), ("so", ctypes.c_ubyte), ("not_so", ctypes.c_ubyte), ("k", ctypes.c_uint))


class Filter(ctypes.Structure):
    """What every call to the kernel is held against."""

    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.POINTER(Instruction)))


def stay() -> bool:
    """Keep this process, and all that it begins, in one group, by which they are ended; ``False``: it can't be had.

    The kernel refuses the two calls that leave it, from now on and for all descendants, whatever program they run
    (Linux, seccomp; no privilege is needed).
    """
    if sys.platform != "linux" or platform.machine() not in LEAVING:
        return False
    architecture, setsid, setpgid = LEAVING[platform.machine()]
    steps = (
        (LOAD, 0, 0, 4),  # the architecture of the call
        (EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, 0),  # its number
        (AT_LEAST, 3, 0, FOREIGN),
        (EQUAL, 2, 0, setsid),
        (EQUAL, 1, 0, setpgid),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    )
    program = (Instruction * len(steps))(*(Instruction(*step) for step in steps))
    kernel = ctypes.CDLL(None)
    given = Filter(len(steps), program)
    if kernel.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return not kernel.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(given), 0, 0)


def said(error: BaseException, file: str) -> str:
    """An error for its author: where in their file, and what."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    where = f"line {lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {error}".removesuffix(": ").replace("\n", " ")[:300]


def loaded(file: str, parameters: Any) -> Callable[[], Any]:
    """What makes the user's strategy.

    Raises:
        TypeError: the file does not hold exactly one class with ``decide``.
    """
    names = runpy.run_path(file, run_name="strategy")
    classes = [item for item in names.values() if isinstance(item, type) and item.__module__ == "strategy"]
    found = [one for one in classes if callable(getattr(one, "decide", None))]
    if len(found) != 1:
        raise TypeError(f"the file must hold one class with a method decide, and holds {len(found)}")
    return partial(found[0], parameters) if "__init__" in vars(found[0]) else found[0]


def answer(do: Callable[[], Any], file: str) -> str:
    """What it says, or what went wrong, as one line."""
    signal.alarm(ALONE)
    try:
        return json.dumps(do(), allow_nan=False)
    except BaseException as error:  # noqa: BLE001 - whatever a user's code raises, also an exit, is told
        return json.dumps({"error": said(error, file)})
    finally:
        signal.alarm(0)


def decided(strategy: Callable[[], Any], line: str) -> dict[str, Any]:
    """One decision. ``decide`` returns the state and the wishes, and may add what it waits for.

    The strategy is made for it: a bot that runs asks each time in another process, so that what one keeps to itself is
    gone, and a backtest must not know it either.
    """
    asked = json.loads(line)
    made = strategy().decide(asked["state"], asked["view"], asked["now"])
    if not isinstance(made, tuple) or len(made) not in {2, 3}:
        raise TypeError("decide must return (state, wishes) or (state, wishes, waits)")
    return {"state": made[0], "wishes": made[1], "waits": made[2] if len(made) > 2 else {"candles": True}}  # noqa: PLR2004


def main(file: str, memory: str, cpu: str) -> None:
    """Say hello with the symbols, then answer each line with one."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    stay()
    limit(int(memory), int(cpu))
    lines = iter(sys.stdin.readline, "")
    parameters = json.loads(next(lines))
    made: list[Callable[[], Any]] = []

    def hello() -> dict[str, Any]:
        made.append(loaded(file, parameters))
        return {"symbols": list(made[0]().symbols)}

    print(answer(hello, file), file=out, flush=True)
    for line in lines:
        print(answer(partial(decided, made[0], line), file), file=out, flush=True)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # nobody is there any more to end what it has begun


if __name__ == "__main__":
    main(*sys.argv[1:])
