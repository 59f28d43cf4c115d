"""Named places at which a test may end or stop this process, to prove that nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections import Counter

VARIABLE = "AUTOMATOR_FAILPOINT"  #: "name", "name:STOP", or "name:KILL:3" for the third time

#: on the way of a post
POINTS = (
    "before-intent",
    "before-record",
    "after-record",
    "before-first-byte",
    "after-last-byte",
    "after-answer",
    "before-store",
    "after-store",
    "before-settle",
    "after-settle",
)
RUN = ("before-claim", "after-claim", "before-finish", "after-finish")  #: of a run: taken by a worker, and ended
IMPORT = ("before-import-row", "in-import-row", "after-import-row")
RENEWAL = ("before-keep", "after-keep", "after-switch")  #: a new token: before the vault, after it, after the database
#: of an order: lost or found after all, given up, cancelled, and what the exchange shows of it brought into the books
ORDER = (
    "before-lost",
    "after-lost",
    "before-dropped",
    "after-dropped",
    "before-refused",
    "after-refused",
    "before-absent",
    "after-absent",
    "before-cancel",
    "after-cancel",
    "before-shown",
    "after-shown",
    "before-books",
    "after-books",
)
#: of a halt, given and lifted, and what it asks for: a sale put in once its orders are cancelled
HALT = ("before-halt", "after-halt", "before-resume", "after-resume", "before-sale", "after-sale")
BOT = ("before-decided", "after-decided")  #: of a bot: what it decided is kept, with the orders that follow

_wanted = os.environ.get(VARIABLE)
_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Die (SIGKILL) or stop (SIGSTOP) here if the environment names this point; otherwise nothing."""
    if _wanted is None:
        return
    point, _, rest = _wanted.partition(":")
    how, _, times = rest.partition(":")
    if point != name:
        return
    _reached[name] += 1
    if _reached[name] >= int(times or 1):
        os.kill(os.getpid(), signal.SIGSTOP if how == "STOP" else signal.SIGKILL)
