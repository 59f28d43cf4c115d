"""A stand-in for Instagram's publishing API: containers, what becomes of them, and comments, over a world in memory."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from aiohttp import web

from connectors.graph.twin import (
    GRAPH,
    PARAMS,
    TOKEN,
    VERSION,
    App,
    Graph,
    GraphError,
    Now,
    Page,
    application,
    picked,
    whole_address,
)
from connectors.instagram import twin_containers as containers_twin
from connectors.instagram import twin_login
from connectors.instagram.twin_containers import code
from connectors.instagram.twin_world import OWN, WORLD, World, acting, caller, missing, stamp, used

RIGHTS = ("pages_show_list", "pages_read_engagement", "instagram_basic", "instagram_content_publish")
OWN_RIGHTS = ("instagram_business_basic", "instagram_business_content_publish")
SCOPES = (*RIGHTS, "instagram_manage_comments", "instagram_manage_insights", "pages_manage_posts")
SLASH = "{slash:/?}"  #: Meta's own SDK ends the address of a node with one
HANDLE = "brand"  #: of the sandbox's account
CONTAINER_FIELDS = frozenset({"id", "status", "status_code", "copyright_check_status"})
MEDIA_FIELDS = frozenset(
    {"id", "caption", "timestamp", "permalink", "media_type", "media_product_type", "like_count", "comments_count"}
    | {"alt_text", "username", "shortcode", "is_shared_to_feed", "media_url", "owner"}
)
COMMENT_FIELDS = frozenset({"id", "text", "timestamp", "username", "like_count", "from"})


def twin(now: Now) -> web.Application:
    """Instagram, empty."""
    graph = Graph(now)
    app = application(graph)
    app[WORLD] = World(now)
    twin_login.add_routes(app)
    app.router.add_post("/ig-api-upload/{version}/{id}", containers_twin.upload)
    app.router.add_get(f"{VERSION}/me{SLASH}", _me)
    app.router.add_post(f"{VERSION}/{{id}}/media", containers_twin.contain)
    app.router.add_get(f"{VERSION}/{{id}}/media", _list)
    app.router.add_get(f"{VERSION}/{{id}}/stories", _list)
    app.router.add_post(f"{VERSION}/{{id}}/media_publish", containers_twin.publish)
    app.router.add_get(f"{VERSION}/{{id}}/content_publishing_limit", _limit)
    app.router.add_get(f"{VERSION}/{{id}}/comments", _comments)
    app.router.add_post(f"{VERSION}/{{id}}/comments", _comment)
    app.router.add_get(f"{VERSION}/{{id}}/insights", _insights)
    app.router.add_get(f"{VERSION}/{{id}}{SLASH}", _node)
    app.router.add_delete(f"{VERSION}/{{id}}{SLASH}", _delete)
    return app


def add_account(app: web.Application, handle: str) -> dict[str, str]:
    """Give someone a professional account, with a page; returns the page's token, and the app's id and secret."""
    graph, world = app[GRAPH], app[WORLD]
    number = _number(handle)
    world.accounts[number] = handle
    graph.apps.setdefault("app", App("app", secrets.token_hex(16)))
    graph.people.setdefault("person", "A Person")
    page = Page(graph.number(), handle, instagram=number, username=handle)
    graph.pages[page.id] = page
    token = graph.token("app", "person", page.id, SCOPES)
    return {"access_token": token, "app_id": "app", "app_secret": graph.apps["app"].secret}


def add_own(app: web.Application, handle: str, life: timedelta = timedelta(days=60)) -> dict[str, str]:
    """The keys of an account that signed in with Instagram Login."""
    graph, world = app[GRAPH], app[WORLD]
    number = _number(handle)
    world.accounts[number] = handle
    graph.apps.setdefault("app", App("app", secrets.token_hex(16)))
    scopes = (*OWN_RIGHTS, "instagram_business_manage_comments", "instagram_business_manage_insights")
    return {"access_token": graph.token("app", f"{OWN}{number}", "", scopes, ends=world.now() + life)}


def posts(app: web.Application) -> list[dict[str, Any]]:
    """Everything that the world can see, in order: posts, and comments under them."""
    world = app[WORLD]
    seen = [(item["at"], _seen(world, item)) for item in world.media.values()]
    seen += [
        (item["at"], {"account": item["username"], "id": item["id"], "text": item["text"], "under": item["media"]})
        for item in world.comments.values()
    ]
    return [shown for _, shown in sorted(seen, key=lambda pair: pair[0])]


def _seen(world: World, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "account": world.accounts[item["account"]], "id": item["id"], "text": item["caption"],
        "at": item["timestamp"], "kind": item["media_type"], "files": item["files"], "alts": item["alts"],
        "container": item["container"],
    }  # fmt: skip


def _number(handle: str) -> str:
    return f"17841{int.from_bytes(hashlib.sha256(handle.encode()).digest()[:5], 'big')}"


async def _me(request: web.Request) -> web.Response:
    token, graph, world = request[TOKEN], request.app[GRAPH], request.app[WORLD]
    if token.person.startswith(OWN):
        number = token.person.removeprefix(OWN)
        kind = "PERSONAL" if number in world.personal else "BUSINESS"
        own = {"id": f"9{number}", "user_id": number, "username": world.accounts[number], "account_type": kind}
        return web.json_response(picked(own, request, frozenset(own)))
    page = graph.pages.get(token.page)
    if page is None:
        return web.json_response(picked({"id": token.person, "name": "A Person"}, request, frozenset({"name"})))
    linked = {"id": page.instagram, "username": page.username} if page.instagram not in world.personal | {""} else None
    node = {"id": page.id, "name": page.name, "instagram_business_account": linked}
    return web.json_response(picked(node, request, frozenset(node)))


async def _limit(request: web.Request) -> web.Response:
    number, world = acting(request, "instagram_content_publish"), request.app[WORLD]
    config = {"quota_total": world.quota, "quota_duration": 86_400}
    return web.json_response({"data": [{"quota_usage": used(world, number), "config": config}]})


async def _list(request: web.Request) -> web.Response:
    number, world = acting(request, "instagram_basic"), request.app[WORLD]
    story = request.path.endswith("/stories")
    shown = [
        picked(_counted(world, item), request, MEDIA_FIELDS)
        for item in reversed(world.media.values())
        if item["account"] == number and item["visible_at"] <= world.now() and item["story"] == story
    ]
    return _page(request, shown)


def _page(request: web.Request, shown: list[dict[str, Any]]) -> web.Response:
    start, limit = int(request[PARAMS].get("after") or 0), int(request[PARAMS].get("limit") or 25)
    following = {"cursors": {"after": str(start + limit)}, "next": whole_address(request)}
    more = following if start + limit < len(shown) else {}
    return web.json_response({"data": shown[start : start + limit], "paging": more})


def _counted(world: World, item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "comments_count": sum(one["media"] == item["id"] for one in world.comments.values())}


def _medium(request: web.Request, right: str = "instagram_basic") -> dict[str, Any]:
    number, world = caller(request, right), request.app[WORLD]
    found = world.media.get(request.match_info["id"])
    if found is None or found["account"] != number:
        raise missing(request.match_info["id"])
    return found


async def _node(request: web.Request) -> web.Response:
    world, key = request.app[WORLD], request.match_info["id"]
    number = caller(request, "instagram_basic")
    held = world.containers.get(key)
    if held is not None and held["account"] == number:
        now = code(world, held)
        status = held["error"] if now == "ERROR" else f"{now.title()}: media"
        return web.json_response(picked({"id": key, "status_code": now, "status": status}, request, CONTAINER_FIELDS))
    said = world.comments.get(key)
    if said is not None and world.media[said["media"]]["account"] == number:
        return web.json_response(picked({**said, "like_count": 0}, request, COMMENT_FIELDS))
    return web.json_response(picked(_counted(world, _medium(request)), request, MEDIA_FIELDS))


async def _comments(request: web.Request) -> web.Response:
    item, world = _medium(request), request.app[WORLD]
    shown = [
        picked(one, request, COMMENT_FIELDS, "id,text,timestamp")
        for one in reversed(world.comments.values())
        if one["media"] == item["id"] and one["visible_at"] <= world.now()
    ]
    return _page(request, shown)


async def _comment(request: web.Request) -> web.Response:
    item, world = _medium(request, "instagram_manage_comments"), request.app[WORLD]
    written = str(request[PARAMS].get("message") or "")
    if not written.strip():
        raise GraphError(100, "The parameter message is required")
    key = str(17_800_000_000_000_000 + len(world.comments) * 3)
    world.comments[key] = {
        "id": key, "media": item["id"], "text": written, "timestamp": stamp(world.now()), "at": world.now(),
        "username": item["username"], "visible_at": world.now() + world.visible_after,
    }  # fmt: skip
    return web.json_response({"id": key})


async def _insights(request: web.Request) -> web.Response:
    item = _medium(request, "instagram_manage_insights")
    asked = str(request[PARAMS].get("metric") or "").split(",")
    known = {"shares": 0, "views": 3, "reach": 2, "saved": 0, "total_interactions": 1}
    if not set(asked) <= known.keys():
        raise GraphError(100, "(#100) metric must be one of the known ones")
    data = [
        {"name": name, "period": "lifetime", "values": [{"value": known[name]}], "id": item["id"]} for name in asked
    ]
    return web.json_response({"data": data})


async def _delete(request: web.Request) -> web.Response:
    world, key = request.app[WORLD], request.match_info["id"]
    if request[TOKEN].person.startswith(OWN):
        raise GraphError(3, "(#3) Application does not have the capability to make this API call.")
    if key in world.comments:
        del world.comments[key]
        return web.json_response({"success": True})
    item = _medium(request, "instagram_content_publish")
    del world.media[key]
    world.containers.pop(item["container"], None)
    for comment in [name for name, one in world.comments.items() if one["media"] == key]:
        del world.comments[comment]
    return web.json_response({"success": True})
