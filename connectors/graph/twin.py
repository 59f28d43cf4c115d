"""A stand-in for what all of Graph has in common: apps, people, pages, tokens, errors, usage, fields."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from connectors.graph.proof import UPLOADS

Now = Callable[[], datetime]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
VERSION = r"/{version:v\d+\.\d+}"
SIGN_IN = ("/oauth/access_token", "/dialog/oauth", "/oauth/authorize")  #: what asks for no token
SHORT, LONG = timedelta(hours=2), timedelta(days=60)


@dataclass
class App:
    """Someone's app.

    Attributes:
        strict: Every call must have a proof.
        development: Only ``roles`` can use it.
        roles: Ids of people.
        closed: What a token may do is told to nobody but those.
    """

    id: str
    secret: str
    strict: bool = False
    development: bool = False
    roles: set[str] = field(default_factory=set)
    closed: bool = False


@dataclass
class Page:
    """A page, which an Instagram account may belong to."""

    id: str
    name: str
    tasks: tuple[str, ...] = ("CREATE_CONTENT", "MANAGE", "MODERATE", "ADVERTISE", "ANALYZE")
    instagram: str = ""
    username: str = ""


@dataclass
class Token:
    """Who may do what.

    Attributes:
        person: Whose yes it stands on; empty for an app's own.
        page: The page it acts as; empty: the person.
        scopes: What was allowed.
        ends: ``None``: no date.
        dead: Why it is no longer valid: a subcode of 190.
    """

    app: str
    person: str
    page: str
    scopes: tuple[str, ...]
    ends: datetime | None = None
    dead: int | None = None

    @property
    def kind(self) -> str:
        """In Graph's words."""
        return "PAGE" if self.page else "USER" if self.person else "APP"


@dataclass
class Graph:
    """What Meta holds.

    Attributes:
        usage: What the usage headers say, by header: percent or, for a business use case, whole entries.
        throttled: The code with which every call is refused; 0: none is.
    """

    now: Now
    apps: dict[str, App] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)  #: id -> name
    pages: dict[str, Page] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    codes: dict[str, tuple[str, str, str, tuple[str, ...]]] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    throttled: int = 0
    last: int = 120_000_000_000_000

    def number(self) -> str:
        """A fresh id."""
        self.last += 1 + secrets.randbelow(1000)
        return str(self.last)

    def token(self, app: str, person: str = "", page: str = "", scopes: Sequence[str] = (), **more: Any) -> str:
        """A fresh token."""
        value = f"EAA{secrets.token_hex(24)}"
        self.tokens[value] = Token(app, person, page, tuple(scopes), **more)
        return value


GRAPH = web.AppKey("graph", Graph)
TOKEN = web.RequestKey("token", Token)
PARAMS = web.RequestKey("params", dict[str, Any])


class GraphError(Exception):
    """An error answer in Graph's form."""

    def __init__(self, code: int, message: str, subcode: int = 0, status: int = 400, **more: Any) -> None:
        kind = "OAuthException" if code in {1, 2, 10, 102, 190} or 200 <= code < 300 else "GraphMethodException"  # noqa: PLR2004 - as Graph says it
        error = {"message": message, "type": kind, "code": code, **more, "fbtrace_id": secrets.token_hex(6)}
        if subcode:
            error["error_subcode"] = subcode
        self.answer = web.json_response({"error": error}, status=status)
        super().__init__(message)


def application(graph: Graph, largest: int = 1_000_000_000) -> web.Application:
    """Graph with what all products share; each adds its own nodes and edges under ``VERSION``."""
    app = web.Application(middlewares=[_protocol], client_max_size=largest)
    app[GRAPH] = graph
    app.router.add_route("*", f"{VERSION}/oauth/access_token", _access_token)
    app.router.add_get(f"{VERSION}/dialog/oauth", _dialog)
    app.router.add_get(f"{VERSION}/debug_token", _debug_token)
    app.router.add_get("/debug_token", _debug_token)
    app.router.add_get(f"{VERSION}/me/accounts", _accounts)
    return app


