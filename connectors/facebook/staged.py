"""What was staged on a page and is shown by nothing: posts, and the pictures and videos that were to be in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from connectors.answer import accepted
from connectors.base import Kind
from connectors.facebook import operations as ops
from connectors.facebook.reading import node
from connectors.network import Wire
from connectors.staging import NOTHING, Left, Sent, words

POST, PHOTO, VIDEO = "post", "photo", "video"
#: operation -> what it makes, and under which name its answer says the id
MAKES: dict[str, tuple[str, str]] = {
    ops.STAGE.name: (POST, "id"),
    ops.PHOTO.name: (PHOTO, "id"),
    ops.START.name: (VIDEO, "video_id"),
    ops.SESSION.name: (VIDEO, "video_id"),
}
SHOWS = frozenset(
    operation.name for operation in (ops.CREATE, ops.PUBLISH, ops.VIDEO, ops.REEL, ops.STORY, ops.FILM, ops.COMMENT)
)
#: what is -> where Facebook says whether it is shown
SEEN = {POST: "is_published", VIDEO: "published", PHOTO: ""}
FIRST = (POST, VIDEO, PHOTO)  #: a post before the pictures that it has


def left(calls: Sequence[Sent], needed: Collection[str]) -> list[Left]:
    """What no call has shown, nor may have shown, by its id or by that of the post that has it. Pure."""
    made: dict[str, str] = {}
    has: dict[str, set[str]] = {}
    shown, gone = set(needed), set[str]()
    for call in calls:
        if call.operation == ops.DISCARD.name and call.outcome == Kind.OK:
            gone.add(call.node)
        elif call.operation in MAKES and call.outcome == Kind.OK:
            kind, name = MAKES[call.operation]
            number = call.answer.get(name)
            if call.asked is None or not isinstance(number, str | int):
                return []
            made[str(number)] = kind
            has[str(number)] = words(call.asked.get("attached_media"))
        elif call.operation in SHOWS and call.outcome not in NOTHING:
            if call.asked is None:
                return []
            shown |= words(call.asked) | {call.node}
    for post, media in has.items():
        shown |= media if post in shown else set()
    found = [Left(number, kind) for number, kind in made.items() if number not in shown | gone]
    return sorted(found, key=lambda one: FIRST.index(one.kind))


async def discard(wire: Wire, api: str, one: Left) -> bool:
    """Delete it, unless Facebook has dropped it itself; ``False`` if it does not say that nobody sees it."""
    seen = SEEN[one.kind]
    told = await node(wire, api, one.id, f"id,{seen}" if seen else "id")
    if told is None:
        return True
    if seen and told.get(seen) is not False:
        return False
    accepted(await wire.request(ops.DISCARD, "DELETE", f"{api}/{one.id}"))
    return True
