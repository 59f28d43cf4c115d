"""Python's garbage collector, set for a process that works for days on a heap that is loaded once."""

from __future__ import annotations

import gc

YOUNG = 7_000  #: new objects between two looks; a call makes hundreds, nearly all of which go without one
MANY = 20_000  #: objects that a look at everything may find, which takes a few milliseconds


def settle() -> None:
    """Take what is loaded by now out of every later look, and look through the young ones less often.

    A look at everything stops the process for tens of milliseconds, in which a post is late; all looks together take an
    eighth of the time of a burst of posts by Python's own settings. Call it when what the work needs is loaded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


def loaded() -> None:
    """Take what was loaded since ``settle`` out too, if it is much: ccxt, an exchange's markets.

    The look that this takes would come anyway, when an order waits. If it is little it stays in sight: what is in
    flight now, and holds itself when it ends, would never be freed. A process that never settled works for minutes.
    """
    if not gc.get_freeze_count():
        return
    gc.collect()
    if len(gc.get_objects()) > MANY:
        gc.freeze()