@web.middleware
async def _protocol(request: web.Request, handler: Handler) -> web.StreamResponse:
    graph = request.app[GRAPH]
    try:
        request[PARAMS] = await _params(request)
        open_to_all = request.path.endswith(SIGN_IN)
        if not open_to_all:
            request[TOKEN] = _who(request)
        answer = await (handler if open_to_all or not graph.throttled else _throttled)(request)
    except GraphError as error:
        answer = error.answer
    except web.HTTPNotFound:
        answer = GraphError(2500, "Unknown path components", status=400).answer
    for name, said in graph.usage.items():
        answer.headers[name] = json.dumps(said)
    answer.headers["x-fb-trace-id"] = secrets.token_hex(6)
    answer.headers["facebook-api-version"] = request.match_info.get("version", "v26.0")
    return answer


async def _throttled(request: web.Request) -> web.StreamResponse:
    code = request.app[GRAPH].throttled
    raise GraphError(code, f"(#{code}) Page request limit reached", status=403)


async def _params(request: web.Request) -> dict[str, Any]:
    """Everything a call says: in its address, and in its form, parts or JSON."""
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        body = await request.json()
        found |= body if isinstance(body, dict) else {}
    elif request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        found |= dict(await request.post())
    return found


def _who(request: web.Request) -> Token:
    graph, params = request.app[GRAPH], request[PARAMS]
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    value = rest if scheme in {"Bearer", "OAuth"} else str(params.get("access_token") or "")
    app_id, bar, app_secret = value.partition("|")
    if bar and app_id in graph.apps and graph.apps[app_id].secret == app_secret:
        return Token(app_id, "", "", ())
    token = graph.tokens.get(value)
    if token is None:
        raise GraphError(190, "Invalid OAuth access token - Cannot parse access token", status=401)
    if token.dead is not None or (token.ends is not None and token.ends <= graph.now()):
        raise GraphError(190, "Error validating access token", token.dead or 463, status=401)
    app = graph.apps[token.app]
    if not request.path.startswith(UPLOADS):  # that host asks for no proof
        _proven(app, value, params.get("appsecret_proof"))
    if app.development and token.person not in app.roles:
        raise GraphError(200, "(#200) The app is in development mode and you have no role in it", status=403)
    return token


