"""A stand-in for a personal data server: the same paths, checks, errors and limits, over a world in memory."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from connectors.bluesky import lexicon
from connectors.bluesky.lexicon import POST
from connectors.bluesky.meter import ANYTHING, LOGINS, POINTS, UPLOADS, WRITES, Claim, Meter, Rule
from connectors.bluesky.tid import tid

Now = Callable[[], datetime]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Account:
    """Someone with an account on this server."""

    did: str
    handle: str
    password: str
    records: dict[str, dict[str, Any]] = field(default_factory=dict)  #: by collection/rkey
    blobs: dict[str, int] = field(default_factory=dict)  #: sizes by cid


@dataclass
class World:
    """What the server holds."""

    now: Now
    token_life: timedelta = timedelta(hours=2)
    blob_limit: int = 100_000_000  #: bytes; a server's own setting
    accounts: dict[str, Account] = field(default_factory=dict)  #: by did
    sessions: dict[str, tuple[str, str, datetime]] = field(default_factory=dict)  #: token -> did, kind, ends
    figures: dict[str, dict[str, int]] = field(default_factory=dict)  #: by uri, as the network's view has them
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(self.now)


VIEWED = 25  #: posts that can be asked about at once
REUSE = timedelta(hours=2)  #: how long a refresh token that was used may be used again, since an answer may be lost
WORLD = web.AppKey("bluesky", World)
PIECE = 65_536
LIMITS = web.RequestKey("limits", dict[str, str])  #: what is said of them in the answer
HANDLE = "brand.test"  #: of the sandbox's account


class Refusal(Exception):
    """An error answer in the form of the protocol."""

    def __init__(self, error: str, message: str, status: int = 400) -> None:
        self.answer = web.json_response({"error": error, "message": message}, status=status)
        super().__init__(message)


def cid(value: Any) -> str:
    """A content identifier in the usual form (CIDv1, SHA-256); equal values, equal identifiers."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return "b" + base64.b32encode(b"\x01\x71\x12\x20" + digest).decode().lower().rstrip("=")


def add_account(app: web.Application, handle: str, password: str | None = None) -> dict[str, str]:
    """Let someone sign in; returns their keys."""
    world = app[WORLD]
    did = f"did:plc:{hashlib.sha256(handle.encode()).hexdigest()[:24]}"
    account = world.accounts.setdefault(did, Account(did, handle, password or secrets.token_urlsafe(14)))
    return {"identifier": account.handle, "password": account.password}


def posts(app: web.Application) -> list[dict[str, Any]]:
    """Every post that the world can see, by time."""
    found = [
        {
            "account": account.handle,
            "id": f"at://{account.did}/{key}",
            "text": record["text"],
            "at": record["createdAt"],
            "reply_to": record.get("reply", {}).get("parent", {}).get("uri"),
            "images": len(_named(record)),
            "alts": alts(record),
        }
        for account in app[WORLD].accounts.values()
        for key, record in account.records.items()
        if key.startswith(POST)
    ]
    return sorted(found, key=lambda post: (post["at"], post["id"]))


def twin(now: Now) -> web.Application:
    """The server, empty."""
    app = web.Application(middlewares=[_protocol], client_max_size=60_000_000)
    app[WORLD] = World(now)
    for method, name, handler in (
        ("POST", "com.atproto.server.createSession", _create_session),
        ("POST", "com.atproto.server.refreshSession", _refresh_session),
        ("GET", "com.atproto.server.getSession", _get_session),
        ("GET", "com.atproto.server.describeServer", _describe),
        ("GET", "com.atproto.identity.resolveHandle", _resolve),
        ("POST", "com.atproto.repo.uploadBlob", _upload),
        ("POST", "com.atproto.repo.putRecord", _put),
        ("POST", "com.atproto.repo.createRecord", _put),
        ("GET", "com.atproto.repo.getRecord", _get),
        ("GET", "com.atproto.repo.listRecords", _list),
        ("POST", "com.atproto.repo.deleteRecord", _delete),
        ("GET", "app.bsky.feed.getPosts", _get_posts),
    ):
        app.router.add_route(method, f"/xrpc/{name}", handler)
    return app


