"""X, API version 2. It has no key of ours to dedupe by: a lost answer is settled by reading the account's posts."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import regex

from connectors.answer import accepted, lifetime, tokens
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
from connectors.network import (
    Identity,
    Media,
    Metrics,
    Option,
    Part,
    Problem,
    SecretField,
    Shown,
    SignIn,
    Wire,
    numbered,
)
from connectors.picture import TYPES, content_of
from connectors.x import limits, oauth, outcomes, reading, text

IMAGES = 4
IMAGE_BYTES, GIF_BYTES = 5 * 1024 * 1024, 15 * 1024 * 1024
ALT = 1000
CHUNK = 1024 * 1024
MEDIA_LIFE = timedelta(hours=20)  #: X says 24 hours
_STATUS = regex.compile(r"(?:https://(?:\w+\.)?(?:x|twitter)\.com/\w+(?:/\w+)?/status/)?(\d{1,20})(?:[/?#].*)?")
_CASHTAG = regex.compile(r"(?<![\w$])\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?(?!\w)")

CREATE = Operation("x.post.create", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)
DELETE = Operation("x.post.delete", Effect.REPEATABLE, Scope.DELETE, Absence.PROOF)
ME = Operation("x.user.me", Effect.READ, Scope.READ)
POSTS = Operation("x.user.posts", Effect.READ, Scope.READ)
INITIALIZE = Operation("x.media.initialize", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
APPEND = Operation("x.media.append", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
FINALIZE = Operation("x.media.finalize", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
METADATA = Operation("x.media.metadata", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)


@dataclass(frozen=True)
class Connector:
    """One X account, with OAuth 1.0a user keys or an OAuth 2.0 user token."""

    base_url: str = "https://api.x.com"
    name: str = "x"
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def origins(self) -> tuple[str, ...]:
        return (self.base_url.rstrip("/"),)

    @property
    def fields(self) -> tuple[SecretField, ...]:
        return (
            SecretField("api_key", "API key (consumer key)", required=False),
            SecretField("api_secret", "API key secret", required=False),
            SecretField("access_token", "access token", required=False),
            SecretField("access_secret", "access token secret", required=False),
            SecretField("client_id", "OAuth 2.0 client id", required=False, public=True),
            SecretField("oauth2_access_token", "OAuth 2.0 user access token", required=False),
            SecretField("oauth2_refresh_token", "OAuth 2.0 refresh token", required=False),
        )

    @property
    def options(self) -> tuple[Option, ...]:
        return ()

    def publishing(self, _: Mapping[str, Any]) -> Operation:
        return CREATE

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return limits.BUDGETS

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        return limits.costs(operation, request)

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return limits.observe(operation, response.headers)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        return outcomes.judge(operation, response)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        headers = httpx.Headers(request.headers)
        if request.url.path != oauth.PATH:
            headers["authorization"] = oauth.authorization(request, secrets)
        return httpx.Request(request.method, request.url, headers=headers, stream=request.stream)

    def harvest(self, operation: Operation, response: httpx.Response) -> Mapping[str, str]:
        # an answer without a new refresh token leaves the old one in force
        return tokens(response, oauth.TOKENS) if operation.brings_keys else {}

    def lasts(self, operation: Operation, response: httpx.Response) -> timedelta | None:
        return lifetime(response) if operation.brings_keys else None

    def check(self, parts: Sequence[Part]) -> list[Problem]:
        return numbered(parts, _problems)

    def price(self, part: Part) -> Decimal:
        alts = sum(bool(media.alt) for media in part.media) * limits.TABLE[METADATA.name][2]
        return Decimal(limits.price(part.text) + alts) / 1000

    async def prepare(
        self, wire: Wire, part: Part, thread: Sequence[Mapping[str, Any]], _: Mapping[str, Any]
    ) -> dict[str, Any]:
        user = wire.who or (await self.test(wire)).id
        since = reading.stamp(wire.now() - timedelta(minutes=2))
        body: dict[str, Any] = {"text": part.text} if part.text else {}
        if thread:
            body["reply"] = {"in_reply_to_tweet_id": thread[-1]["id"]}
        plan: dict[str, Any] = {"body": body, "user": user, "since": since}
        if part.media:
            body["media"] = {"media_ids": [await self._upload(wire, media) for media in part.media]}
            plan["expires"] = (wire.now() + MEDIA_LIFE).isoformat()
        return plan

    async def publish(self, wire: Wire, intent: Intent) -> httpx.Response:
        return await wire.request(CREATE, "POST", f"{wire.base}/2/tweets", intent=intent, json=intent.plan["body"])

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> dict[str, Any] | None:
        url = f"{wire.base}/2/users/{plan['user']}/tweets"
        body = await reading.asked(wire, POSTS, url, {"start_time": plan["since"], "max_results": "100"})
        found = body.get("data") or []
        same = [post for post in found if _same(post, plan["body"])]
        return {"id": str(same[-1]["id"])} if same else None

    async def locate(self, _: Wire, __: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    async def recent(self, wire: Wire, since: datetime) -> list[Shown]:
        return await reading.recent(wire, wire.who or (await self.test(wire)).id, since)

    async def metrics(self, wire: Wire, results: Sequence[Mapping[str, Any]]) -> list[Metrics | None]:
        return await reading.metrics(wire, [str(result["id"]) for result in results])

    async def delete(self, wire: Wire, intent: Intent) -> httpx.Response:
        url = f"{wire.base}/2/tweets/{intent.plan['published']['id']}"
        return await wire.request(DELETE, "DELETE", url, intent=intent)

    async def test(self, wire: Wire) -> Identity:
        body = accepted(await wire.request(ME, "GET", f"{wire.base}/2/users/me"))
        return Identity(str(body["data"]["id"]), f"@{body['data']['username']}")

    @property
    def sign_in(self) -> SignIn | None:
        return oauth.sign_in(self.base_url)

    async def exchange(self, wire: Wire, redirect: str) -> None:
        accepted(await oauth.token(wire, oauth.first(redirect)))

    async def renew(self, wire: Wire, held: frozenset[str]) -> bool:
        if not {"oauth2_refresh_token", "client_id"} <= held:
            return False
        answer = await oauth.token(wire, oauth.again())
        if outcome_of(answer).kind is Kind.UNKNOWN:
            raise NotNow(None)  # a server in trouble says nothing against the token
        return outcome_of(answer).kind is Kind.OK

    def link(self, result: Mapping[str, Any]) -> str:
        return f"https://x.com/i/status/{result['id']}"

    def read_link(self, link: str) -> dict[str, Any] | None:
        found = _STATUS.fullmatch(link.strip())
        return {"id": found[1]} if found else None

    async def _upload(self, wire: Wire, media: Media) -> str:
        base = f"{wire.base}/2/media"
        content = await content_of(media)
        category = "tweet_gif" if media.type == "image/gif" else "tweet_image"
        begin = {"media_type": media.type, "total_bytes": media.size, "media_category": category}
        started = accepted(await wire.request(INITIALIZE, "POST", f"{base}/upload/initialize", json=begin))
        number = str(started["data"]["id"])
        for index in range(0, len(content), CHUNK):
            files = {"media": ("blob", content[index : index + CHUNK], "application/octet-stream")}
            data = {"segment_index": str(index // CHUNK)}
            accepted(await wire.request(APPEND, "POST", f"{base}/upload/{number}/append", data=data, files=files))
        accepted(await wire.request(FINALIZE, "POST", f"{base}/upload/{number}/finalize"))
        if media.alt:
            alt = {"id": number, "metadata": {"alt_text": {"text": media.alt}}}
            accepted(await wire.request(METADATA, "POST", f"{base}/metadata", json=alt))
        return number


def _same(post: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether X's post is what we sent."""
    others = post.get("referenced_tweets") or post.get("referenced_posts") or []
    parents = [item["id"] for item in others if item.get("type") == "replied_to"]
    parent = (body.get("reply") or {}).get("in_reply_to_tweet_id")
    same_parent = parents == ([parent] if parent else [])
    return same_parent and _plain(reading.shown(post)) == _plain(str(body.get("text") or ""))


