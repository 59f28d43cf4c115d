"""Connecting an account in the browser: the page, the answer it sends back, and what is kept of it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import tempfile
import threading
import webbrowser
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import typer

from automator.cli.common import asked, fail
from connectors.signin import CODE, VERIFIER, SignIn

if TYPE_CHECKING:
    from aiohttp import web

GONE = 0.5  #: seconds, for a browser that has come back; the code that it brought is good for half a minute
PATIENCE = 300.0  #: seconds for a person to say yes
WORDS = 300  #: characters of a refusal that are shown
OWN_CERTIFICATE = (
    "this provider comes back to https addresses alone: at the end your browser warns of this machine's own "
    "certificate; go on there, or begin again with --paste"
)


async def signed_in(sign_in: SignIn, client_id: str, port: int, *, paste: bool) -> tuple[dict[str, str], str]:
    """The secrets of one sign-in, and the redirect address that they are bound to."""
    from authlib.common.security import generate_token  # noqa: PLC0415 - slow to load
    from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 - as above

    verifier, state = generate_token(64), secrets.token_urlsafe(24)
    redirect = f"{sign_in.scheme}://{sign_in.host}:{port}/callback"
    address = sign_in.address(client_id, redirect, state, create_s256_code_challenge(verifier))
    for scope, lacks in sign_in.why.items():
        typer.echo(f"the app asks for {scope}: without it {lacks}")
    typer.echo(f"open this page and allow the app (its callback address must be {redirect}):\n{address}")
    if paste:
        written = asked("then paste the address that the browser ended at")
        answer = dict(parse_qsl(urlsplit(written.strip()).query))
    else:
        own = sign_in.scheme == "https"
        if own:
            typer.echo(OWN_CERTIFICATE)
        answer = await came(port, address, state, certificate(sign_in.host) if own else None)
    found = {sign_in.client: client_id, CODE: _code(answer, state)}
    return found | ({} if sign_in.secret else {VERIFIER: verifier}), redirect


def _code(answer: Mapping[str, str], state: str) -> str:
    if "error" in answer:
        said = answer.get("error_description") or answer["error"]
        # any page that the browser has open can say this, and a terminal obeys some of what it is shown
        shown = "".join(one if one.isprintable() else " " for one in said[:WORDS])
        raise fail(f"the provider did not allow it: {shown}", 1)
    if not _answers(answer, state) or not answer.get("code"):
        raise fail("that is no answer to this sign-in; begin again", 1)
    return answer["code"]


def _answers(answer: Mapping[str, str], state: str) -> bool:
    return secrets.compare_digest(answer.get("state", "").encode(), state.encode())


async def came(port: int, address: str, state: str, tls: ssl.SSLContext | None = None) -> dict[str, str]:
    """What the provider sends the browser back with, to a page of ours on this machine; all else there is ignored."""
    from aiohttp import web  # noqa: PLC0415 - slow to load

    answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def callback(request: web.Request) -> web.Response:
        said = dict(request.query)
        # a page that was left open, or any other, must not end the wait; not every refusal says what it answers
        if not _answers(said, state) and ("error" not in said or "state" in said):
            return web.Response(status=400, text="That is no answer to this sign-in; it waits for its own.")
        if not answer.done():
            answer.set_result(said)
        return web.Response(text="Thank you. You can close this page and go back to the terminal.")

    app = web.Application()
    app.router.add_get("/callback", callback)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    shown = asyncio.Event()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        shown = _shown(address)
        return await asyncio.wait_for(answer, PATIENCE)
    except TimeoutError:
        raise fail("nobody answered within five minutes; begin again", 1) from None
    except OSError as error:
        raise fail(f"port {port} is taken ({error.strerror}); name another with --port, or use --paste", 1) from None
    finally:
        with contextlib.suppress(TimeoutError):  # it has its page, and closes the connection itself
            await asyncio.wait_for(shown.wait(), GONE if answer.done() else 0)
        await runner.cleanup()


def _shown(address: str) -> asyncio.Event:
    """Open the browser beside all else; tells when its program has ended, which some do when a person closes them."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def show() -> None:
        with contextlib.suppress(webbrowser.Error):  # the address can be opened by hand, too
            webbrowser.open(address)
        with contextlib.suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=show, daemon=True).start()
    return ended


def certificate(host: str) -> ssl.SSLContext:
    """TLS for one sign-in, by a certificate that this machine makes for itself and forgets."""
    from cryptography import x509  # noqa: PLC0415 - slow to load
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    unlocked = serialization.NoEncryption()  # it is on the disk only while it is read
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory(prefix="automator-") as folder:  # which nobody else can read
        path = Path(folder) / "callback.pem"
        path.write_bytes(written + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)
    return context