@web.middleware
async def _protocol(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        bodiless = request.method == "GET" or request.path.endswith("refreshSession")
        unasked = bodiless and (request.body_exists or "transfer-encoding" in request.headers)
        answer = await (_unasked if unasked else handler)(request)
    except Refusal as refusal:
        answer = refusal.answer
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        name = request.path.removeprefix("/xrpc/")
        answer = Refusal("InvalidRequest", f"No service configured for {name}").answer
        answer.headers.update(_counted(request))
    answer.headers.update(request.get(LIMITS, {}))
    return answer


def _counted(request: web.Request, rules: tuple[Rule, ...] = (), whose: str = "", points: int = 1) -> dict[str, str]:
    """Count a call that may be made, after its caller and its input were looked at and before anything is done."""
    from_where = request.remote or ""
    own = [Claim(rule, whose or from_where, points) for rule in rules]
    status = request.app[WORLD].meter.take([*own, Claim(ANYTHING, from_where)])
    request[LIMITS] = status.headers()
    if status.exceeded:
        raise Refusal("RateLimitExceeded", "Rate Limit Exceeded", 429)
    return status.headers()


async def _unasked(_: web.Request) -> web.StreamResponse:
    raise Refusal("InvalidRequest", "A request body was provided when none was expected")


async def _body(request: web.Request, required: set[str]) -> dict[str, Any]:
    """The input; what the server does not know in it, it lets pass."""
    try:
        body = await request.json()
    except ValueError as error:
        raise Refusal("SyntaxError", str(error)) from None
    if not isinstance(body, dict) or (missing := required - body.keys()):
        raise Refusal("InvalidRequest", f"Input must have the property {missing if isinstance(body, dict) else ''}")
    return body


def _session(world: World, account: Account) -> web.Response:
    answer: dict[str, Any] = {"did": account.did, "handle": account.handle, "active": True}
    for name, kind, life in (("accessJwt", "access", world.token_life), ("refreshJwt", "refresh", timedelta(days=60))):
        token = _token(kind, world.now(), life)
        world.sessions[token] = (account.did, kind, world.now() + life)
        answer[name] = token
    return web.json_response(answer)


def _token(kind: str, now: datetime, life: timedelta) -> str:
    """A JSON Web Token (RFC 7519) as the server makes them, but for the signature, which only the server reads."""
    issued = int(now.timestamp())
    claims = {"scope": f"com.atproto.{kind}", "iat": issued, "exp": issued + int(life.total_seconds())}
    halves = (json.dumps(item).encode() for item in ({"typ": f"{kind}+jwt", "alg": "none"}, claims))
    head, payload = (base64.urlsafe_b64encode(half).decode().rstrip("=") for half in halves)
    return f"{head}.{payload}.{secrets.token_urlsafe(40)}"


def _who(request: web.Request, kind: str = "access") -> Account:
    world = request.app[WORLD]
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise Refusal("AuthMissing", "Authentication Required", 401)
    if scheme != "Bearer":
        raise Refusal("InvalidToken", "Unexpected authorization type")
    did, held, ends = world.sessions.get(token, ("", "", world.now()))
    if held != kind:
        raise Refusal("InvalidToken", "Token could not be verified")
    if ends <= world.now():
        raise Refusal("ExpiredToken", "Token has expired")
    return world.accounts[did]


async def _create_session(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    body = await _body(request, {"identifier", "password"})
    _counted(request, LOGINS, f"{body['identifier']}-{request.remote}")
    wanted = (body["identifier"], body["password"])
    for account in world.accounts.values():
        if wanted in {(account.handle, account.password), (account.did, account.password)}:
            return _session(world, account)
    raise Refusal("AuthenticationRequired", "Invalid identifier or password", 401)


async def _refresh_session(request: web.Request) -> web.Response:
    account = _who(request, "refresh")
    _counted(request)
    world, used = request.app[WORLD], request.headers["authorization"].partition(" ")[2]
    did, kind, ends = world.sessions[used]
    world.sessions[used] = (did, kind, min(ends, world.now() + REUSE))
    return _session(world, account)


async def _get_session(request: web.Request) -> web.Response:
    account = _who(request)
    _counted(request)
    return web.json_response({"did": account.did, "handle": account.handle, "active": True})


async def _describe(request: web.Request) -> web.Response:
    _counted(request)
    return web.json_response({"did": "did:web:localhost", "availableUserDomains": [".test"]})


async def _resolve(request: web.Request) -> web.Response:
    _counted(request)
    for account in request.app[WORLD].accounts.values():
        if account.handle == request.query.get("handle"):
            return web.json_response({"did": account.did})
    raise Refusal("InvalidRequest", "Unable to resolve handle")


async def _upload(request: web.Request) -> web.Response:
    account, most = _who(request), request.app[WORLD].blob_limit
    head, size, digest = bytearray(), 0, hashlib.sha256()
    async for piece in request.content.iter_chunked(PIECE):
        size += len(piece)
        if size > most:
            raise Refusal("PayloadTooLarge", "request entity too large", 413)
        digest.update(piece)
        head += piece[: max(0, lexicon.IMAGE_BYTES - len(head))]
    _counted(request, UPLOADS)
    link = cid(digest.hexdigest())
    account.blobs[link] = size
    kind = _sniffed(bytes(head)) or request.content_type
    blob = {"$type": "blob", "ref": {"$link": link}, "mimeType": kind, "size": size}
    return web.json_response({"blob": blob})


def _sniffed(content: bytes) -> str | None:
    """A file's own type, which the server believes rather than what it is told."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - slow to load

    if content[4:8] == b"ftyp":
        return "video/quicktime" if content[8:12] == b"qt  " else "video/mp4"
    try:
        with Image.open(io.BytesIO(content)) as image:
            return Image.MIME.get(image.format or "")
    except (UnidentifiedImageError, OSError):
        return None


async def _put(request: web.Request) -> web.Response:
    account, put = _who(request), request.path.endswith("putRecord")
    required = {"repo", "collection", "record"} | ({"rkey"} if put else set())
    body = await _body(request, required)
    _write(request, account)
    _check_own(account, body)
    rkey = body.get("rkey") or tid(request.app[WORLD].now())
    record = _check(account, body, rkey)
    key = f"{body['collection']}/{rkey}"
    uri, link, there = f"at://{account.did}/{key}", cid(record), account.records.get(key)
    if there is not None and cid(there) == link:
        return web.json_response({"uri": uri, "cid": link, "validationStatus": "valid"})
    if there is not None and (not put or ("swapRecord" in body and body["swapRecord"] != cid(there))):
        raise Refusal("InvalidSwap", f"Record was at {cid(there)}")
    account.records[key] = record
    commit = {"cid": cid([uri, link]), "rev": rkey}
    return web.json_response({"uri": uri, "cid": link, "commit": commit, "validationStatus": "valid"})


def _write(request: web.Request, account: Account) -> None:
    _counted(request, WRITES, account.did, POINTS[request.path.rpartition(".")[2]])


def _check(account: Account, body: dict[str, Any], rkey: str) -> dict[str, Any]:
    """The record as the server keeps it."""
    collection, record = str(body["collection"]), body["record"]
    try:
        lexicon.check_key(collection, rkey)
        lexicon.check_record(collection, record)
    except lexicon.Invalid as invalid:
        raise Refusal("InvalidRequest", str(invalid)) from None
    for link in _named(record) if collection == POST else ():
        if link not in account.blobs:
            raise Refusal("BlobNotFound", f"Could not find blob: {link}")
    return {"$type": collection, **record}


def alts(record: Mapping[str, Any]) -> list[str]:
    """What stands with each picture or video of a post, for people who can't see it; empty where there is nothing."""
    embed = record.get("embed", {})
    return [item.get("alt", "") for item in (*embed.get("images", []), *([embed] if "video" in embed else []))]


def _named(record: dict[str, Any]) -> list[str]:
    """The blobs that a post is made of."""
    embed = record.get("embed", {})
    blobs = [image["image"] for image in embed.get("images", [])] + ([embed["video"]] if "video" in embed else [])
    return [blob["ref"]["$link"] for blob in blobs]


def _hosted(world: World, repo: str) -> Account | None:
    return next((account for account in world.accounts.values() if repo in {account.did, account.handle}), None)


def _check_own(account: Account, body: dict[str, Any]) -> None:
    if body["repo"] not in {account.did, account.handle}:
        raise Refusal("AccountNotFound", "Account not found", 403)


def _found(request: web.Request) -> tuple[str, dict[str, Any]]:
    account = _hosted(request.app[WORLD], request.query.get("repo", ""))
    if account is None:
        raise Refusal("InvalidRequest", "Could not locate record")
    key = f"{request.query.get('collection')}/{request.query.get('rkey')}"
    record = account.records.get(key)
    if record is None:
        raise Refusal("RecordNotFound", "Could not locate record")
    return f"at://{account.did}/{key}", record


async def _get(request: web.Request) -> web.Response:
    _counted(request)
    uri, record = _found(request)
    return web.json_response({"uri": uri, "cid": cid(record), "value": record})


async def _list(request: web.Request) -> web.Response:
    _counted(request)
    account = _hosted(request.app[WORLD], request.query.get("repo", ""))
    if account is None:
        raise Refusal("InvalidRequest", "Could not find repo")
    limit = int(request.query.get("limit", "50"))
    collection, cursor = f"{request.query['collection']}/", request.query.get("cursor", "~")
    keys = [key for key in account.records if key.startswith(collection) and key.removeprefix(collection) < cursor]
    keys = sorted(keys, reverse=True)[:limit]
    found = [
        {"uri": f"at://{account.did}/{key}", "cid": cid(account.records[key]), "value": account.records[key]}
        for key in keys
    ]
    return web.json_response({"records": found} | ({"cursor": keys[-1].removeprefix(collection)} if keys else {}))


async def _get_posts(request: web.Request) -> web.Response:
    """What the network's view says, to which a data server passes the question on."""
    _counted(request)
    _who(request)
    world, uris = request.app[WORLD], request.query.getall("uris", [])
    if not uris or len(uris) > VIEWED:
        raise Refusal("InvalidRequest", f"Error: uris must have 1 to {VIEWED} elements")
    found = []
    for account in world.accounts.values():
        author = {"did": account.did, "handle": account.handle}
        for key, record in account.records.items():
            uri = f"at://{account.did}/{key}"
            if uri in uris or f"at://{account.handle}/{key}" in uris:
                counts = dict.fromkeys(("likeCount", "replyCount", "repostCount", "quoteCount", "bookmarkCount"), 0)
                view = {"uri": uri, "cid": cid(record), "author": author, "record": record}
                found.append(view | {"indexedAt": record["createdAt"]} | counts | world.figures.get(uri, {}))
    return web.json_response({"posts": found})


async def _delete(request: web.Request) -> web.Response:
    account = _who(request)
    body = await _body(request, {"repo", "collection", "rkey"})
    _write(request, account)
    _check_own(account, body)
    account.records.pop(f"{body['collection']}/{body['rkey']}", None)
    return web.json_response({})
