"""The walls of the house, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("automator", "connectors", "jobs")
FORBIDDEN = {"connectors": {"automator", "jobs"}, "jobs": {"automator"}, "automator": set()}
GROUND = tuple(f"automator/{name}/" for name in ("egress", "budgets", "ledger", "vault"))  # all else stands on these
ABOVE = tuple(f"automator.{name}." for name in ("scheduling", "posting", "trading", "hosting", "cli"))
TOOLS = frozenset({"automator/ledger/train.py"})  # for developers; nothing imports them
# modules through which a call could leave; what may be used of them outside the egress is named
CALLERS: dict[str, frozenset[str]] = {
    "httpx": frozenset({"AsyncClient", "AsyncBaseTransport", "Headers", "Request", "Response", "URL"}),
    "aiohttp": frozenset({"web"}),
    "urllib.request": frozenset(),
    "http.client": frozenset(),
    "requests": frozenset(),
    "urllib3": frozenset(),
}
CONSTRUCTORS = frozenset({"httpx.AsyncClient"})  # may be named as a type, not called
LONGEST = 400


def imported(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for, in full: ``{"C": "httpx.AsyncClient"}``."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
    return found


def dotted(node: ast.AST) -> str:
    """``a.b.c`` as it is written; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
        return f"{left}.{node.attr}"
    return ""


def used(tree: ast.AST, names: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Everything imported that a file names, in full, and whether it is called."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    yield from ((name, False) for name in names.values())
    for node in ast.walk(tree):
        written = dotted(node)
        for local, full in names.items():
            if written == local or written.startswith(f"{local}."):
                yield full + written[len(local) :], id(node) in called


def leaves(name: str, *, called: bool) -> bool:
    """Whether this use of a name could send something past the egress."""
    if called and name in CONSTRUCTORS:
        return True
    for module, harmless in CALLERS.items():
        if name.startswith(f"{module}."):
            return name[len(module) + 1 :].split(".", maxsplit=1)[0] not in harmless
        if name == module:
            return not harmless
    return False


def faults(source: str, path: str) -> Iterator[str]:
    """What is wrong with one file."""
    tree = ast.parse(source)
    names = imported(tree)
    for name in names.values():
        top = name.split(".")[0]
        if top in FORBIDDEN[path.split("/", maxsplit=1)[0]]:
            yield f"{path} imports {name}: that arrow runs back"
        if path.startswith(GROUND) and path not in TOOLS and f"{name}.".startswith(ABOVE):
            yield f"{path} imports {name}: it must do without"
        if top == "keyring" and not path.startswith("automator/vault/"):
            yield f"{path} imports keyring outside the vault"
    if not path.startswith("automator/egress/"):
        for name, called in used(tree, names):
            if leaves(name, called=called):
                yield f"{path} uses {name}: calls leave only through automator/egress/"
    if source.count("\n") > LONGEST:
        yield f"{path} has more than {LONGEST} lines"


def needs() -> dict[str, set[str]]:
    """By module, the modules of ours that it names, for its types alone too."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    found: dict[str, set[str]] = {}
    for name, path in modules.items():
        said = imported(ast.parse(path.read_text(encoding="utf-8"))).values()
        ends = ({full, full.rpartition(".")[0]} & modules.keys() for full in said)
        found[name] = set().union(*ends) - {name}
    return found


def test_no_modules_need_each_other() -> None:
    """The arrows between modules run in no circle, so that each can be read after those that it stands on."""
    order = [*TopologicalSorter(needs()).static_order()]
    assert order.index("connectors.base") < order.index("automator.engine")


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
        ("connectors/x/a.py", "from httpx import AsyncClient as C\nC()"),
        ("connectors/x/a.py", "import httpx as h\nh.get('u')"),
        ("jobs/a.py", "import httpx\nhttpx.stream('GET', 'u')"),
        ("jobs/a.py", "from httpx import post"),
        ("jobs/a.py", "import aiohttp\naiohttp.request('GET', 'u')"),
        ("jobs/a.py", "import urllib.request\nurllib.request.build_opener()"),
        ("jobs/a.py", "from urllib import request"),
        ("jobs/a.py", "from urllib.request import Request"),
        ("jobs/a.py", "from http import client"),
        ("automator/egress/a.py", "from automator.scheduling import lease"),
        ("automator/ledger/a.py", "import automator.posting"),
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
        ("connectors/x/twin.py", "from aiohttp import web\nweb.Application()"),
        ("connectors/x/a.py", "import httpx\ndef f(c: httpx.AsyncClient) -> httpx.Response: ..."),
        ("connectors/x/a.py", "from urllib.parse import quote"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    """The arrows that run the right way are no faults."""
    assert list(faults(source, path)) == []
