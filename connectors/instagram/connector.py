"""Instagram's publishing API. A container becomes at most one post, and says itself whether it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import httpx
import regex

from connectors import lookup
from connectors.answer import accepted, lifetime
from connectors.base import Budget, Intent, Kind, NotNow, Operation, Outcome, Reading, outcome_of
from connectors.graph import insights, proof, version
from connectors.graph import login as graph_login
from connectors.instagram import containers, limits, login, outcomes, settle, text, who
from connectors.instagram.containers import Way
from connectors.instagram.operations import (
    COMMENT,
    DELETE,
    INSIGHTS,
    MEDIA,
    MEDIUM,
    PUBLISH,
    QUOTA,
)
from connectors.network import Identity, Metrics, Option, Rejected, SecretField, Shown, Wire
from connectors.post import Form, Part, Problem, numbered
from connectors.signin import Found, SignIn
from connectors.takes import Preview, Takes, problems
from connectors.words import counted

FACEBOOK, INSTAGRAM = "facebook", "instagram"  #: whose login the token comes from
GRAPHS = {FACEBOOK: graph_login.API, INSTAGRAM: login.API}
UPLOADS = "https://rupload.facebook.com"
PAGES = 10  #: of a list that are read at most
_LINK = regex.compile(r"(?:https?://)?(?:www\.)?instagram\.com/(?:[\w.]+/)?(p|reel|tv)/([\w-]{5,40})/?(?:[?#].*)?")
_NUMBER = regex.compile(r"\d{5,25}")


@dataclass(frozen=True)
class Connector:
    """One professional account, with Facebook Login (the token of its page) or with Instagram Login (its own)."""

    base_url: str = ""
    name: str = "instagram"
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def login(self) -> str:
        """Whose login the token comes from."""
        return self.chosen.get("login") or FACEBOOK

    @property
    def version(self) -> str:
        """Of the Graph API."""
        return self.chosen.get("version") or version.OPTION.default

    @property
    def origins(self) -> tuple[str, ...]:
        if self.base_url:
            return (self.base_url.rstrip("/"),)
        return (GRAPHS[self.login], UPLOADS if self.login == FACEBOOK else login.CODES)

    @property
    def fields(self) -> tuple[SecretField, ...]:
        token = SecretField("access_token", f"access token of the {'page' if self.login == FACEBOOK else 'account'}")
        return (token, *graph_login.APP) if self.login == FACEBOOK else (token,)

    @property
    def options(self) -> tuple[Option, ...]:
        choices = (FACEBOOK, INSTAGRAM)
        return (Option("login", FACEBOOK, "whose login the token comes from", choices), version.OPTION)

    def publishing(self, plan: Mapping[str, Any]) -> Operation:
        return COMMENT if "message" in plan else PUBLISH

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return limits.BUDGETS

    def ration(self, form: Form) -> Budget | None:
        return None if form is Form.COMMENT else limits.BUDGETS[0]

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        return limits.costs(operation, request)

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return limits.observe(operation, response)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        return outcomes.judge(operation, response)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        if self.login == FACEBOOK:
            token = "user_token" if request.url.path.endswith("/me/accounts") else "access_token"
            return proof.signed(request, secrets, token)
        held, path = {"access_token": secrets.get("access_token", "")}, request.url.path
        signed = proof.signed(request, held, "access_token")
        if path in {who.REFRESH_PATH, login.LONGER_PATH}:
            # Instagram has no other place for the keys that it renews one with; the record is above this layer
            app = {"client_secret": secrets.get("app_secret", "")} if path == login.LONGER_PATH else {}
            signed.url = signed.url.copy_merge_params(held | app)
        return signed

    def harvest(self, operation: Operation, response: httpx.Response) -> Mapping[str, str]:
        if not operation.brings_keys:
            return {}
        return login.LOGIN.brought(operation, response) if self.login == FACEBOOK else login.brought(response)

    def lasts(self, operation: Operation, response: httpx.Response) -> timedelta | None:
        return lifetime(response) if operation.brings_keys else None

    def check(self, parts: Sequence[Part]) -> list[Problem]:
        return numbered(parts, _problems) + _of_all(parts)

    def takes(self, form: Form) -> Takes | None:
        return limits.takes(form, uploads=self.login == FACEBOOK)

    def preview(self, part: Part) -> Preview:
        shown = "" if part.form is Form.STORY else part.text
        return Preview(shown, text.length(shown), text.CHARACTERS)

    def price(self, _: Part) -> Decimal:
        return Decimal(0)

    async def prepare(
        self, wire: Wire, part: Part, thread: Sequence[Mapping[str, Any]], so_far: Mapping[str, Any]
    ) -> dict[str, Any]:
        if part.form is Form.COMMENT:
            first = thread[0] if thread[0].get("id") else await self.locate(wire, thread[0])
            if not first.get("id"):
                raise settle.unshown(thread[0], wire.now())
            known = {"kind": "comment"}
            return {"message": part.text, "media": first["id"], "begun": wire.now().isoformat(), "result": known}
        way = await self._way(wire)
        if not so_far:
            await self._room(wire, way)
        stage = await containers.ready(wire, way, part, so_far)
        story = part.form is Form.STORY
        return {
            "creation_id": stage.container,
            "node": way.node.rpartition("/")[2],
            "caption": "" if story else part.text,
            "story": story,
            "begun": wire.now().isoformat(),
            "expires": (stage.begun + limits.LIFE).isoformat(),
        }

    async def publish(self, wire: Wire, intent: Intent) -> httpx.Response:
        plan = intent.plan
        if "message" in plan:
            url, said = f"{self._base(wire)}/{plan['media']}/comments", {"message": plan["message"]}
            return await wire.request(COMMENT, "POST", url, intent=intent, data=said)
        url = f"{self._base(wire)}/{plan['node']}/media_publish"
        return await wire.request(PUBLISH, "POST", url, intent=intent, data={"creation_id": plan["creation_id"]})

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> dict[str, Any] | None:
        if "message" in plan:
            return await settle.comment(wire, self._base(wire), plan)
        return await settle.post(wire, self._at(wire, str(plan["node"])), plan)

    async def locate(self, wire: Wire, result: Mapping[str, Any]) -> dict[str, Any]:
        if result.get("id"):
            fields = {"fields": "id,permalink"}
            said = accepted(await wire.request(MEDIUM, "GET", f"{self._base(wire)}/{result['id']}", params=fields))
            return {"permalink": str(said.get("permalink") or "")}
        if "begun" in result:
            listed, since = await lookup.listed(wire, settle.since(result), partial(self._listed, wire))
            links = {str(item["id"]): str(item.get("permalink") or "") for item in listed}
            unknown = (one for one in settle.same(listed, result, since) if not wire.known(one))
            return next(({**one, "permalink": links[one["id"]]} for one in unknown), {})
        for item in await self._listed(wire, wire.now() - timedelta(days=90)) if result.get("permalink") else ():
            if item.get("permalink") == result["permalink"]:
                return {"id": str(item["id"])}
        return {}

    async def recent(self, wire: Wire, since: datetime) -> list[Shown]:
        found = [
            Shown({"id": str(item["id"])}, str(item.get("caption") or ""), at)
            for item in await self._listed(wire, since)
            if (at := settle.when(item)) is not None and at >= since
        ]
        return sorted(found, key=lambda shown: shown.at)

    async def metrics(self, wire: Wire, results: Sequence[Mapping[str, Any]]) -> list[Metrics | None]:
        return [await self._figures(wire, result) for result in results]

    @property
    def irrevocable(self) -> str:
        if self.login == FACEBOOK:
            return ""
        return "Instagram takes posts down only for Facebook Login; take it down in Instagram's app"

    async def delete(self, wire: Wire, intent: Intent) -> httpx.Response:
        if self.irrevocable:
            raise Rejected(self.irrevocable)
        url = f"{self._base(wire)}/{intent.plan['published']['id']}"
        return await wire.request(DELETE, "DELETE", url, intent=intent)

    async def test(self, wire: Wire) -> Identity:
        ask = who.of_page if self.login == FACEBOOK else who.of_account
        found = await ask(wire, self._base(wire))
        noted = version.warning(self.version, wire.now(), self.name)
        warnings = tuple(filter(None, (*found.warnings, noted, await self._may_publish(wire, found.id))))
        return Identity(found.id, found.handle, found.expires, warnings)

    @property
    def sign_in(self) -> SignIn | None:
        base = self.base_url.rstrip("/")
        if self.login == FACEBOOK:
            return login.LOGIN.page(base or graph_login.API, self.version)
        return login.page(base)

    async def edit(self, _: Wire, __: Intent) -> httpx.Response:
        raise Rejected("Instagram lets nothing be changed that is published; take it down, and publish it anew")

    async def exchange(self, wire: Wire, redirect: str) -> list[Found]:
        if self.login == FACEBOOK:
            return await login.of_pages(wire, self._base(wire), redirect)
        await login.of_account(wire, self.base_url.rstrip("/") or login.CODES, redirect)
        return []

    async def renew(self, wire: Wire, held: frozenset[str]) -> bool:
        if self.login == FACEBOOK or "access_token" not in held:
            return False
        answer = await who.refreshed(wire)
        if outcome_of(answer).kind is Kind.UNKNOWN:
            raise NotNow(None)  # a server in trouble says nothing against the token
        return outcome_of(answer).kind is Kind.OK

    def link(self, result: Mapping[str, Any]) -> str:
        return str(result.get("permalink") or "")

    def read_link(self, link: str) -> dict[str, Any] | None:
        if found := _LINK.fullmatch(link.strip()):
            return {"id": "", "permalink": f"https://www.instagram.com/{found[1]}/{found[2]}/"}
        return {"id": link.strip()} if _NUMBER.fullmatch(link.strip()) else None

    def _base(self, wire: Wire) -> str:
        return f"{wire.base}/{self.version}"

    def _at(self, wire: Wire, account: str) -> Way:
        uploads = (self.base_url.rstrip("/") or UPLOADS) if self.login == FACEBOOK else ""
        return Way(f"{self._base(wire)}/{account}", self.version, uploads)

    async def _way(self, wire: Wire) -> Way:
        return self._at(wire, wire.who or (await self.test(wire)).id)

    async def _room(self, wire: Wire, way: Way) -> None:
        """What the account may still publish today, in Instagram's own words."""
        fields = {"fields": "quota_usage,config"}
        said = accepted(await wire.request(QUOTA, "GET", f"{way.node}/content_publishing_limit", params=fields))
        quota = limits.quota(said)
        if quota is not None and quota[0] >= quota[1]:
            why = f"Instagram takes {counted(quota[1], 'post')} in 24 hours, and has had as many"
            raise NotNow(wire.now() + limits.FULL, why)

    async def _may_publish(self, wire: Wire, account: str) -> str:
        fields = {"fields": "quota_usage,config"}
        url = f"{self._base(wire)}/{account}/content_publishing_limit"
        outcome = outcome_of(await wire.request(QUOTA, "GET", url, params=fields))
        return f"it can't publish: {outcome.reason}" if outcome.kind is Kind.REJECTED else ""

    async def _listed(self, wire: Wire, since: datetime) -> list[dict[str, Any]]:
        asked = {"fields": "id,caption,timestamp,permalink", "limit": "100"}
        account = (await self._way(wire)).node
        found: list[dict[str, Any]] = []
        for _ in range(PAGES):
            said = accepted(await wire.request(MEDIA, "GET", f"{account}/media", params=asked))
            items = [item for item in said["data"] if isinstance(item, dict) and "id" in item]
            found += items
            after = ((said.get("paging") or {}).get("cursors") or {}).get("after")
            oldest = min((settle.when(item) or datetime.max.replace(tzinfo=UTC) for item in items), default=since)
            if not after or oldest <= since:
                break
            asked["after"] = str(after)
        return found

    async def _figures(self, wire: Wire, result: Mapping[str, Any]) -> Metrics | None:
        media, comment = str(result.get("id") or ""), result.get("kind") == "comment"
        url = f"{self._base(wire)}/{media}"
        fields = {"fields": "like_count" if comment else "like_count,comments_count"}
        answer = await wire.request(MEDIUM, "GET", url, params=fields) if media else None
        if answer is None or outcome_of(answer).kind is Kind.REJECTED:
            return None
        counted = accepted(answer)
        if comment:
            return Metrics(insights.count(counted.get("like_count")), None, None, None)
        asked = await wire.request(INSIGHTS, "GET", f"{url}/insights", params={"metric": "shares,views"})
        told = {} if outcome_of(asked).kind is Kind.REJECTED else insights.figures(accepted(asked))
        return Metrics(
            insights.count(counted.get("like_count")),
            insights.count(counted.get("comments_count")),
            told.get("shares"),
            told.get("views"),
        )


def _problems(part: Part) -> list[Problem]:
    return text.problems(part) + problems(part, limits.TAKES.get(part.form), "Instagram")


def _of_all(parts: Sequence[Part]) -> list[Problem]:
    found: list[Problem] = []
    if any(part.form is not Form.COMMENT for part in parts[1:]):
        found.append(Problem("thread", "Instagram has no threads; make it one post, or the other parts comments"))
    if parts and parts[0].form is Form.COMMENT:
        found.append(Problem("form", "a comment needs a post that it is under; make the first part one"))
    if parts and parts[0].form is Form.STORY and len(parts) > 1:
        found.append(Problem("comment", "a story on Instagram takes no comment; leave it out"))
    return found
