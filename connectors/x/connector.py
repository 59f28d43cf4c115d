"""X, API version 2. It has no key of ours to dedupe by: a lost answer is settled by reading the account's posts."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import regex

from connectors import lookup
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
from connectors.network import Identity, Metrics, Option, Rejected, SecretField, Shown, Wire
from connectors.post import Form, Part, Problem, numbered
from connectors.signin import Found, SignIn
from connectors.signing import with_headers
from connectors.takes import Preview, Takes, problems
from connectors.x import limits, oauth, outcomes, reading, text, upload

_STATUS = regex.compile(r"(?:https://(?:\w+\.)?(?:x|twitter)\.com/\w+(?:/\w+)?/status/)?(\d{1,20})(?:[/?#].*)?")

CREATE = Operation("x.post.create", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)
DELETE = Operation("x.post.delete", Effect.REPEATABLE, Scope.DELETE, Absence.PROOF)
ME = Operation("x.user.me", Effect.READ, Scope.READ)
POSTS = Operation("x.user.posts", Effect.READ, Scope.READ)
#: by X's clock nothing is published so long after ours says that it left: a clock that takes local time for UTC is
#: wrong by less, and with one that is wrong by more no connection is trusted
AFTER = timedelta(days=1)


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

    def ration(self, _: Form) -> Budget | None:
        return next(budget for budget in limits.BUDGETS if budget.name == limits.TABLE[CREATE.name][0])

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        return limits.costs(operation, request)

    def took(self, operation: Operation, response: httpx.Response) -> Mapping[str, int]:
        return limits.took(operation, response)

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return limits.observe(operation, response.headers)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        return outcomes.judge(operation, response)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        if request.url.path == oauth.PATH:
            return with_headers(request, {})  # its keys stand in its body
        return with_headers(request, {"authorization": oauth.authorization(request, secrets)})

    def harvest(self, operation: Operation, response: httpx.Response) -> Mapping[str, str]:
        # an answer without a new refresh token leaves the old one in force
        return tokens(response, oauth.TOKENS) if operation.brings_keys else {}

    def takes(self, form: Form) -> Takes | None:
        return limits.TAKES if form in {Form.POST, Form.COMMENT} else None

    def preview(self, part: Part) -> Preview:
        urls = text.urls(part.text)
        card = urls[-1].text if urls and not part.media else ""  # X shows a card where there is no picture
        return Preview(part.text, text.weight(part.text), text.LIMIT, "weighted", card)

    def lasts(self, operation: Operation, response: httpx.Response) -> timedelta | None:
        return lifetime(response) if operation.brings_keys else None

    def check(self, parts: Sequence[Part]) -> list[Problem]:
        return numbered(parts, lambda part: _of_text(part) + problems(part, self.takes(part.form), "X"))

    def price(self, part: Part) -> Decimal:
        return Decimal(self.spends(part)) / 1000

    @property
    def purse(self) -> Budget:
        return next(budget for budget in limits.BUDGETS if budget.name == limits.CREDIT)

    def spends(self, part: Part) -> int:
        alts = sum(bool(media.alt) for media in part.media) * limits.TABLE[upload.METADATA.name][2]
        return limits.price(part.text) + alts

    @property
    def test_price(self) -> int:
        return limits.TABLE[ME.name][2]

    @property
    def reading_price(self) -> int:
        return limits.TABLE[reading.FIGURES.name][2]

    async def prepare(
        self, wire: Wire, part: Part, thread: Sequence[Mapping[str, Any]], so_far: Mapping[str, Any]
    ) -> dict[str, Any]:
        user = wire.who or (await self.test(wire)).id
        since = reading.stamp(wire.now() - lookup.SLACK)
        body: dict[str, Any] = {"text": part.text} if part.text else {}
        if thread:
            body["reply"] = {"in_reply_to_tweet_id": thread[-1]["id"]}
        plan: dict[str, Any] = {"body": body, "user": user, "since": since}
        if part.media:
            files = await upload.uploaded(wire, part.media, so_far)
            body["media"] = {"media_ids": [file.id for file in files]}
            plan["media_keys"] = [file.key for file in files if file.key]
            plan["expires"] = upload.expires(wire, so_far).isoformat()
        return plan

    async def publish(self, wire: Wire, intent: Intent) -> httpx.Response:
        return await wire.request(CREATE, "POST", f"{wire.base}/2/tweets", intent=intent, json=intent.plan["body"])

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> dict[str, Any] | None:
        keys, found = plan.get("media_keys") or [], await _written_then(wire, plan)
        same = [post for post in reversed(found) if _same(post, plan["body"]) and _shows(post, keys)]
        oldest = datetime.fromisoformat(str(plan["since"]))
        alike = [(reading.written(post, oldest), {"id": str(post["id"])}) for post in same]
        return next((one for one in lookup.likeliest(wire, alike) if not wire.known(one)), None)

    async def locate(self, _: Wire, __: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    async def recent(self, wire: Wire, since: datetime) -> list[Shown]:
        return await reading.recent(wire, wire.who or (await self.test(wire)).id, since)

    async def metrics(self, wire: Wire, results: Sequence[Mapping[str, Any]]) -> list[Metrics | None]:
        return await reading.metrics(wire, [str(result["id"]) for result in results])

    @property
    def irrevocable(self) -> str:
        return ""

    async def delete(self, wire: Wire, intent: Intent) -> httpx.Response:
        url = f"{wire.base}/2/tweets/{intent.plan['published']['id']}"
        return await wire.request(DELETE, "DELETE", url, intent=intent)

    async def edit(self, _: Wire, __: Intent) -> httpx.Response:
        raise Rejected("X does not let a published post be changed; take it down and publish it anew")

    async def test(self, wire: Wire) -> Identity:
        body = accepted(await wire.request(ME, "GET", f"{wire.base}/2/users/me"))
        return Identity(str(body["data"]["id"]), f"@{body['data']['username']}")

    @property
    def sign_in(self) -> SignIn | None:
        return oauth.sign_in(self.base_url)

    async def exchange(self, wire: Wire, redirect: str) -> list[Found]:
        accepted(await oauth.token(wire, oauth.first(redirect)))
        return []

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


async def _written_then(wire: Wire, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The account's posts of the time in which a plan can have been published, newest first; each has its price."""

    async def ask(since: datetime) -> list[dict[str, Any]]:
        query, user = {"start_time": reading.stamp(since), "max_results": reading.FEW}, str(plan["user"])
        if wire.sent is not None and wire.sent + AFTER < wire.now():
            with suppress(Rejected):  # what is later than X's own clock it may refuse
                until = {"end_time": reading.stamp(wire.sent + AFTER)}
                return [post async for post in reading.listed(wire, POSTS, user, query | until)]
        return [post async for post in reading.listed(wire, POSTS, user, query)]

    found, since = await lookup.listed(wire, datetime.fromisoformat(str(plan["since"])), ask)
    return [post for post in found if reading.written(post, since) >= since.replace(microsecond=0)]


