"""AWS Signature Version 4 for S3-compatible stores (docs.aws.amazon.com, signing requests; header form)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

import httpx

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and for which region."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str

    def headers(self, method: str, url: httpx.URL, digest: str, at: datetime) -> dict[str, str]:
        """The headers to add; ``digest`` is the body's SHA-256 in hex."""
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": url.netloc.decode("ascii"), "x-amz-content-sha256": digest, "x-amz-date": stamp}
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        asked = hashlib.sha256(_canonical(method, url, signed).encode()).hexdigest()
        signature = hmac.digest(self._key(stamp[:8]), f"{ALGORITHM}\n{stamp}\n{scope}\n{asked}".encode(), "sha256")
        names = ";".join(sorted(signed))
        who = f"Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature.hex()}"
        return signed | {"authorization": f"{ALGORITHM} {who}"}

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


def _canonical(method: str, url: httpx.URL, headers: Mapping[str, str]) -> str:
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in _sorted(url))
    lines = [f"{name}:{' '.join(value.split())}" for name, value in sorted(headers.items())]
    path = quote(url.path, safe="/-_.~")
    return "\n".join((method, path, query, *lines, "", ";".join(sorted(headers)), headers["x-amz-content-sha256"]))


def _sorted(url: httpx.URL) -> list[tuple[str, str]]:
    return sorted(url.params.multi_items())
