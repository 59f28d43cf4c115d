"""Python's garbage collector, set for a process that works for days on a heap that is loaded once."""

from __future__ import annotations

import gc

YOUNG = 7_000  #: new objects between two looks; a call makes hundreds, nearly all of which go without one


def settle() -> None:
    """Take what is loaded by now out of every later look, and look through the young ones less often.

    A look at everything stops the process for tens of milliseconds, in which a post is late; all looks together take an
    eighth of the time of a burst of posts by Python's own settings. Call it when what the work needs is loaded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
