"""``automator check --live``, with keys of a person's own on the sandbox."""

from __future__ import annotations

import json

import pytest

from connectors.registry import providers
from tests.cli.conftest import Shell


@pytest.fixture(scope="module")
def hosted(shell: Shell) -> Shell:
    """The same, with a media host for networks that fetch what they show."""
    shell.lend()
    return shell


@pytest.mark.parametrize("provider", providers())
def test_a_connector_is_checked_with_a_key_of_one_s_own(hosted: Shell, provider: str) -> None:
    """What the harmless cases publish is read back and taken down; nothing of it is left."""
    before = hosted.world()[provider]
    found = json.loads(hosted.run("check", provider, "--live", f"{provider}/brand", "--json"))
    assert [case["received"] for case in found if not case["passed"]] == []
    assert "gone" in {case["expected"] for case in found}
    assert hosted.world()[provider] == before


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("facebook/brand", ("--scope", "read", "--scope", "write"), "facebook/brand may not delete"),
        ("instagram/brand", ("--option", "login=instagram"), "takes posts down only for Facebook Login"),
    ],
)
def test_nothing_is_published_that_could_not_be_taken_down(
    hosted: Shell, name: str, change: tuple[str, ...], words: str
) -> None:
    """By what the account may, and by what its network lets be; the sentence says which."""
    before, back = hosted.world(), ("--scope", "read", "--scope", "write", "--scope", "delete", "--option", "login=")
    hosted.run("accounts", "change", name, *change)
    try:
        said = hosted.run("check", name.partition("/")[0], "--live", name, code=1)
    finally:
        hosted.run("accounts", "change", name, *(back if name.startswith("instagram") else back[:6]))
    assert "nothing was published" in said
    assert words in said
    assert hosted.world() == before
