"""Over real sockets: where TLS fails, keys and content stay here, and the call is *unsent*."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from automator.egress.wire import Unsent
from tests.egress.wire.peer import ANSWER, VERBS, Behaviour, Peer, after_body, send, serving


async def speaks_plainly(_: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def hangs_up(_: Peer, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def is_silent(_: Peer, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await reader.read(1)
    await asyncio.Event().wait()


NO_TLS: dict[str, Behaviour] = {
    "speaks plainly": speaks_plainly,
    "hangs up in the handshake": hangs_up,
    "is silent in the handshake": is_silent,
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("case", NO_TLS)
async def test_a_handshake_that_fails_is_unsent(base: httpx.AsyncBaseTransport, verb: str, case: str) -> None:
    """The server has seen the beginning of a handshake, and nothing of the request."""
    async with serving(NO_TLS[case]) as peer:
        with pytest.raises(Unsent):
            await send(base, verb, peer.url.replace("http:", "https:"))
        assert peer.requests == 0


@asynccontextmanager
async def certified(folder: Path, *, days: int, oldest: ssl.TLSVersion) -> AsyncIterator[Peer]:
    """A server with a certificate of its own making, which ends in so many days."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = made.not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=days))
    content = signed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = oldest
    context.load_cert_chain(folder / "both.pem")
    async with serving(after_body(ANSWER), context) as peer:
        peer.url = peer.url.replace("http:", "https:")
        yield peer


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("days", [9, -1])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_that_nobody_vouches_for_is_unsent(
    base: httpx.AsyncBaseTransport, tmp_path: Path, verb: str, days: int, version: ssl.TLSVersion
) -> None:
    """In TLS 1.3 too, where the server takes the handshake for done before we have looked at its certificate."""
    async with certified(tmp_path, days=days, oldest=version) as peer:
        with pytest.raises(Unsent, match=r"self-signed|expired"):
            await send(base, verb, peer.url)
        assert peer.requests == 0
