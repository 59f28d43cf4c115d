"""What all tests share: examples that take their time, and the toy provider's server in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from hypothesis import HealthCheck, settings

# how long an example takes says more of the machine than of the product; figures of time are the benchmarks'
settings.register_profile("timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("timeless")

# Typer's runner takes what is not made yet; ours is made in another way, and tried as it is
typer.testing._get_command = lambda made: made

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The soak begins first: it takes minutes, which the other workers would wait for at the end."""
    items.sort(key=lambda item: "soak" not in item.path.parts)


class ToyServer:
    """What the test may ask of the toy provider's world, without passing through the product."""

    def __init__(self, url: str) -> None:
        self.url = url

    def plan_faults(self, *faults: str) -> None:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/faults", json.dumps(faults).encode(), {"content-type": "application/json"}
        )
        urllib.request.urlopen(request).close()  # noqa: S310 - our own server

    def world(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/world") as answer:  # noqa: S310 - our own server
            return dict(json.load(answer))

    def count(self, text: str) -> int:
        return sum(post["text"] == text for post in self.world()["posts"])


@pytest.fixture(scope="session")
def toy() -> Iterator[ToyServer]:
    """A running toy provider."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.toy.server"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield ToyServer(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.stdin.close()
        process.wait(10)
