"""Each exchange's signature, computed again from its documentation, by nothing that the product uses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.connectors.exchange.samples import CANARY
from tests.connectors.exchange.server import Came

PRIVATE = ec.generate_private_key(ec.SECP256R1())
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
KRAKEN = base64.b64encode(CANARY.encode()).decode()


def _hex(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def binance(came: Came) -> None:
    """rest-api.md, "Signed request examples": the query and the body, HMAC-SHA256, hex."""
    signed, _, signature = (came.query or came.body).rpartition("&signature=")
    assert came.headers["x-mbx-apikey"] == "public-name"
    assert signature == _hex(CANARY, signed)


def kraken(came: Came) -> None:
    """docs.kraken.com: HMAC-SHA512 of the path and SHA256 of nonce and body, by the decoded secret, base64."""
    nonce = came.asked["nonce"]
    inner = hashlib.sha256((nonce + came.body).encode()).digest()
    made = hmac.new(base64.b64decode(KRAKEN), came.path.encode() + inner, hashlib.sha512).digest()
    assert came.headers["api-key"] == "public-name"
    assert came.headers["api-sign"] == base64.b64encode(made).decode()


def coinbase(came: Came) -> None:
    """docs.cdp.coinbase.com: a JSON Web Token, ES256, for this method and address, good for two minutes."""
    token = came.headers["authorization"].removeprefix("Bearer ")
    head, body, signature = token.split(".")
    raw = _unpadded(signature)
    made = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    PRIVATE.public_key().verify(made, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    header, said = json.loads(_unpadded(head)), json.loads(_unpadded(body))
    assert (header["alg"], header["kid"], said["sub"]) == ("ES256", "organizations/1/apiKeys/2", header["kid"])
    assert said["uri"].partition(" ")[0] == came.method
    assert said["uri"].endswith(came.path)
    assert said["exp"] - said["nbf"] == 120


def bybit(came: Came) -> None:
    """bybit-exchange.github.io, v5 guide: time, key, window, then the query or the body."""
    said = came.headers
    text = said["x-bapi-timestamp"] + "public-name" + said["x-bapi-recv-window"] + (came.query or came.body)
    assert said["x-bapi-api-key"] == "public-name"
    assert said["x-bapi-sign"] == _hex(CANARY, text)
    assert "referer" not in said


def okx(came: Came) -> None:
    """okx.com/docs-v5: time, method, path with query, body; HMAC-SHA256, base64."""
    text = came.headers["ok-access-timestamp"] + came.method + came.target + came.body
    made = hmac.new(CANARY.encode(), text.encode(), hashlib.sha256).digest()
    assert came.headers["ok-access-key"] == "public-name"
    assert came.headers["ok-access-passphrase"] == CANARY + "pass"
    assert came.headers["ok-access-sign"] == base64.b64encode(made).decode()


def alpaca(came: Came) -> None:
    """docs.alpaca.markets: the key itself, in two headers."""
    assert came.headers["apca-api-key-id"] == "public-name"
    assert came.headers["apca-api-secret-key"] == CANARY
    assert "apca-partner-id" not in came.headers


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
