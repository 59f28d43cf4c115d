"""The garbage collector of a service that works for days."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from automator import memory


class Ring:
    """Something that holds itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_becomes_garbage_later_is_freed() -> None:
    """A service that settled does not grow by what it drops."""
    memory.settle()
    ring = Ring()
    left = weakref.ref(ring)
    del ring
    gc.collect()
    assert left() is None


def test_the_young_are_looked_through_even_so() -> None:
    """Nobody has to ask for a collection: enough new objects bring one about."""
    memory.settle()
    ring = Ring()
    left = weakref.ref(ring)
    del ring
    kept = [[number] for number in range(2 * memory.YOUNG)]
    assert left() is None, len(kept)


def test_what_is_loaded_is_not_looked_at_again() -> None:
    """A look at everything finds the few objects that came later, not the hundred thousand of the modules."""
    memory.settle()
    assert len(gc.get_objects()) < gc.get_freeze_count() / 10


def test_what_is_loaded_later_is_not_looked_at_again_either() -> None:
    """An exchange's thousands of markets, and ccxt itself, come when the service has long been running."""
    memory.settle()
    markets = [[number] for number in range(2 * memory.MANY)]
    memory.loaded()
    assert len(gc.get_objects()) < memory.MANY < len(markets)


def test_what_is_in_flight_stays_in_sight() -> None:
    """Where little was loaded, what becomes garbage later is freed."""
    memory.settle()
    ring = Ring()
    memory.loaded()
    left = weakref.ref(ring)
    del ring
    gc.collect()
    assert left() is None


def test_a_command_does_not_stop_to_look() -> None:
    """A process that ends soon has more to lose than to gain."""
    gc.unfreeze()
    ring = Ring()
    left = weakref.ref(ring)
    del ring
    memory.loaded()
    assert left() is not None