def _plain(written: str) -> str:
    """A text as far as X keeps it: composed, white space at the ends gone, addresses with their protocol."""
    composed = unicodedata.normalize("NFC", written).strip()
    for url in reversed(text.urls(composed)):
        bare = url.text.lower().removeprefix("https://").removeprefix("http://").rstrip("/")
        composed = f"{composed[: url.start]}{bare}{composed[url.end :]}"
    return composed


def _problems(part: Part) -> list[Problem]:
    found: list[Problem] = []
    if not part.text.strip() and not part.media:
        found.append(Problem("text", "there is nothing to post; write a text or add a picture"))
    if (weight := text.weight(part.text)) > text.LIMIT:
        found.append(
            Problem("text", f"it counts {weight}, {weight - text.LIMIT} more than X's {text.LIMIT}; shorten it")
        )
    if len(_CASHTAG.findall(part.text)) > 1:
        found.append(Problem("text", "X takes one cashtag ($ABC) in a post; leave one"))
    if len(part.media) > IMAGES:
        found.append(Problem("media", f"{len(part.media)} pictures, more than X's {IMAGES}"))
    if len(part.media) > 1 and any(media.type == "image/gif" for media in part.media):
        found.append(Problem("media", "X takes a GIF only alone"))
    return found + [problem for media in part.media for problem in _media_problems(media)]


def _media_problems(media: Media) -> list[Problem]:
    found: list[Problem] = []
    name = Path(media.path).name
    most = GIF_BYTES if media.type == "image/gif" else IMAGE_BYTES
    if media.type not in TYPES:
        found.append(Problem("media", f"{name} is {media.type}; X takes JPEG, PNG, WebP and GIF"))
    if media.size > most:
        found.append(Problem("media", f"{name} has {media.size} bytes, more than X's {most}"))
    if len(media.alt) > ALT:
        found.append(Problem("alt", f"the text for {name} has {len(media.alt)} characters, more than X's {ALT}"))
    if not media.alt:
        found.append(Problem("alt", f"{name} has no text for people who can't see it", warning=True))
    return found
