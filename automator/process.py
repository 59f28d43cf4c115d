"""How a process that works for long is told to stop, and what it leaves behind if it crashes."""

from __future__ import annotations

import asyncio
import resource
import signal


def told_to_stop() -> asyncio.Event:
    """Set by Ctrl-C or SIGTERM, which then no longer end the process."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def leave_no_core() -> None:
    """Keep what is in its memory, keys among it, out of what a crash leaves."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
