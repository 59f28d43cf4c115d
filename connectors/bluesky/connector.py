"""Bluesky: posts as records under keys of our own, so that putting one twice changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from connectors.answer import accepted, json_object, jwt_lifetime, tokens
from connectors.base import (
    Absence,
    Budget,
    Effect,
    Intent,
    Kind,
    NotNow,
    Operation,
    Outcome,
    Reading,
    Scope,
    outcome_of,
)
from connectors.bluesky import limits, outcomes, reading, text
from connectors.bluesky.tid import tid
from connectors.network import SECRET, Identity, Metrics, Option, Rejected, SecretField, Shown, Wire
from connectors.picture import Stream, unchanged
from connectors.post import Form, Media, Part, Problem, numbered
from connectors.signin import Found, SignIn
from connectors.signing import with_headers
from connectors.takes import Preview, Takes, problems

COLLECTION = "app.bsky.feed.post"
BLOB_LIFE = timedelta(minutes=30)  #: the lexicon of uploadBlob lets a server drop what no record names after minutes
_ADDRESS = re.compile(r"(?:at://([^/]+)/app\.bsky\.feed\.post/|https://bsky\.app/profile/([^/]+)/post/)(\w+)")
PLAN = ("repo", "collection", "rkey", "record")
TOKENS = {"accessJwt": "accessJwt", "refreshJwt": "refreshJwt"}

PUT = Operation("bluesky.post.put", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
DELETE = Operation("bluesky.post.delete", Effect.REPEATABLE, Scope.DELETE, Absence.PROOF)
UPLOAD = Operation("bluesky.blob.upload", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
GET = Operation("bluesky.post.get", Effect.READ, Scope.READ)
WHO = Operation("bluesky.session.get", Effect.READ, Scope.READ)
RESOLVE = Operation("bluesky.handle.resolve", Effect.READ, Scope.READ)
LOGIN = Operation("bluesky.session.create", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
REFRESH = Operation("bluesky.session.refresh", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)


@dataclass(frozen=True)
class Connector:
    """An account's personal data server, by default Bluesky's own."""

    base_url: str = "https://bsky.social"
    name: str = "bluesky"
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def origins(self) -> tuple[str, ...]:
        return (self.base_url.rstrip("/"),)

    @property
    def fields(self) -> tuple[SecretField, ...]:
        return (
            SecretField("identifier", "handle (brand.bsky.social)", public=True),
            SecretField("password", "app password (Settings, Privacy and security, App passwords)"),
        )

    @property
    def options(self) -> tuple[Option, ...]:
        return ()

    def publishing(self, _: Mapping[str, Any]) -> Operation:
        return PUT

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return limits.BUDGETS

    def costs(self, operation: Operation, _: httpx.Request) -> Mapping[str, int]:
        return limits.costs(operation)

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return limits.observe(operation, response.headers)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        return outcomes.judge(operation, response)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        path = request.url.path
        if path.endswith("com.atproto.server.refreshSession"):
            return with_headers(request, {"authorization": f"Bearer {secrets.get('refreshJwt', '')}"})
        if path.endswith("com.atproto.server.createSession") or not secrets.get("accessJwt"):
            return with_headers(request, {})
        return with_headers(request, {"authorization": f"Bearer {secrets['accessJwt']}"})

    def harvest(self, operation: Operation, response: httpx.Response) -> Mapping[str, str]:
        return tokens(response, TOKENS) if operation.brings_keys else {}

    def takes(self, form: Form) -> Takes | None:
        return limits.TAKES if form in {Form.POST, Form.COMMENT} else None

    def preview(self, part: Part) -> Preview:
        card = "" if part.media else _card(text.facets(part.text))
        return Preview(part.text, text.graphemes(part.text), text.GRAPHEMES, card=card)

    def lasts(self, operation: Operation, response: httpx.Response) -> timedelta | None:
        return jwt_lifetime((json_object(response) or {}).get("accessJwt")) if operation.brings_keys else None

    def check(self, parts: Sequence[Part]) -> list[Problem]:
        return numbered(parts, lambda part: _of_text(part) + problems(part, self.takes(part.form), "Bluesky"))

    def price(self, _: Part) -> Decimal:
        return Decimal(0)

    async def prepare(
        self, wire: Wire, part: Part, thread: Sequence[Mapping[str, Any]], _: Mapping[str, Any]
    ) -> dict[str, Any]:
        did = wire.who or (await self.test(wire)).id
        now = wire.now().astimezone(UTC)
        record: dict[str, Any] = {
            "$type": COLLECTION,
            "text": part.text,
            "createdAt": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        found = text.facets(part.text)
        if facets := [facet for item in found if (facet := await self._facet(wire, item))]:
            record["facets"] = facets
        if embed := await self._embed(wire, part, found):
            record["embed"] = embed
        if thread:
            root, parent = await self._ref(wire, thread[0]), await self._ref(wire, thread[-1])
            record["reply"] = {"root": root, "parent": parent}
        plan = {"repo": did, "collection": COLLECTION, "rkey": tid(now), "record": record}
        return plan | {"expires": (now + BLOB_LIFE).isoformat()} if part.media else plan

    async def publish(self, wire: Wire, intent: Intent) -> httpx.Response:
        # swapRecord null: only if nothing, or exactly this, is there
        body = {name: intent.plan[name] for name in PLAN} | {"swapRecord": None}
        return await wire.request(PUT, "POST", f"{wire.base}/xrpc/com.atproto.repo.putRecord", intent=intent, json=body)

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> dict[str, Any] | None:
        wanted = {name: plan[name] for name in ("repo", "collection", "rkey")}
        answer = await wire.request(GET, "GET", f"{wire.base}/xrpc/com.atproto.repo.getRecord", params=wanted)
        if outcome_of(answer).reason == outcomes.REASONS["RecordNotFound"]:
            return None
        body = accepted(answer)
        same = body["value"].get("text") == plan["record"]["text"]
        return {"uri": body["uri"], "cid": body["cid"]} if same else None

    async def locate(self, _: Wire, __: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    async def recent(self, wire: Wire, since: datetime) -> list[Shown]:
        return await reading.recent(wire, wire.who or (await self.test(wire)).id, since)

    async def metrics(self, wire: Wire, results: Sequence[Mapping[str, Any]]) -> list[Metrics | None]:
        return await reading.metrics(wire, [str(result["uri"]) for result in results])

    @property
    def irrevocable(self) -> str:
        return ""

    async def delete(self, wire: Wire, intent: Intent) -> httpx.Response:
        repo, collection, rkey = str(intent.plan["published"]["uri"]).removeprefix("at://").split("/")
        body = {"repo": repo, "collection": collection, "rkey": rkey}
        url = f"{wire.base}/xrpc/com.atproto.repo.deleteRecord"
        return await wire.request(DELETE, "POST", url, intent=intent, json=body)

    async def edit(self, _: Wire, __: Intent) -> httpx.Response:
        raise Rejected("Bluesky's apps show the first text of a post for good; take it down and publish it anew")

    async def test(self, wire: Wire) -> Identity:
        answer = await wire.request(WHO, "GET", f"{wire.base}/xrpc/com.atproto.server.getSession")
        body = accepted(answer)
        return Identity(str(body["did"]), str(body["handle"]))

    @property
    def sign_in(self) -> SignIn | None:
        return None

    async def exchange(self, wire: Wire, redirect: str) -> list[Found]:
        raise Rejected(f"{wire.base} is connected with an app password, not by way of {redirect}")

    async def renew(self, wire: Wire, held: frozenset[str]) -> bool:
        if "refreshJwt" in held:
            answer = await wire.request(REFRESH, "POST", f"{wire.base}/xrpc/com.atproto.server.refreshSession")
            if outcome_of(answer).kind is Kind.OK:
                return True
        if not {"identifier", "password"} <= held:
            return False
        body = json.dumps({name: SECRET % name for name in ("identifier", "password")}).encode()
        headers = {"content-type": "application/json"}
        url = f"{wire.base}/xrpc/com.atproto.server.createSession"
        answer = await wire.request(LOGIN, "POST", url, content=body, headers=headers)
        if outcome_of(answer).kind is Kind.UNKNOWN:
            raise NotNow(None)  # a server in trouble says nothing against the password
        return outcome_of(answer).kind is Kind.OK

    def link(self, result: Mapping[str, Any]) -> str:
        repo, _, rkey = str(result["uri"]).removeprefix("at://").split("/")
        return f"https://bsky.app/profile/{repo}/post/{rkey}"

    def read_link(self, link: str) -> dict[str, Any] | None:
        found = _ADDRESS.fullmatch(link.strip())
        return {"uri": f"at://{found[1] or found[2]}/{COLLECTION}/{found[3]}"} if found else None

    async def _ref(self, wire: Wire, result: Mapping[str, Any]) -> dict[str, str]:
        """What a reply names; a person who says that a post is there knows its address, but not its digest."""
        if "cid" not in result:
            repo, collection, rkey = str(result["uri"]).removeprefix("at://").split("/")
            wanted = {"repo": repo, "collection": collection, "rkey": rkey}
            result = accepted(
                await wire.request(GET, "GET", f"{wire.base}/xrpc/com.atproto.repo.getRecord", params=wanted)
            )
        return {"uri": str(result["uri"]), "cid": str(result["cid"])}

    async def _facet(self, wire: Wire, found: text.Facet) -> dict[str, Any] | None:
        feature: dict[str, str] = {"$type": f"app.bsky.richtext.facet#{found.kind}"}
        match found.kind:
            case "link":
                feature["uri"] = found.value
            case "tag":
                feature["tag"] = found.value
            case _:
                url = f"{wire.base}/xrpc/com.atproto.identity.resolveHandle"
                answer = await wire.request(RESOLVE, "GET", url, params={"handle": found.value})
                if outcome_of(answer).kind is Kind.REJECTED:
                    return None  # a mention of nobody stays plain text
                feature["did"] = str(accepted(answer)["did"])
        return {"index": {"byteStart": found.start, "byteEnd": found.end}, "features": [feature]}

    async def _embed(self, wire: Wire, part: Part, found: Sequence[text.Facet]) -> dict[str, Any] | None:
        if part.media and part.media[0].video:
            blob, shown = await self._upload(wire, part.media[0])
            return {"$type": "app.bsky.embed.video", "video": blob, **shown}
        if part.media:
            images = [{"image": blob, **shown} for blob, shown in [await self._upload(wire, one) for one in part.media]]
            return {"$type": "app.bsky.embed.images", "images": images}
        if not (link := _card(found)):
            return None
        card = {"uri": link, "title": text.host(link), "description": ""}
        return {"$type": "app.bsky.embed.external", "external": card}

    async def _upload(self, wire: Wire, media: Media) -> tuple[dict[str, Any], dict[str, Any]]:
        """A file's blob, and what a post says of it besides."""
        await unchanged(media)
        url = f"{wire.base}/xrpc/com.atproto.repo.uploadBlob"
        headers = {"content-type": media.type, "content-length": str(media.size)}
        answer = await wire.request(UPLOAD, "POST", url, content=Stream(media), headers=headers)
        shown: dict[str, Any] = {"alt": media.alt}
        if media.width and media.height:
            shown["aspectRatio"] = {"width": media.width, "height": media.height}
        return accepted(answer)["blob"], shown


def _card(found: Sequence[text.Facet]) -> str:
    return next((facet.value for facet in found if facet.kind == "link"), "")


def _of_text(part: Part) -> list[Problem]:
    found: list[Problem] = []
    if not part.text.strip() and not part.media:
        found.append(Problem("text", "there is nothing to post; write a text or add a picture"))
    if (count := text.graphemes(part.text)) > text.GRAPHEMES:
        over = count - text.GRAPHEMES
        found.append(Problem("text", f"{count} characters, {over} more than Bluesky's {text.GRAPHEMES}; shorten it"))
    if (size := len(part.text.encode(errors="surrogatepass"))) > text.BYTES:
        found.append(Problem("text", f"{size} bytes, more than Bluesky's {text.BYTES}; shorten it"))
    if any("\ud800" <= character <= "\udfff" for character in part.text):
        found.append(Problem("text", "it has a broken character (half of a pair); write the text again"))
    return found
