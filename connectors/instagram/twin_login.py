"""Signing in at Instagram's twin itself: its page, a token for a code, one of 60 days for that, and its renewal."""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web

from connectors.graph.twin import GRAPH, PARAMS, TOKEN, App, Graph, GraphError
from connectors.instagram.twin_world import OWN, WORLD

HOUR, LIFE = timedelta(hours=1), timedelta(days=60)


def add_routes(app: web.Application) -> None:
    """Put them where Instagram's own hosts have them."""
    app.router.add_get("/oauth/authorize", _authorize)
    app.router.add_post("/oauth/access_token", _first)
    app.router.add_get("/access_token", _longer)
    app.router.add_get("/refresh_access_token", _refresh)


class Refused(web.HTTPBadRequest):
    """An error in the form of Instagram's own hosts, which is not Graph's."""

    def __init__(self, message: str) -> None:
        said = f'{{"error_type": "OAuthException", "code": 400, "error_message": "{message}"}}'
        super().__init__(text=said, content_type="application/json")


def _app(graph: Graph, number: object) -> App:
    app = graph.apps.get(str(number))
    if app is None:
        raise Refused("Invalid platform app")
    return app


def _may(app: App, account: str) -> None:
    if app.development and account not in app.roles:
        raise Refused("Insufficient developer role")


async def _authorize(request: web.Request) -> web.Response:
    """The page on which a person says yes; here the first account does, at once."""
    graph, world, asked = request.app[GRAPH], request.app[WORLD], request.query
    app, back = _app(graph, asked.get("client_id")), asked.get("redirect_uri", "")
    if asked.get("response_type") != "code" or not back.startswith("https://"):
        raise Refused("Invalid redirect_uri")
    account = next(iter(world.accounts))
    _may(app, account)
    code, scopes = secrets.token_urlsafe(32), tuple(filter(None, asked.get("scope", "").split(",")))
    graph.codes[code] = (app.id, f"{OWN}{account}", back, scopes)
    said = urlencode({"code": code} | ({"state": asked["state"]} if "state" in asked else {}))
    raise web.HTTPFound(f"{back}?{said}#_")


async def _first(request: web.Request) -> web.Response:
    graph, given = request.app[GRAPH], request[PARAMS]
    app = _app(graph, given.get("client_id"))
    if given.get("client_secret") != app.secret:
        raise Refused("Error validating client secret")
    if given.get("grant_type") != "authorization_code":
        raise Refused("Invalid grant_type")
    bound = graph.codes.pop(str(given.get("code")), None)
    if bound is None or bound[0] != app.id:
        raise Refused("Matching code was not found or was already used")
    if bound[2] != given.get("redirect_uri"):
        raise Refused("The redirect_uri is not identical to the one used before")
    _may(app, bound[1].removeprefix(OWN))
    token = graph.token(app.id, bound[1], "", bound[3], ends=graph.now() + HOUR)
    said = {"access_token": token, "user_id": bound[1].removeprefix(OWN), "permissions": ",".join(bound[3])}
    return web.json_response({"data": [said]})


async def _longer(request: web.Request) -> web.Response:
    graph, asked, token = request.app[GRAPH], request.query, request[TOKEN]
    if asked.get("grant_type") != "ig_exchange_token" or not token.person.startswith(OWN):
        raise GraphError(100, "Unsupported request - invalid grant")
    if asked.get("client_secret") != graph.apps[token.app].secret:
        raise GraphError(1, "Error validating client secret.")
    fresh = graph.token(token.app, token.person, "", token.scopes, ends=graph.now() + LIFE)
    return _issued(fresh)


async def _refresh(request: web.Request) -> web.Response:
    graph, asked = request.app[GRAPH], request.query
    token = graph.tokens.get(asked.get("access_token", ""))
    if asked.get("grant_type") != "ig_refresh_token" or token is None or not token.person.startswith(OWN):
        raise GraphError(100, "Unsupported request - invalid grant")
    if token.ends is None or token.ends <= graph.now():
        raise GraphError(190, "Session has expired", 463, status=401)
    if token.ends - graph.now() > LIFE - timedelta(days=1):
        raise GraphError(100, "The access token is less than 24 hours old and can not be refreshed")
    return _issued(graph.token(token.app, token.person, "", token.scopes, ends=graph.now() + LIFE))


def _issued(token: str) -> web.Response:
    seconds = int(LIFE.total_seconds())
    return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": seconds})