def _same(post: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether X's post is what we sent."""
    others = post.get("referenced_tweets") or post.get("referenced_posts") or []
    parents = [str(item["id"]) for item in others if item.get("type") == "replied_to"]
    parent = (body.get("reply") or {}).get("in_reply_to_tweet_id")
    same_parent = parents == ([parent] if parent else [])
    return same_parent and _plain(reading.shown(post)) == _plain(str(body.get("text") or ""))


def _shows(post: Mapping[str, Any], keys: Sequence[str]) -> bool:
    """Whether it shows our files, as far as X says what it shows: two posts may have the same text, or none."""
    shown = (post.get("attachments") or {}).get("media_keys") or []
    return not shown or not keys or set(shown) == set(keys)


def _plain(written: str) -> str:
    """A text as far as X keeps it: composed, white space at the ends gone, addresses with their protocol."""
    composed = unicodedata.normalize("NFC", written).strip()
    for url in reversed(text.urls(composed)):
        bare = url.text.lower().removeprefix("https://").removeprefix("http://").rstrip("/")
        composed = f"{composed[: url.start]}{bare}{composed[url.end :]}"
    return composed


def _of_text(part: Part) -> list[Problem]:
    found: list[Problem] = []
    if not part.text.strip() and not part.media:
        found.append(Problem("text", "there is nothing to post; write a text or add a picture"))
    if (weight := text.weight(part.text)) > text.LIMIT:
        found.append(
            Problem("text", f"it counts {weight}, {weight - text.LIMIT} more than X's {text.LIMIT}; shorten it")
        )
    if len(text.cashtags(part.text)) > 1:
        found.append(Problem("text", "X takes one cashtag ($ABC) in a post; leave one"))
    return found
