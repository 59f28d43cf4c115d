"""The parts of a post, as a person's text and choices make them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from connectors.post import Form, Media, Part, Problem
from jobs.posting.rows import Row

YES = frozenset({"yes", "true", "1", "y", "thread", "fit"})
NO = frozenset({"", "no", "false", "0", "n"})
FORMS = (Form.POST, Form.REEL, Form.STORY)  #: that a person chooses; a comment is written as one
RULE = "\n---\n"  #: between the parts of a thread
_DIVIDER = re.compile(r"^[ \t]*---[ \t]*$", re.MULTILINE)


def chosen(cell: str, field: str, problems: list[Problem]) -> bool:
    """Whether a cell says yes."""
    flag = cell.lower()
    if flag not in YES | NO:
        problems.append(Problem(field, f"{cell!r} is neither yes nor no"))
    return flag in YES


def divide(text: str, thread: str, media: tuple[Media, ...], problems: list[Problem]) -> tuple[Part, ...]:
    """The parts of a text: one, or with ``thread`` (yes) those between lines of ``---``; pictures go with the first."""
    is_thread = chosen(thread, "thread", problems)
    divided = _DIVIDER.search(text) is not None
    if is_thread:
        texts = [part.strip() for part in _DIVIDER.split(text)]
        if not divided:
            problems.append(Problem("thread", "it is called a thread, but no line --- divides it", warning=True))
        return tuple(Part(part, media if number == 0 else ()) for number, part in enumerate(texts))
    if divided:
        problems.append(Problem("thread", "a line --- divides it, but it is not called a thread", warning=True))
    return (Part(text, media),)


def composed(row: Row, text: str, media: tuple[Media, ...], problems: list[Problem]) -> tuple[Part, ...]:
    """All parts of a row's post with this text: the form is the first one's, a comment comes last."""
    first, *more = divide(text, row.thread, media, problems)
    if row.form.lower() not in {*FORMS, ""}:
        problems.append(Problem("form", f"{row.form!r} is no form; write {', '.join(FORMS[:-1])} or {FORMS[-1]}"))
    else:
        first = replace(first, form=Form(row.form.lower() or Form.POST))
    if more and first.form is not Form.POST:
        problems.append(Problem("form", f"a {first.form} can't be a thread"))
    people = tuple(name.removeprefix("@") for name in re.split(r"[\s,;|]+", row.collaborators) if name)
    comment = [Part(row.comment, form=Form.COMMENT)] if row.comment else []
    return (replace(first, collaborators=people), *more, *comment)


def rewritten(parts: Sequence[Part], text: str, problems: list[Problem]) -> tuple[Part, ...]:
    """The same post with another text; a thread stays one, files, form and comment stay as they are."""
    written = [part for part in parts if part.form is not Form.COMMENT]
    first, *more = divide(text, "yes" if len(written) > 1 else "", parts[0].media, problems)
    first = replace(first, form=parts[0].form, collaborators=parts[0].collaborators)
    return (first, *more, *(part for part in parts if part.form is Form.COMMENT))
