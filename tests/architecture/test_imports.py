"""The walls of the house, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("automator", "connectors", "jobs")
FORBIDDEN = {"connectors": {"automator", "jobs"}, "jobs": {"automator"}, "automator": set()}
CLIENTS = {"AsyncClient", "Client", "ClientSession", "AsyncHTTPTransport", "HTTPTransport", "urlopen"}
NETWORK = {"requests", "urllib3", "http.client"}
LONGEST = 400


def faults(source: str, path: str) -> Iterator[str]:
    """What is wrong with one file."""
    package = path.split("/", maxsplit=1)[0]
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            top = name.split(".")[0]
            if top in FORBIDDEN[package]:
                yield f"{path} imports {name}: that arrow runs back"
            if top == "keyring" and not path.startswith("automator/vault/"):
                yield f"{path} imports keyring outside the vault"
            if top in NETWORK or name in NETWORK:
                yield f"{path} imports {name}: calls leave only through automator/egress/"
        if isinstance(node, ast.Call) and not path.startswith("automator/egress/"):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in CLIENTS:
                yield f"{path} makes its own {called}: calls leave only through automator/egress/"
    if source.count("\n") > LONGEST:
        yield f"{path} has more than {LONGEST} lines"


def test_the_sources_keep_the_rules() -> None:
    """Arrows run one way, calls leave in one place, keys are read in one place."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    assert len(files) > 10
    found = [fault for file in files for fault in faults(file.read_text(), file.relative_to(ROOT).as_posix())]
    assert found == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("connectors/x/a.py", "import automator.db"),
        ("connectors/x/a.py", "from jobs.posting import when"),
        ("jobs/a.py", "from automator import db"),
        ("jobs/a.py", "import httpx\nhttpx.AsyncClient()"),
        ("connectors/x/a.py", "from aiohttp import ClientSession\nClientSession()"),
        ("automator/cli/a.py", "import requests"),
        ("automator/cli/a.py", "import keyring"),
        ("automator/a.py", "\n" * 500),
    ],
)
def test_a_breach_is_seen(path: str, source: str) -> None:
    """Each rule can fail."""
    assert list(faults(source, path))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("jobs/a.py", "from connectors import base"),
        ("automator/egress/a.py", "import httpx\nhttpx.AsyncClient()"),
        ("automator/vault/a.py", "import keyring"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    """The arrows that run the right way are no faults."""
    assert list(faults(source, path)) == []
