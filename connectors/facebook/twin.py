"""A stand-in for Facebook's Pages: posts seen and unseen, pictures, comments, and what goes with them, in memory."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from aiohttp import web

from connectors.facebook import login
from connectors.facebook.twin_video import add_routes, status
from connectors.facebook.twin_world import WORLD, World, add_story, flag, given, listed, page_of
from connectors.graph.login import TASKS
from connectors.graph.twin import (
    PARAMS,
    TOKEN,
    VERSION,
    App,
    GraphError,
    Now,
    Page,
    application,
    need,
    picked,
)

NODE = VERSION + "/{id:\\d+(?:_\\d+)?}"
SLASH = "{slash:/?}"  #: Meta's own SDK ends the address of a node with one
PICTURE_BYTES = 4 * 1024 * 1024
PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")  #: how files that are taken begin
FEED = frozenset({"message", "link", "published", "attached_media", "scheduled_publish_time"})
UPDATE = frozenset({"message", "is_published", "description", "published"})
PHOTOS = frozenset({"source", "url", "caption", "message", "published", "alt_text_custom", "temporary"})
COMMENTS = frozenset({"message", "attachment_id"})
INSIGHTS = frozenset({"post_media_view", "post_total_media_view_unique", "post_reactions_like_total"})


HANDLE = "brand"  #: of the sandbox's page


def twin(now: Now) -> web.Application:
    """Facebook, empty."""
    world = World(now)
    app = application(world)
    app[WORLD] = world
    app.router.add_get(f"{VERSION}/me{SLASH}", _me)
    app.router.add_post(f"{NODE}/feed", _feed)
    app.router.add_post(f"{NODE}/photos", _photo)
    app.router.add_post(f"{NODE}/photo_stories", _photo_story)
    app.router.add_get(f"{NODE}/published_posts", _published)
    app.router.add_get(f"{NODE}/stories", _stories)
    app.router.add_post(f"{NODE}/comments", _comment)
    app.router.add_get(f"{NODE}/comments", _comments)
    app.router.add_get(f"{NODE}/insights", _insights)
    app.router.add_get(f"{NODE}/video_insights", _insights)
    app.router.add_get(NODE + SLASH, _node)
    app.router.add_post(NODE + SLASH, _update)
    app.router.add_delete(NODE + SLASH, _delete)
    add_routes(app)
    return app


def add_account(app: web.Application, handle: str) -> dict[str, str]:
    """Give someone a page, with an app that wants every call proven; returns the page's keys."""
    world, number = app[WORLD], str(int.from_bytes(hashlib.sha256(handle.encode()).digest()[:6], "big") + 10**14)
    made = App(str(world.number()), hashlib.sha256(f"secret {handle}".encode()).hexdigest()[:32], strict=True)
    person = world.number()
    world.apps[made.id], world.people[person] = made, f"{handle}'s owner"
    world.pages[number] = Page(number, handle)
    token = world.token(made.id, person, number, tuple(login.RIGHTS))
    return {"page_token": token, "app_id": made.id, "app_secret": made.secret}


def posts(app: web.Application) -> list[dict[str, Any]]:
    """Everything that the world can see, in order."""
    world = app[WORLD]
    seen = ((kind, getattr(world, kind).get(number)) for kind, number in world.shown)
    return [
        {
            "account": world.pages[item["page"]].name,
            "id": item["id"],
            "text": item.get("message") or item.get("description") or "",
            "at": item["created_time"],
            "kind": item.get("kind", kind.removesuffix("s")),
            "images": len(item.get("photos", ())),
            "alts": _alts(world, kind, item),
            "under": item.get("under", ""),
        }
        for kind, item in seen
        if item is not None
    ]


def _alts(world: World, kind: str, item: dict[str, Any]) -> list[str]:
    """What stands with each picture for people who can't see it; nothing with a video, nor in a story."""
    if kind in {"videos", "stories"}:
        return [""]
    return [world.photos[number]["alt_text_custom"] for number in item.get("photos", ())]


async def _me(request: web.Request) -> web.Response:
    world, token = request.app[WORLD], request[TOKEN]
    node: dict[str, Any] = {"id": token.person, "name": world.people.get(token.person, "")}
    if not token.page:
        return web.json_response(picked(node, request, frozenset({"id", "name"}), "id,name"))
    page = world.pages[token.page]
    can_post = bool(TASKS & set(page.tasks))
    node = {"id": page.id, "name": page.name, "can_post": can_post}
    return web.json_response(picked(node, request, frozenset({"name", "can_post"}), "id,name"))


