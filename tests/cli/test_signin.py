"""The page on this machine that a browser comes back to, and what is believed of what it brings."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from automator.cli import signin
from automator.cli.common import Failure
from connectors.instagram.connector import Connector as Instagram
from connectors.signin import CODE, VERIFIER, SignIn
from connectors.x.connector import Connector as X


def free() -> int:
    """A port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def browser(answer: Callable[[dict[str, str]], dict[str, str]]) -> Callable[[str], bool]:
    """One whose person says what ``answer`` makes of the page's address, and goes on past a certificate."""

    def opened(address: str) -> bool:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        with httpx.Client(verify=False) as client:  # noqa: S501 - as a person goes on past the warning
            said = client.get(asked["redirect_uri"], params=answer(asked))
        assert "go back to the terminal" in said.text
        return True

    return opened


@pytest.mark.parametrize(
    ("sign_in", "scheme"),
    [(X().sign_in, "http"), (Instagram().sign_in, "http"), (Instagram(chosen={"login": "instagram"}).sign_in, "https")],
)
async def test_a_browser_comes_back_to_this_machine(
    sign_in: SignIn, scheme: str, monkeypatch: Any, capsys: Any
) -> None:
    """Over TLS where the provider wants that, by a certificate of this machine's own; every right is shown before."""
    monkeypatch.setattr(signin.webbrowser, "open", browser(lambda asked: {"code": "c-1", "state": asked["state"]}))
    port = free()
    found, redirect = await signin.signed_in(sign_in, "77", port, paste=False)
    assert (found[CODE], found[sign_in.client]) == ("c-1", "77")
    assert (VERIFIER in found) == (not sign_in.secret)
    assert redirect == f"{scheme}://{sign_in.host}:{port}/callback"
    shown = capsys.readouterr().out
    assert all(f"the app asks for {right}: without it {lacks}" in shown for right, lacks in sign_in.why.items())
    assert ("your browser warns of this machine's own certificate" in shown) == (scheme == "https")


async def test_a_browser_that_stays_open_is_not_waited_for(monkeypatch: Any) -> None:
    """Some programs end only when a person closes them; by then X's code, good for half a minute, would be dead."""
    closed = threading.Event()

    def opened(address: str) -> bool:
        return browser(lambda asked: {"code": "c-1", "state": asked["state"]})(address) and closed.wait()

    monkeypatch.setattr(signin.webbrowser, "open", opened)
    try:
        async with asyncio.timeout(20):
            found, _ = await signin.signed_in(X().sign_in, "77", free(), paste=False)
    finally:
        closed.set()
    assert found[CODE] == "c-1"


STRAY = ({"code": "c-0", "state": "another"}, {"code": "c-0"}, {}, {"error": "access_denied", "state": "another"})


async def test_what_is_no_answer_to_this_sign_in_is_ignored(monkeypatch: Any) -> None:
    """A page that was left open, or anybody's request, neither ends the wait nor is believed; the answer is taken."""

    def opened(address: str) -> bool:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        said = [httpx.get(asked["redirect_uri"], params=stray) for stray in STRAY]
        assert {one.status_code for one in said} == {400}
        return browser(lambda asked: {"code": "c-1", "state": asked["state"]})(address)

    monkeypatch.setattr(signin.webbrowser, "open", opened)
    found, _ = await signin.signed_in(X().sign_in, "77", free(), paste=False)
    assert found[CODE] == "c-1"


@pytest.mark.parametrize("with_state", [False, True])
async def test_a_refusal_is_told(monkeypatch: Any, *, with_state: bool) -> None:
    """A person said no at the provider: a sentence, and exit code 1."""
    refusal = {"error": "access_denied", "error_description": "The user said no"}
    more = (lambda asked: {"state": asked["state"]}) if with_state else (lambda _: {})
    monkeypatch.setattr(signin.webbrowser, "open", browser(lambda asked: refusal | more(asked)))
    with pytest.raises(Failure) as ended:
        await signin.signed_in(X().sign_in, "77", free(), paste=False)
    assert (ended.value.exit_code, "did not allow it: The user said no" in ended.value.sentence) == (1, True)


async def test_a_refusal_does_not_speak_to_the_terminal(monkeypatch: Any) -> None:
    """Any page that the browser has open can send one: it is shown as words, and few."""
    refusal = {"error": "x", "error_description": "\x1b]0;mine\x07\x1b[2J\r\nall is well" + "." * 5_000}
    monkeypatch.setattr(signin.webbrowser, "open", browser(lambda _: refusal))
    with pytest.raises(Failure) as ended:
        await signin.signed_in(X().sign_in, "77", free(), paste=False)
    assert "all is well" in ended.value.sentence
    assert (ended.value.sentence.isprintable(), len(ended.value.sentence) < 400) == (True, True)


async def test_a_pasted_address_is_enough(monkeypatch: Any) -> None:
    """With what Instagram hangs on to its end; the state is compared there too."""
    sign_in = Instagram(chosen={"login": "instagram"}).sign_in
    assert sign_in is not None
    monkeypatch.setattr(signin.secrets, "token_urlsafe", lambda _: "state-1")
    pasted = "https://localhost:8765/callback?code=c-1&state=state-1#_ "
    monkeypatch.setattr(signin, "asked", lambda _: pasted)
    found, _ = await signin.signed_in(sign_in, "77", 8765, paste=True)
    assert found[CODE] == "c-1"
    monkeypatch.setattr(signin, "asked", lambda _: pasted.replace("state-1", "state-2"))
    with pytest.raises(Failure):
        await signin.signed_in(sign_in, "77", 8765, paste=True)


async def test_a_port_that_is_taken_is_told(monkeypatch: Any) -> None:
    """With what to do; and so is a person who never answers."""
    monkeypatch.setattr(signin.webbrowser, "open", lambda _: True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Failure) as ended:
            await signin.came(port, "http://127.0.0.1/", "s")
        assert f"port {port} is taken" in ended.value.sentence
    monkeypatch.setattr(signin, "PATIENCE", 0.01)
    with pytest.raises(Failure) as ended:
        await asyncio.wait_for(signin.came(free(), "http://127.0.0.1/", "s"), 10)
    assert "nobody answered" in ended.value.sentence
