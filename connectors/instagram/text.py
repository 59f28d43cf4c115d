"""Captions and comments: how they are counted (developers.facebook.com, Instagram Platform: media)."""

from __future__ import annotations

import unicodedata

import regex

from connectors.post import Form, Part, Problem

CHARACTERS, HASHTAGS, MENTIONS = 2200, 30, 20
_HASHTAG = regex.compile(r"(?<![\w&/])[#\uff03][\p{L}\p{M}\p{N}_\p{Emoji_Presentation}\u200d]+")
_MENTION = regex.compile(r"(?<![\w./@])@[A-Za-z0-9_](?:[A-Za-z0-9_.]{0,28}[A-Za-z0-9_])?")


def length(text: str) -> int:
    """Characters: code points, of which an emoji may have several."""
    return len(text)


def units(text: str) -> int:
    """UTF-16 units, by which Instagram's own apps count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def hashtags(text: str) -> list[str]:
    """Every ``#word``, as often as it stands there."""
    return [str(found) for found in _HASHTAG.findall(text)]


def mentions(text: str) -> list[str]:
    """Every ``@name``, as often as it stands there; no addresses of mail."""
    return [str(found) for found in _MENTION.findall(text)]


def plain(text: str) -> str:
    """A text as far as Instagram keeps it: composed, white space at the ends gone."""
    return unicodedata.normalize("NFC", text).strip()


def problems(part: Part) -> list[Problem]:
    """Everything that is wrong with a part's text. Pure."""
    if part.form is Form.STORY:
        left_out = Problem("text", "a story on Instagram has no text; it is left out", warning=True)
        return [left_out] if part.text.strip() else []
    found: list[Problem] = []
    if part.form is Form.COMMENT and not part.text.strip():
        found.append(Problem("text", "there is nothing to say in the comment; write a text"))
    if (count := length(part.text)) > CHARACTERS:
        what = f"it has {count} characters, {count - CHARACTERS} more than Instagram's {CHARACTERS}; shorten it"
        found.append(Problem("text", what))
    elif (count := units(part.text)) > CHARACTERS:
        what = f"it counts {count} if emoji count twice, more than {CHARACTERS}; Instagram may refuse it"
        found.append(Problem("text", what, warning=True))
    for name, count, most in (
        ("hashtags", len(hashtags(part.text)), HASHTAGS),
        ("mentions", len(mentions(part.text)), MENTIONS),
    ):
        if count > most:
            found.append(Problem("text", f"it has {count} {name}, more than Instagram's {most}; take some out"))
    return found
