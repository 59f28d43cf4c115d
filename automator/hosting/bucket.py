"""An S3-compatible bucket, as the egress sees a provider (docs.aws.amazon.com, Amazon S3 API reference)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from automator.clock import Clock
from automator.egress.allow import origin
from automator.egress.call import EXTENSION, Call
from automator.egress.own import Own
from automator.egress.stack import Client
from automator.hosting.sigv4 import Signer
from connectors.answer import accepted, resets
from connectors.base import Absence, Effect, Kind, Operation, Outcome, Scope
from connectors.picture import Stream, unchanged
from connectors.post import Media
from connectors.signing import with_headers

PUT = Operation("media.put", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
DELETE = Operation("media.delete", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
FETCH = Operation("media.fetch", Effect.READ, Scope.READ)
EMPTY = hashlib.sha256(b"").hexdigest()
SENTENCES = {
    "AccessDenied": "the bucket's key may not do this; give it the rights to put and delete objects",
    "InvalidAccessKeyId": "the bucket does not know this access key; set it anew with `automator media set-key`",
    "SignatureDoesNotMatch": "the bucket does not accept the secret key; set it anew with `automator media set-key`",
    "NoSuchBucket": "there is no such bucket; look at [media] bucket in config.toml",
    "RequestTimeTooSkewed": "this machine's clock differs too much from the bucket's; set it right",
    "AuthorizationHeaderMalformed": "the bucket lies in another region; look at [media] region in config.toml",
}
_CODE = re.compile(rb"<Code>(\w{1,80})</Code>")
_MISSING, _THROTTLED, _ERROR, _MOVED, _FINE = 404, (429, 503), 500, 300, 200


@dataclass(frozen=True)
class Shop(Own):
    """The store, as the egress sees a provider.

    Attributes:
        origins: The one place that calls may go to.
        name: As it is called in the ledger.
        region: Where its signatures are valid; empty: requests are not signed, as those of anybody.
    """

    origins: tuple[str, ...]
    clock: Clock
    name: str = "media"
    region: str = ""

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        """What an answer means; that something to be deleted is gone already is as good."""
        status, said = response.status_code, f"the media host answered {response.status_code}"
        code = found[1].decode() if (found := _CODE.search(response.content[:4000])) else ""
        if _FINE <= status < _MOVED or (status == _MISSING and operation is DELETE and code != "NoSuchBucket"):
            return Outcome(Kind.OK)
        if status in _THROTTLED or code == "SlowDown":
            return Outcome(Kind.LATER, said, until=resets(response.headers, ""))
        if status >= _ERROR:
            return Outcome(Kind.UNKNOWN, said)
        return Outcome(Kind.REJECTED, SENTENCES.get(code, f"{said} {code}".rstrip()))

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        """Signature Version 4; the body's digest is known before it is sent."""
        if not self.region:
            return with_headers(request, {})
        signer = Signer(secrets.get("access_key", ""), secrets.get("secret_key", ""), self.region)
        digest = request.headers.get("x-amz-content-sha256", EMPTY)
        return with_headers(request, signer.headers(request.method, request.url, digest, self.clock.now()))


@dataclass(frozen=True)
class Bucket:
    """Puts files into it. ``address`` is the bucket's own, without a slash at the end."""

    address: str
    public_url: str
    http: Client

    @property
    def place(self) -> str:
        """Where files lie, for the record and for a person."""
        return f"bucket {self.address}"

    async def put(self, name: str, media: Media, call: Call) -> None:
        """Upload a file, a piece at a time; the same name is overwritten.

        Raises:
            Rejected: the store does not take it, or the file has changed.
            NotNow: the store is in trouble.
        """
        await unchanged(media)  # its digest is signed
        headers = {
            "content-type": media.type,
            "content-length": str(media.size),
            "x-amz-content-sha256": media.sha256,
        }
        url = f"{self.address}/{name}"
        answer = await self.http.request(
            "PUT", url, headers=headers, content=Stream(media), extensions={EXTENSION: call}
        )
        accepted(answer)

    async def remove(self, name: str, call: Call) -> None:
        """Delete a file; nothing if there is none.

        Raises:
            Rejected: the store says no.
            NotNow: the store is in trouble.
        """
        accepted(await self.http.request("DELETE", f"{self.address}/{name}", extensions={EXTENSION: call}))


def shop(address: str, clock: Clock, region: str = "") -> Shop:
    """The store at an address."""
    return Shop((origin(httpx.URL(address)),), clock, region=region)
