"""Facebook Pages, by the Graph API. A post is staged unseen, then made visible; or made in one step and read back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import regex

from connectors import lookup
from connectors.answer import accepted
from connectors.base import Budget, Intent, Operation, Outcome, Reading, outcome_of
from connectors.facebook import limits, login, outcomes, probe, staged, upload
from connectors.facebook import operations as ops
from connectors.facebook import reading as read
from connectors.graph import login as graph_login
from connectors.graph import proof, version
from connectors.network import Identity, Metrics, Option, Rejected, SecretField, Shown, Wire
from connectors.post import Form, Part, Problem, numbered
from connectors.signin import Found, SignIn
from connectors.staging import Left, Sent
from connectors.takes import Preview, Takes, problems
from connectors.words import unpunctuated

STAGED, DIRECT = "staged", "direct"
PUBLISHING = Option(
    "publishing",
    STAGED,
    "staged: a post is made unseen, then shown, so that a lost answer can always be settled; direct: in one step",
    (STAGED, DIRECT),
)
HOW: dict[str, Operation] = {
    "create": ops.CREATE,
    "publish": ops.PUBLISH,
    "video": ops.VIDEO,
    "reel": ops.REEL,
    "story": ops.STORY,
    "film": ops.FILM,
    "comment": ops.COMMENT,
}
VIDEOS, FILES = "https://graph-video.facebook.com", "https://rupload.facebook.com"
UNUSED = timedelta(hours=20)  #: Facebook drops a picture or video after a day if nothing shows it
_URL = regex.compile(r"https?://[^\s<>\"\u3001\u3002\u3008-\u3011\uff08\uff09\uff0c]+", regex.IGNORECASE)


@dataclass(frozen=True)
class Connector:
    """One page, with its own token."""

    base_url: str = graph_login.API
    name: str = "facebook"
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def origins(self) -> tuple[str, ...]:
        base = self.base_url.rstrip("/")
        return (base, VIDEOS, FILES) if base == graph_login.API else (base,)

    @property
    def fields(self) -> tuple[SecretField, ...]:
        return (
            SecretField("page_token", "the page's access token"),
            *graph_login.APP,
        )

    @property
    def options(self) -> tuple[Option, ...]:
        return (version.OPTION, PUBLISHING)

    @property
    def version(self) -> str:
        """Of the Graph API."""
        return self.chosen.get("version") or version.OPTION.default

    @property
    def api(self) -> str:
        """Where calls go, with the version."""
        return f"{self.origins[0]}/{self.version}"

    def publishing(self, plan: Mapping[str, Any]) -> Operation:
        direct = self.chosen.get("publishing") == DIRECT
        return HOW[str(plan.get("how") or ("create" if direct else "publish"))]

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return limits.BUDGETS

    def ration(self, form: Form) -> Budget | None:
        return limits.REELS if form is Form.REEL else None

    def costs(self, operation: Operation, _: httpx.Request) -> Mapping[str, int]:
        return limits.costs(operation)

    def observe(self, _: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return limits.observe(response.headers)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        return outcomes.judge(operation, response)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        token = "user_token" if request.url.path.endswith("/me/accounts") else "page_token"
        return proof.signed(request, secrets, token)

    def harvest(self, operation: Operation, response: httpx.Response) -> Mapping[str, str]:
        return login.LOGIN.brought(operation, response) if operation.brings_keys else {}

    def lasts(self, _: Operation, __: httpx.Response) -> timedelta | None:
        return None  # what comes with a date is the person's token, which is not kept

    def takes(self, form: Form) -> Takes | None:
        return limits.TAKES[form]

    def preview(self, part: Part) -> Preview:
        most = limits.COMMENT if part.form is Form.COMMENT else limits.TEXT
        text = "" if part.form is Form.STORY else part.text
        card = "" if part.media or part.form is not Form.POST else _address(part.text)
        return Preview(text, len(text), most, card=card)

    def check(self, parts: Sequence[Part]) -> list[Problem]:
        first = parts[0].form if parts else Form.POST
        found = numbered(parts, lambda part: _of_text(part) + problems(part, self.takes(part.form), "Facebook"))
        if sum(part.form is not Form.COMMENT for part in parts) > 1:
            what = "Facebook has no threads; what follows the first part becomes comments under it"
            found.append(Problem("thread", what, warning=True))
        if first is Form.STORY and len(parts) > 1:
            found.append(Problem("comment", "nobody can comment on a story of a page; leave the comment out"))
        return found

    def price(self, _: Part) -> Decimal:
        return Decimal(0)

    async def prepare(
        self, wire: Wire, part: Part, thread: Sequence[Mapping[str, Any]], so_far: Mapping[str, Any]
    ) -> dict[str, Any]:
        page = wire.who or str((await read.me(wire, self.api))["id"])
        at = self._at(page)
        since = (wire.now() - lookup.SLACK).isoformat(timespec="seconds")
        plan: dict[str, Any] = {"page": page, "since": since}
        if part.media:
            plan["expires"] = (wire.now() + UNUSED).isoformat()
        if thread or part.form is Form.COMMENT:
            if not thread:
                raise Rejected("there is no post that the comment could be under")
            return plan | await self._comment(wire, at, part, str(thread[0]["id"]))
        match part.form:
            case Form.REEL:
                return plan | await self._reel(wire, at, part)
            case Form.STORY:
                return plan | await self._story(wire, at, part)
            case _ if part.media and part.media[0].video:
                number = await upload.video(wire, at, part.media[0], part.text, so_far)
                known = {"id": number, "kind": "video"}
                return plan | {"how": "video", "path": number, "body": {"published": True}, "result": known}
            case _:
                return plan | await self._post(wire, at, part)

    async def _post(self, wire: Wire, at: upload.Places, part: Part) -> dict[str, Any]:
        body: dict[str, Any] = {"message": part.text} if part.text else {}
        if part.media:
            body["attached_media"] = await upload.pictures(wire, at, part.media)
        elif link := _address(part.text):
            body["link"] = link
        path = f"{at.page}/feed"
        direct = {"how": "create", "path": path, "body": body}
        if self.chosen.get("publishing") == DIRECT:
            return direct
        answer = await wire.request(ops.STAGE, "POST", f"{at.api}/{path}", json=body | {"published": False})
        if part.media and outcome_of(answer).twice:
            # a try whose answer was lost has used them up, in a post that nobody sees
            body["attached_media"] = await upload.pictures(wire, at, part.media)
            answer = await wire.request(ops.STAGE, "POST", f"{at.api}/{path}", json=body | {"published": False})
        if outcomes.unstaged(answer):
            return direct  # a page may stop allowing it long after it was connected
        post = str(accepted(answer)["id"])
        return {"how": "publish", "path": post, "body": {"is_published": True}, "result": {"id": post}}

    async def _reel(self, wire: Wire, at: upload.Places, part: Part) -> dict[str, Any]:
        number = await upload.whole(wire, at, part.media[0], "video_reels")
        body = {"upload_phase": "finish", "video_id": number, "video_state": "PUBLISHED"}
        if part.text:
            body["description"] = part.text
        return {
            "how": "reel",
            "path": f"{at.page}/video_reels",
            "body": body,
            "result": {"id": number, "kind": "reel"},
        }

    async def _story(self, wire: Wire, at: upload.Places, part: Part) -> dict[str, Any]:
        media = part.media[0]
        known = {"kind": "story"}
        if not media.video:
            body = {"photo_id": await upload.picture(wire, at, media)}
            return {"how": "story", "path": f"{at.page}/photo_stories", "body": body, "result": known}
        number = await upload.whole(wire, at, media, "video_stories")
        finish = {"upload_phase": "finish", "video_id": number}
        return {"how": "film", "path": f"{at.page}/video_stories", "body": finish, "result": known}

    async def _comment(self, wire: Wire, at: upload.Places, part: Part, under: str) -> dict[str, Any]:
        body = {"message": part.text} if part.text else {}
        if part.media:
            body["attachment_id"] = await upload.picture(wire, at, part.media[0])
        return {"how": "comment", "path": f"{under}/comments", "body": body, "result": {"kind": "comment"}}

    async def publish(self, wire: Wire, intent: Intent) -> httpx.Response:
        plan = intent.plan
        url = f"{self.api}/{plan['path']}"
        return await wire.request(self.publishing(plan), "POST", url, intent=intent, json=plan["body"])

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> dict[str, Any] | None:
        return await read.found(wire, self._at(str(plan["page"])), plan)

    async def locate(self, wire: Wire, result: Mapping[str, Any]) -> dict[str, Any]:
        return await read.address(wire, self.api, result)

    async def recent(self, wire: Wire, since: datetime) -> list[Shown]:
        page = wire.who or str((await read.me(wire, self.api))["id"])
        return await read.recent(wire, self._at(page), since)

    async def metrics(self, wire: Wire, results: Sequence[Mapping[str, Any]]) -> list[Metrics | None]:
        return await read.metrics(wire, self.api, results)

    @property
    def irrevocable(self) -> str:
        return ""

    async def delete(self, wire: Wire, intent: Intent) -> httpx.Response:
        url = f"{self.api}/{intent.plan['published']['id']}"
        return await wire.request(ops.DELETE, "DELETE", url, intent=intent)

    @property
    def makes(self) -> Collection[str]:
        """What stays on the page, unseen, until it is shown or deleted (``connectors.staging``)."""
        return staged.MAKES.keys()

    def left(self, calls: Sequence[Sent], needed: Collection[str]) -> list[Left]:
        return staged.left(calls, needed)

    async def discard(self, wire: Wire, left: Left) -> bool:
        return await staged.discard(wire, self.api, left)

    async def edit(self, wire: Wire, intent: Intent) -> httpx.Response:
        result, text = intent.plan["published"], intent.plan["text"]
        if result.get("kind") == "story":
            raise Rejected("a story on Facebook has no text that could be changed")
        words = "description" if result.get("kind") in {"video", "reel"} else "message"
        return await wire.request(ops.EDIT, "POST", f"{self.api}/{result['id']}", intent=intent, json={words: text})

    async def test(self, wire: Wire) -> Identity:
        expires, warnings = await login.LOGIN.looked_at(wire, self.api)
        me = await read.me(wire, self.api)
        if me.get("can_post") is False:
            warnings.append("Facebook says that this key can't publish on the page; ask its owner for the task to")
        if ending := version.warning(self.version, wire.now(), self.name):
            warnings.append(ending)
        page, fits = str(me["id"]), {}
        if "publishing" not in self.chosen:
            way, said = await probe.staging(wire, self._at(page))
            fits = {"publishing": way} if way else {}
            warnings += [said] if said else []
        return Identity(page, str(me["name"]), expires, tuple(warnings), fits)

    @property
    def sign_in(self) -> SignIn | None:
        return login.LOGIN.page(self.base_url.rstrip("/"), self.version)

    async def exchange(self, wire: Wire, redirect: str) -> list[Found]:
        return await login.pages(wire, self.api, redirect)

    async def renew(self, _: Wire, __: frozenset[str]) -> bool:
        return False  # a page's token has no date; once it is dead, only the person can give a new one

    def link(self, result: Mapping[str, Any]) -> str:
        return read.link(result)

    def read_link(self, link: str) -> dict[str, Any] | None:
        return read.read_link(link)

    def _at(self, page: str) -> upload.Places:
        first, *others = self.origins
        videos, files = others or (first, first)
        return upload.Places(self.api, f"{videos}/{self.version}", f"{files}/video-upload/{self.version}", page)


def _address(text: str) -> str:
    """The first address in a text, without what ends the sentence around it."""
    found = _URL.search(text)
    return unpunctuated(found[0]) if found else ""


def _of_text(part: Part) -> list[Problem]:
    found: list[Problem] = []
    most = limits.COMMENT if part.form is Form.COMMENT else limits.TEXT
    if not part.text.strip() and not part.media:
        found.append(Problem("text", "there is nothing to post; write a text or add a picture"))
    if len(part.text) > most:
        over = len(part.text) - most
        found.append(
            Problem("text", f"it has {len(part.text)} characters, {over} more than Facebook's {most}; shorten it")
        )
    if part.text and part.form is Form.STORY:
        found.append(Problem("text", "a story on Facebook shows no text; it is left out", warning=True))
    return found
