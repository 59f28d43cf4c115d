"""What a server accepts as a post: the rules of the lexicon app.bsky.feed.post, as far as posts of ours touch them.

Compared rule by rule with the real server's software (tests/connectors/bluesky/test_conformance.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.bluesky.text import BYTES, GRAPHEMES, graphemes

POST = "app.bsky.feed.post"
IMAGES, LANGS, TAGS = 4, 3, 8
IMAGE_BYTES = 2_000_000  #: lexicon app.bsky.embed.images, since 2026-04-08
VIDEO_BYTES = 300_000_000  #: lexicon app.bsky.embed.video, since 2026-08-11

_KEY = re.compile(r"[A-Za-z0-9._~:-]{1,512}")
_TID = re.compile(r"[2-7a-j][2-7a-z]{12}")
_NSID = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*(\.[a-zA-Z0-9-]+)+\.[a-zA-Z][a-zA-Z0-9]*")
_URI = re.compile(r"[a-z][a-z0-9.+-]*:\S+", re.IGNORECASE)
_CID = re.compile(r"[a-z2-7]{8,}")
_AT_URI = re.compile(r"at://\S+")


class Invalid(ValueError):
    """Not a record that the server takes; the sentence is like the server's."""


def check_key(collection: str, rkey: str) -> None:
    """Refuse what is no collection or no record key; posts have keys that are timestamps (TID)."""
    if not _NSID.fullmatch(collection):
        raise Invalid(f'Invalid NSID (got "{collection}") at $.collection')
    if not _KEY.fullmatch(rkey) or rkey in {".", ".."}:
        raise Invalid(f'Invalid record key (got "{rkey}") at $.rkey')
    if collection == POST and not _TID.fullmatch(rkey):
        raise Invalid(f'Invalid record key for {POST}: Invalid TID string (got "{rkey}") at $')


def check_record(collection: str, record: Any) -> None:
    """Refuse what is no record of its collection; of collections besides posts nothing is known."""
    if not isinstance(record, dict):
        raise Invalid("Expected object value type at $.record")
    if (kind := record.get("$type", collection)) != collection:
        raise Invalid(f"Invalid $type: expected {collection}, got {kind}")
    if collection == POST:
        try:
            _check_post(record)
        except Invalid as invalid:
            raise Invalid(f"Invalid {POST} record: {invalid}") from None


def _check_post(record: Mapping[str, Any]) -> None:
    text = _required(record, "text", str, "$.record")
    if len(text.encode()) > BYTES:
        raise Invalid(f"string too big (maximum {BYTES}, got {len(text.encode())}) at $.record.text")
    if graphemes(text) > GRAPHEMES:
        raise Invalid(f"grapheme too big (maximum {GRAPHEMES}, got {graphemes(text)}) at $.record.text")
    _check_instant(_required(record, "createdAt", str, "$.record"))
    for name, most in (("langs", LANGS), ("tags", TAGS)):
        _at_most(record.get(name, []), most, f"$.record.{name}")
    for number, facet in enumerate(record.get("facets", [])):
        _check_facet(facet, f"$.record.facets[{number}]")
    for name in ("root", "parent") if "reply" in record else ():
        _check_ref(_required(record["reply"], name, dict, "$.record.reply"), f"$.record.reply.{name}")
    _check_embed(record.get("embed", {}), "$.record.embed")


def _check_embed(embed: Mapping[str, Any], where: str) -> None:
    match embed.get("$type"):
        case "app.bsky.embed.images":
            images = _required(embed, "images", list, where)
            _at_most(images, IMAGES, f"{where}.images")
            for number, image in enumerate(images):
                _check_image(image, f"{where}.images[{number}]")
        case "app.bsky.embed.video":
            _check_blob(_required(embed, "video", dict, where), f"{where}.video", "video/mp4", VIDEO_BYTES)
            _check_ratio(embed, where)
        case "app.bsky.embed.external":
            card = _required(embed, "external", dict, where)
            for name in ("uri", "title", "description"):
                _required(card, name, str, f"{where}.external")
            _check_uri(card["uri"], f"{where}.external.uri")


def _required(holder: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    if name not in holder:
        raise Invalid(f'Missing required key "{name}" at {where}')
    if not isinstance(holder[name], kind):
        raise Invalid(f"Expected {kind.__name__} value type (got {holder[name]}) at {where}.{name}")
    return holder[name]


def _at_most(items: Any, most: int, where: str) -> None:
    if len(items) > most:
        raise Invalid(f"array too big (maximum {most}, got {len(items)}) at {where}")


def _check_instant(text: str) -> None:
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None and "T" in text
    except ValueError:
        aware = False
    if not aware:
        raise Invalid(f'Invalid datetime (got "{text}") at $.record.createdAt')


def _check_facet(facet: Any, where: str) -> None:
    index = _required(facet, "index", dict, where)
    for name in ("byteStart", "byteEnd"):
        if _required(index, name, int, f"{where}.index") < 0:
            raise Invalid(f"integer too small (minimum 0, got {index[name]}) at {where}.index.{name}")
    for feature in _required(facet, "features", list, where):
        if feature.get("$type") == "app.bsky.richtext.facet#link":
            _check_uri(_required(feature, "uri", str, where), where)


def _check_uri(uri: str, where: str) -> None:
    if not _URI.fullmatch(uri):
        raise Invalid(f'Invalid uri (got "{uri}") at {where}')


def _check_ref(ref: Mapping[str, Any], where: str) -> None:
    if not _AT_URI.fullmatch(_required(ref, "uri", str, where)):
        raise Invalid(f'Invalid AT URI (got "{ref["uri"]}") at {where}.uri')
    if not _CID.fullmatch(_required(ref, "cid", str, where)):
        raise Invalid(f'Invalid CID string (got "{ref["cid"]}") at {where}.cid')


def _check_image(image: Mapping[str, Any], where: str) -> None:
    _check_blob(_required(image, "image", dict, where), f"{where}.image", "image/*", IMAGE_BYTES)
    _required(image, "alt", str, where)
    _check_ratio(image, where)


def _check_blob(blob: Mapping[str, Any], where: str, kind: str, most: int) -> None:
    if not str(blob.get("mimeType")).startswith(kind.removesuffix("*")):
        raise Invalid(f'Expected "{kind}" (got "{blob.get("mimeType")}") at {where}')
    if int(blob.get("size", 0)) > most:
        raise Invalid(f"blob too big (maximum {most}, got {blob['size']}) at {where}")


def _check_ratio(holder: Mapping[str, Any], where: str) -> None:
    for name in ("width", "height") if "aspectRatio" in holder else ():
        if (value := _required(holder["aspectRatio"], name, int, f"{where}.aspectRatio")) < 1:
            raise Invalid(f"integer too small (minimum 1, got {value}) at {where}.aspectRatio.{name}")