def _proven(app: App, token: str, given: Any) -> None:
    wanted = hmac.new(app.secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    if given is None and app.strict:
        raise GraphError(100, "API calls from the server require an appsecret_proof argument")
    if given is not None and not hmac.compare_digest(str(given), wanted):
        raise GraphError(100, "Invalid appsecret_proof provided in the API argument")


def whole_address(request: web.Request) -> str:
    """Where a call went, with its token, as Graph writes where the next page is."""
    return str(request.url.update_query(access_token=request.headers.get("authorization", "").rpartition(" ")[2]))


def names(asked: str) -> list[str]:
    """The names in a ``fields`` parameter, without what is asked of each."""
    found, depth, name = [], 0, ""
    for character in f"{asked},":
        if character in "{(":
            depth += 1
        elif character in "})":
            depth -= 1
        elif character == "," and not depth:
            found.append(name.partition(".")[0])
            name = ""
        elif not depth:
            name += character
    return [name for name in found if name]


def picked(node: Mapping[str, Any], request: web.Request, known: frozenset[str], default: str = "id") -> dict[str, Any]:
    """A node with the fields that were asked for; empty ones are left out, as Graph does.

    Raises:
        GraphError: there is no such field.
    """
    asked = names(str(request[PARAMS].get("fields") or default))
    if unknown := [name for name in asked if name not in known | {"id"}]:
        raise GraphError(100, f"(#100) Tried accessing nonexisting field ({unknown[0]})")
    return {name: node[name] for name in dict.fromkeys([*asked, "id"]) if node.get(name) not in (None, "")}


def need(request: web.Request, scope: str) -> Token:
    """The caller, who must have been allowed ``scope``.

    Raises:
        GraphError: they were not.
    """
    token = request[TOKEN]
    if scope not in token.scopes:
        raise GraphError(200, f"(#200) Requires {scope} permission to manage the object", status=403)
    return token


async def _access_token(request: web.Request) -> web.Response:
    graph, given = request.app[GRAPH], request[PARAMS]
    app = graph.apps.get(str(given.get("client_id")))
    if app is None:
        raise GraphError(101, "Error validating application. Cannot get application info due to a system error.")
    if given.get("client_secret") != app.secret:
        raise GraphError(1, "Error validating client secret.")
    if given.get("grant_type") == "fb_exchange_token":
        held = graph.tokens.get(str(given.get("fb_exchange_token")))
        if held is None or held.app != app.id or held.dead or (held.ends and held.ends <= graph.now()):
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        return _issued(graph, held.app, held.person, held.scopes, LONG)
    bound = graph.codes.pop(str(given.get("code")), None)
    if bound is None or bound[:1] + bound[2:3] != (app.id, given.get("redirect_uri")):
        raise GraphError(100, "Error validating verification code.", 36009)
    return _issued(graph, app.id, bound[1], bound[3], SHORT)


def _issued(graph: Graph, app: str, person: str, scopes: Sequence[str], life: timedelta) -> web.Response:
    value = graph.token(app, person, "", scopes, ends=graph.now() + life)
    seconds = int(life.total_seconds())
    return web.json_response({"access_token": value, "token_type": "bearer", "expires_in": seconds})


async def _dialog(request: web.Request) -> web.Response:
    """The page on which a person says yes; here the first person does, at once."""
    graph, asked = request.app[GRAPH], request.query
    if asked.get("client_id") not in graph.apps or asked.get("response_type") != "code" or not asked.get("state"):
        raise GraphError(101, "Invalid app ID: The provided app ID does not look like a valid app ID.")
    code = secrets.token_urlsafe(32)
    person, scopes = next(iter(graph.people)), tuple(filter(None, asked.get("scope", "").split(",")))
    graph.codes[code] = (asked["client_id"], person, asked["redirect_uri"], scopes)
    raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")


async def _debug_token(request: web.Request) -> web.Response:
    graph, caller = request.app[GRAPH], request[TOKEN]
    token = graph.tokens.get(str(request[PARAMS].get("input_token")))
    if token is None or token.app != caller.app:
        raise GraphError(100, "(#100) The App_id in the input_token did not match the Viewing App")
    if graph.apps[token.app].closed and caller.person and caller.person not in graph.apps[token.app].roles:
        raise GraphError(100, "(#100) You must provide an app access token, or a user access token of a developer")
    valid = token.dead is None and (token.ends is None or token.ends > graph.now())
    data: dict[str, Any] = {
        "app_id": token.app,
        "type": token.kind,
        "application": "Automator",
        "is_valid": valid,
        "expires_at": int(token.ends.timestamp()) if token.ends else 0,
        "data_access_expires_at": int((graph.now() + timedelta(days=90)).timestamp()),
        "scopes": list(token.scopes),
        "user_id": token.person,
    }
    if token.page:
        data["profile_id"] = token.page
    return web.json_response({"data": data})


async def _accounts(request: web.Request) -> web.Response:
    """The pages that a person has a task on, each with a token of its own."""
    graph, caller = request.app[GRAPH], need(request, "pages_show_list")
    if caller.page:
        raise GraphError(100, "(#100) Tried accessing nonexisting field (accounts) on node type (Page)")
    known = frozenset({"id", "name", "access_token", "tasks", "category", "instagram_business_account", "username"})
    rows = []
    for page in graph.pages.values():
        value = graph.token(caller.app, caller.person, page.id, caller.scopes)
        node: dict[str, Any] = {
            "id": page.id,
            "name": page.name,
            "access_token": value,
            "tasks": list(page.tasks),
            "category": "Brand",
        }
        if page.instagram:
            node["instagram_business_account"] = {"id": page.instagram, "username": page.username}
        rows.append(picked(node, request, known, "access_token,category,name,tasks"))
    start, limit = int(request[PARAMS].get("after") or 0), int(request[PARAMS].get("limit") or 25)
    shown = rows[start : start + limit]
    paging = {"cursors": {"after": str(start + limit)}} if start + limit < len(rows) else {}
    return web.json_response({"data": shown, "paging": paging})
