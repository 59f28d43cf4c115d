"""Connecting an account in the browser: the page, the answer it sends back, and what is kept of it."""

from __future__ import annotations

import asyncio
import secrets
import webbrowser
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import typer

from automator.cli.common import asked, fail
from connectors.signin import CODE, VERIFIER, SignIn

if TYPE_CHECKING:
    from aiohttp import web

PATIENCE = 300.0  #: seconds for a person to say yes


async def signed_in(sign_in: SignIn, client_id: str, port: int, *, paste: bool) -> tuple[dict[str, str], str]:
    """The secrets of one sign-in, and the redirect address that they are bound to."""
    from authlib.common.security import generate_token  # noqa: PLC0415 - slow to load
    from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 - as above

    verifier, state = generate_token(64), secrets.token_urlsafe(24)
    redirect = f"http://{sign_in.host}:{port}/callback"
    address = sign_in.address(client_id, redirect, state, create_s256_code_challenge(verifier))
    for scope, lacks in sign_in.why.items():
        typer.echo(f"the app asks for {scope}: without it {lacks}")
    typer.echo(f"open this page and allow the app (its callback address must be {redirect}):\n{address}")
    if paste:
        written = asked("then paste the address that the browser ended at")
        answer = dict(parse_qsl(urlsplit(written.strip()).query))
    else:
        answer = await _answer(port, address)
    found = {sign_in.client: client_id, CODE: _code(answer, state)}
    return found | ({} if sign_in.secret else {VERIFIER: verifier}), redirect


def _code(answer: Mapping[str, str], state: str) -> str:
    if "error" in answer:
        raise fail(f"the provider did not allow it: {answer.get('error_description') or answer['error']}", 1)
    if not secrets.compare_digest(answer.get("state", "").encode(), state.encode()) or not answer.get("code"):
        raise fail("that is no answer to this sign-in; begin again", 1)
    return answer["code"]


async def _answer(port: int, address: str) -> dict[str, str]:
    """What the provider sends the browser back with, to a page of ours on this machine."""
    from aiohttp import web  # noqa: PLC0415 - slow to load

    came: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def callback(request: web.Request) -> web.Response:
        if not came.done():
            came.set_result(dict(request.query))
        return web.Response(text="Thank you. You can close this page and go back to the terminal.")

    app = web.Application()
    app.router.add_get("/callback", callback)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.to_thread(webbrowser.open, address)
        return await asyncio.wait_for(came, PATIENCE)
    except OSError as error:
        raise fail(f"port {port} is taken ({error.strerror}); name another with --port, or use --paste", 1) from None
    except TimeoutError:
        raise fail("nobody answered within five minutes; begin again", 1) from None
    finally:
        await runner.cleanup()
