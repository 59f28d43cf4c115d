"""A stand-in for X's API: the same paths, signatures, errors, limits and habits, over a world in memory."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from aiohttp import web

from connectors.x import text
from connectors.x.twin_media import check_named, routes
from connectors.x.twin_reading import PAGE, as_json, figures, page
from connectors.x.twin_world import USER, WORLD, Now, Refusal, User, World, read_json

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: what POST /2/tweets takes; anything else is refused
FIELDS = frozenset(
    {"text", "media", "poll", "reply", "quote_tweet_id", "reply_settings", "community_id", "share_with_followers"}
    | {"geo", "card_uri", "edit_options", "direct_message_deep_link", "made_with_ai", "paid_partnership", "nullcast"}
    | {"for_super_followers_only"}
)
SKEW = 300  #: seconds that a signature's clock may differ
#: calls of a user in 15 minutes (docs.x.com, rate limits); each endpoint is counted apart
A_QUARTER = {
    "DELETE /2/tweets/{id}": 50,
    "GET /2/tweets": 5_000,
    "GET /2/tweets/{id}": 900,
    "GET /2/users/me": 75,
    "GET /2/users/{id}/tweets": 900,
    "POST /2/media/upload/initialize": 1_875,
    "POST /2/media/upload/{id}/append": 1_875,
    "POST /2/media/upload/{id}/finalize": 1_875,
    "GET /2/media/upload": 1_000,
    "POST /2/media/metadata": 500,
}

HANDLE = "brand"  #: of the sandbox's account
CODE_LIFE = timedelta(seconds=30)


def add_account(app: web.Application, handle: str) -> dict[str, str]:
    """Give someone an account; returns the keys of an app that may post for them."""
    names = ("api_key", "api_secret", "access_token", "access_secret")
    keys = {name: secrets.token_urlsafe(24) for name in names}
    number = str(int.from_bytes(hashlib.sha256(handle.encode()).digest()[:7], "big"))
    app[WORLD].users[number] = User(number, handle, keys)
    return keys


def add_token(app: web.Application, handle: str) -> dict[str, str]:
    """Give an existing user OAuth 2.0 tokens."""
    world = app[WORLD]
    user = next(user for user in world.users.values() if user.handle == handle)
    fresh = _tokens(world, user.id)
    return {"client_id": "app", "oauth2_access_token": fresh[0], "oauth2_refresh_token": fresh[1]}


def posts(app: web.Application) -> list[dict[str, Any]]:
    """Every post that the world can see, in order."""
    world = app[WORLD]
    return [
        {
            "account": world.users[post["author_id"]].handle,
            "id": post["id"],
            "text": post["written"],
            "at": post["created_at"],
            "reply_to": post["reply_to"],
            "images": len(post["media"]),
            "alts": [world.media[number]["alt"] for number in post["media"]],
        }
        for post in world.posts.values()
    ]


def twin(now: Now) -> web.Application:
    """X, empty."""
    app = web.Application(middlewares=[_protocol], client_max_size=20_000_000)
    app[WORLD] = World(now)
    app.router.add_post("/2/tweets", _create)
    app.router.add_get("/2/tweets", _several)
    app.router.add_delete("/2/tweets/{id}", _delete)
    app.router.add_get("/2/tweets/{id}", _one)
    app.router.add_get("/2/users/me", _me)
    app.router.add_get("/2/users/{id}/tweets", _timeline)
    routes(app)
    app.router.add_post("/2/oauth2/token", _token)
    app.router.add_get("/i/oauth2/authorize", _consent)
    return app


@web.middleware
async def _protocol(request: web.Request, handler: Handler) -> web.StreamResponse:
    world = request.app[WORLD]
    count = (0, 0, world.now())
    try:
        if "/oauth2/" not in request.path:
            request[USER] = await _who(request)
            count = _counted(world, request)
        answer = await (handler if count[0] <= count[1] else _throttled)(request)
    except Refusal as refusal:
        answer = refusal.answer
    if count[1]:
        answer.headers["x-rate-limit-limit"] = str(count[1])
        answer.headers["x-rate-limit-remaining"] = str(max(0, count[1] - count[0]))
        answer.headers["x-rate-limit-reset"] = str(int(count[2].timestamp()) + 1)
    answer.headers["x-transaction-id"] = secrets.token_hex(8)
    return answer


def _counted(world: World, request: web.Request) -> tuple[int, int, datetime]:
    resource = request.match_info.route.resource
    endpoint = f"{request.method} {resource.canonical if resource else request.path}"
    limit = world.posts_in_15_minutes if endpoint == "POST /2/tweets" else A_QUARTER.get(endpoint, 900)
    key = (request[USER].id, endpoint)
    used, ends = world.counted.get(key, (0, world.now()))
    if ends <= world.now():
        used, ends = 0, world.now() + timedelta(minutes=15)
    world.counted[key] = (used + 1, ends)
    return used + 1, limit, ends


async def _throttled(_: web.Request) -> web.StreamResponse:
    raise Refusal(429, "Too Many Requests", "Too Many Requests")


async def _who(request: web.Request) -> User:
    world = request.app[WORLD]
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer":
        number, ends = world.tokens.get(rest, ("", world.now()))
        if ends > world.now():
            return world.users[number]
    elif scheme == "OAuth":
        given = {
            unquote(name.strip()): unquote(value.strip().strip('"'))
            for name, _, value in (item.partition("=") for item in rest.split(","))
        }
        for user in world.users.values():
            if user.keys["access_token"] == given.get("oauth_token") and _signed(request, user, given, world.now()):
                return user
    raise Refusal(401, "Unauthorized", "Unauthorized")


def _signed(request: web.Request, user: User, given: dict[str, str], now: datetime) -> bool:
    """Recompute the signature (RFC 5849, section 3.4)."""
    if abs(int(given.get("oauth_timestamp") or 0) - now.timestamp()) > SKEW:
        return False
    query = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
    pairs = [(name, value) for name, value in given.items() if name not in {"oauth_signature", "realm"}] + query
    encoded = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in pairs)
    parameters = "&".join(f"{name}={value}" for name, value in encoded)
    base = f"http://{request.host}{request.rel_url.raw_path}"
    signed = "&".join(quote(item, safe="~") for item in (request.method, base, parameters))
    key = f"{quote(user.keys['api_secret'], safe='~')}&{quote(user.keys['access_secret'], safe='~')}"
    digest = hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()
    consumer = user.keys["api_key"] == given.get("oauth_consumer_key")
    return consumer and hmac.compare_digest(base64.b64encode(digest).decode(), given.get("oauth_signature", ""))


async def _create(request: web.Request) -> web.Response:
    world, user = request.app[WORLD], request[USER]
    body = await read_json(request, FIELDS)
    written, media = str(body.get("text") or ""), (body.get("media") or {}).get("media_ids", [])
    parent = (body.get("reply") or {}).get("in_reply_to_tweet_id")
    if not written.strip() and not media:
        raise Refusal(400, "One of text or media is required", "Invalid Request")
    if text.weight(written) > text.LIMIT:
        raise Refusal(403, "Your Tweet text is too long. You are not allowed to create it.")
    check_named(world, media)
    if parent is not None and parent not in world.posts:
        raise Refusal(403, "You attempted to reply to a Tweet that is deleted or not visible to you.")
    same = (post for post in world.posts.values() if post["author_id"] == user.id and post["written"] == written)
    if any(post["reply_to"] == parent and not media and not post["media"] for post in same):
        raise Refusal(403, "You are not allowed to create a Tweet with duplicate content.")
    world.last += 1
    number = str(world.last)
    kinds = ["photo" if world.media[item]["category"] == "tweet_image" else "video" for item in media]
    shown, urls = _shortened(written, number, kinds)
    created = world.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    world.posts[number] = {
        "id": number, "author_id": user.id, "written": written, "text": shown, "created_at": created,
        "visible_at": world.now() + world.visible_after, "urls": urls, "reply_to": parent, "media": media,
        "media_keys": [world.media[item]["key"] for item in media],
        "figures": {},
    }  # fmt: skip
    return web.json_response({"data": {"id": number, "text": shown, "edit_history_tweet_ids": [number]}}, status=201)


def _shortened(written: str, number: str, kinds: list[str]) -> tuple[str, list[dict[str, str]]]:
    shown, at, urls = "", 0, []
    for index, url in enumerate(text.urls(written)):
        short = f"https://t.co/{number[-6:]}{index}"
        full = url.text if url.text.lower().startswith("http") else f"http://{url.text}"
        urls.append({"url": short, "expanded_url": full})
        shown += html.escape(written[at : url.start], quote=False) + short
        at = url.end
    shown += html.escape(written[at:], quote=False)
    if kinds:
        short = f"https://t.co/{number[-6:]}p"
        urls.append({"url": short, "expanded_url": f"https://x.com/i/status/{number}/{kinds[0]}/1"})
        shown = f"{shown} {short}".strip()
    return shown, urls


async def _delete(request: web.Request) -> web.Response:
    world, number = request.app[WORLD], request.match_info["id"]
    if number in world.posts and world.posts[number]["author_id"] != request[USER].id:
        raise Refusal(403, "You are not permitted to perform this action.")
    return web.json_response({"data": {"deleted": world.posts.pop(number, None) is not None}})


async def _one(request: web.Request) -> web.Response:
    post = request.app[WORLD].posts.get(request.match_info["id"])
    if post is None:
        return web.json_response({"errors": [{"title": "Not Found Error", "detail": "Could not find tweet"}]})
    return web.json_response({"data": as_json(post)})


async def _me(request: web.Request) -> web.Response:
    user = request[USER]
    return web.json_response({"data": {"id": user.id, "name": user.handle, "username": user.handle}})


def _named(request: web.Request) -> None:
    if "post.fields" in request.query and request.app[WORLD].old_names:
        raise Refusal(400, "The query parameter [post.fields] is not one of [...]", "Invalid Request")


async def _several(request: web.Request) -> web.Response:
    world, wanted = request.app[WORLD], request.query.get("ids", "").split(",")
    _named(request)
    if not 1 <= len(wanted) <= PAGE or not all(number.isdigit() for number in wanted):
        raise Refusal(400, f"The `ids` query parameter takes 1 to {PAGE} ids", "Invalid Request")
    return web.json_response(figures(world.posts, wanted, "retweet" if world.old_names else "repost"))


async def _timeline(request: web.Request) -> web.Response:
    world, query = request.app[WORLD], request.query
    _named(request)
    if not request.match_info["id"].isdigit():
        raise Refusal(400, "The `id` query parameter value is not valid", "Invalid Request")
    size = int(query.get("max_results", "10"))
    if not 5 <= size <= PAGE:  # noqa: PLR2004 - X's specification
        raise Refusal(400, f"The `max_results` query parameter value [{size}] is not between 5 and {PAGE}")
    until = query.get("end_time", "")
    if until and datetime.fromisoformat(until) > world.now() - timedelta(seconds=10):
        raise Refusal(400, "Invalid 'end_time'. It must be a minimum of 10 seconds prior to the request time.")
    seen = [post for post in reversed(world.posts.values()) if post["visible_at"] <= world.now()]
    mine = [post for post in seen if post["author_id"] == request.match_info["id"]]
    span = (query.get("start_time", ""), until)
    return web.json_response(page(mine, size, span, query.get("pagination_token", "")))


async def _consent(request: web.Request) -> web.Response:
    """The page on which a person says yes; here everybody does, at once."""
    world, asked = request.app[WORLD], request.query
    if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256" or "state" not in asked:
        raise Refusal(400, "Something went wrong: you weren't able to give access to the App.")
    code = secrets.token_urlsafe(32)
    user = next(iter(world.users.values()))
    bound = (asked["client_id"], asked["redirect_uri"], asked["code_challenge"])
    world.codes[code] = (user.id, bound, world.now() + CODE_LIFE)
    raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], 'code': code})}")


async def _token(request: web.Request) -> web.Response:
    world, form = request.app[WORLD], {name: str(value) for name, value in (await request.post()).items()}
    match form.get("grant_type"):
        case "refresh_token":
            number = world.refresh.pop(form.get("refresh_token", ""), None)
        case "authorization_code":
            number = _redeemed(world, form)
        case _:
            number = None
    if number is None:
        error = {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}
        return web.json_response(error, status=400)
    access, refresh = _tokens(world, number)
    body = {"token_type": "bearer", "expires_in": 7200, "access_token": access, "refresh_token": refresh}
    return web.json_response(body)


def _redeemed(world: World, form: dict[str, str]) -> str | None:
    """Whose code it is, if it is fresh and everything that it is bound to fits."""
    number, bound, ends = world.codes.pop(form.get("code", ""), ("", ("", "", ""), world.now()))
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    fits = bound == (form.get("client_id"), form.get("redirect_uri"), challenge)
    return number if fits and ends > world.now() else None


def _tokens(world: World, number: str) -> tuple[str, str]:
    access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    world.tokens[access] = (number, world.now() + world.token_life)
    world.refresh[refresh] = number
    return access, refresh