async def _feed(request: web.Request) -> web.Response:
    world, page = page_of(request)
    said = given(request, FEED)
    message, published = str(said.get("message") or ""), flag(said.get("published"), default=True)
    media = said.get("attached_media") or []
    try:
        photos = [str(item["media_fbid"]) for item in (json.loads(media) if isinstance(media, str) else media)]
    except (ValueError, KeyError, TypeError):
        raise GraphError(100, "(#100) Param attached_media must be an array.") from None
    if any(number not in world.photos or world.photos[number]["used"] for number in photos):
        raise GraphError(100, "(#100) The photo was already posted or does not exist", 1366051)
    if not (message.strip() or said.get("link") or photos):
        raise GraphError(100, "(#100) Missing message or attachment")
    if not published and not world.staging:
        raise GraphError(200, "(#200) Unpublished posts must be posted to a page as the page itself.", status=403)
    _no_duplicate(world, page, message, photos, visible=published)
    number = f"{page}_{world.number()}"
    world.posts[number] = {
        "id": number, "page": page, "message": message, "link": said.get("link"), "photos": photos,
        "is_published": published, "app": request[TOKEN].app, "at": world.now(), "created_time": "",
    }  # fmt: skip
    for photo in photos:
        world.photos[photo]["used"] = True
    if published:
        world.show("posts", number)
    return web.json_response({"id": number})


def _no_duplicate(world: World, page: str, message: str, photos: list[str], *, visible: bool) -> None:
    last = [world.posts.get(number) for kind, number in world.shown if kind == "posts"]
    mine = [post for post in last if post is not None and post["page"] == page]
    if visible and not photos and mine and mine[-1]["message"] == message and not mine[-1]["photos"]:
        raise GraphError(506, "(#506) Duplicate status message", 1455006)


async def _photo(request: web.Request) -> web.Response:
    world, page = page_of(request)
    said = given(request, PHOTOS)
    file, published = said.get("source"), flag(said.get("published"), default=True)
    if not isinstance(file, web.FileField):
        raise GraphError(324, "(#324) Missing or invalid image file")
    content = file.file.read()
    if not content.startswith(PICTURES) or len(content) > PICTURE_BYTES:
        raise GraphError(100, "Invalid parameter", 1366046, error_user_title="Can't Read Files")
    number = world.number()
    world.photos[number] = {
        "id": number, "page": page, "alt_text_custom": str(said.get("alt_text_custom") or ""),
        "size": len(content), "used": published, "at": world.now(),
    }  # fmt: skip
    if not published:
        return web.json_response({"id": number})
    post = f"{page}_{number}"
    world.posts[post] = {
        "id": post, "page": page, "message": str(said.get("caption") or said.get("message") or ""), "link": None,
        "photos": [number], "is_published": True, "app": request[TOKEN].app,
    }  # fmt: skip
    world.show("posts", post)
    return web.json_response({"id": number, "post_id": post})


async def _photo_story(request: web.Request) -> web.Response:
    world, page = page_of(request)
    photo = world.photos.get(str(given(request, frozenset({"photo_id"})).get("photo_id")))
    if photo is None or photo["used"]:
        raise GraphError(100, "(#100) The photo was already posted or does not exist", 1366051)
    photo["used"] = True
    return web.json_response({"success": True, "post_id": add_story(world, page, photo["id"], "photo")})


async def _published(request: web.Request) -> web.Response:
    world, page = page_of(request, "pages_read_engagement")
    known = frozenset({"message", "created_time", "is_published", "permalink_url", "attachments"})
    rows = [_as_node(post) for post in world.posts.values() if post["is_published"] and post["page"] == page]
    rows += [_of_video(video) for video in world.videos.values() if _is_post(video) and video["page"] == page]
    return listed(request, rows, known)


def _is_post(video: dict[str, Any]) -> bool:
    return bool(video["published"]) and video["kind"] == "video"


def _of_video(video: dict[str, Any]) -> dict[str, Any]:
    """The post that shows a video, which has an id of its own."""
    shown = {"media_type": "video", "target": {"id": video["id"]}}
    number = f"{video['page']}_{int(video['id']) + 1}"
    return {
        "id": number, "message": video["description"], "created_time": video["created_time"], "at": video["at"],
        "attachments": {"data": [shown]}, "is_published": True,
    }  # fmt: skip


async def _stories(request: web.Request) -> web.Response:
    world, page = page_of(request, "pages_read_engagement")
    rows = [story for story in world.stories.values() if story["page"] == page]
    return listed(request, rows, frozenset({"post_id", "media_id", "media_type", "status", "creation_time"}))


async def _comment(request: web.Request) -> web.Response:
    world, token = request.app[WORLD], need(request, "pages_manage_engagement")
    said, under = given(request, COMMENTS), request.match_info["id"]
    if not any(under in known for known in (world.posts, world.videos, world.comments)):
        raise GraphError(100, f"Unsupported post request. Object with ID '{under}' does not exist", 33)
    if not (said.get("message") or said.get("attachment_id")):
        raise GraphError(100, "(#100) Missing message or attachment")
    photos = [str(said["attachment_id"])] if said.get("attachment_id") else []
    if any(photo not in world.photos for photo in photos):
        raise GraphError(100, "(#100) The attachment does not exist")
    number = f"{under.rpartition('_')[2]}_{world.number()}"
    world.comments[number] = {
        "id": number, "page": token.page, "message": str(said.get("message") or ""), "under": under,
        "from": {"id": token.page, "name": world.pages[token.page].name}, "photos": photos,
    }  # fmt: skip
    world.show("comments", number)
    return web.json_response({"id": number})


async def _comments(request: web.Request) -> web.Response:
    world, _ = request.app[WORLD], need(request, "pages_read_user_content")
    rows = [item for item in world.comments.values() if item["under"] == request.match_info["id"]]
    return listed(request, rows, frozenset({"message", "from", "created_time"}))


def _as_node(post: dict[str, Any]) -> dict[str, Any]:
    shown = [{"target": {"id": number}, "type": "photo"} for number in post.get("photos", ())]
    several = {"type": "album", "target": {"id": post["id"]}, "subattachments": {"data": shown}}
    attachments = {"data": [several] if len(shown) > 1 else shown}
    none: dict[str, Any] = {"data": [], "summary": {"total_count": 0}}
    return {
        **post,
        "permalink_url": f"https://www.facebook.com/{post['page']}/posts/{post['id'].rpartition('_')[2]}",
        "attachments": attachments if shown else None,
        "likes": none,
        "comments": none,
    }


def _object(request: web.Request) -> tuple[str, dict[str, Any]]:
    """What an id stands for: its kind, and itself.

    Raises:
        GraphError: nothing, or something of another page.
    """
    world, number = request.app[WORLD], request.match_info["id"]
    for kind in ("posts", "videos", "comments", "stories", "photos"):
        found = getattr(world, kind).get(number)
        if found is not None and found["page"] == request[TOKEN].page:
            return kind, found
    raise GraphError(100, f"Unsupported request. Object with ID '{number}' does not exist", 33)


async def _node(request: web.Request) -> web.Response:

    world, _ = request.app[WORLD], need(request, "pages_read_engagement")
    if request.match_info["id"] in world.pages:
        return await _me(request)
    kind, item = _object(request)
    node, known = _as_node(item), {"permalink_url", "created_time", "likes", "comments", "message", "from"}
    if kind == "videos":
        node, known = node | {"status": status(world, item)}, known | {"published", "status", "description", "length"}
    if kind == "posts":
        known |= {"is_published", "attachments", "shares"}
    if kind == "photos":
        known |= {"alt_text_custom"}
    return web.json_response(picked(node, request, frozenset(known)))


async def _insights(request: web.Request) -> web.Response:
    """How often something was seen: of a post by names that are valid, of a video or reel all that there is."""
    world, _ = request.app[WORLD], need(request, "read_insights")
    kind, item = _object(request)
    film = request.path.endswith("/video_insights")
    if film != (kind == "videos") or kind == "comments":
        raise GraphError(100, "(#100) Tried accessing nonexisting field (insights)")
    if film:
        names = ["blue_reels_play_count" if item["kind"] == "reel" else "total_video_views"]
    else:
        names = str(request[PARAMS].get("metric") or "").split(",")
        if not set(names) <= INSIGHTS:
            raise GraphError(100, "(#100) The value must be a valid insights metric")
    values = [{"value": world.views.get(item["id"], 0)}]
    data = [{"name": name, "period": "lifetime", "values": values, "id": f"{item['id']}/{name}"} for name in names]
    return web.json_response({"data": data if world.insights else []})


async def _update(request: web.Request) -> web.Response:
    world, token = request.app[WORLD], need(request, "pages_manage_posts")
    kind, item = _object(request)
    said = given(request, UPDATE)
    if item.get("app", token.app) != token.app:
        raise GraphError(200, "(#200) This post wasn't created by the application", status=403)
    visible = {"posts": "is_published", "videos": "published"}.get(kind, "")
    if flag(said.get(visible), default=False) and not item[visible]:
        if kind == "posts":
            _no_duplicate(world, item["page"], item["message"], item["photos"], visible=True)
        item[visible] = True
        world.show(kind, item["id"])
    item |= {name: str(said[name]) for name in ("message", "description") if name in said}
    return web.json_response({"success": True})


async def _delete(request: web.Request) -> web.Response:
    need(request, "pages_manage_posts")
    kind, item = _object(request)
    del getattr(request.app[WORLD], kind)[item["id"]]
    return web.json_response({"success": True})
