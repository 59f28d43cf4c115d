"""What Facebook's answers mean; the errors are those of all of Graph."""

from __future__ import annotations

from dataclasses import replace

import httpx

from connectors.answer import json_object
from connectors.base import Kind, Operation, Outcome, outcome_of
from connectors.facebook import operations as ops
from connectors.graph import errors

#: what an accepted answer must hold to be believed
HOLDS: dict[str, tuple[str, ...]] = {
    ops.CREATE.name: ("id",),
    ops.PUBLISH.name: ("success",),
    ops.VIDEO.name: ("success",),
    ops.REEL.name: ("success",),
    ops.STORY.name: ("success", "post_id"),
    ops.FILM.name: ("success", "post_id"),
    ops.COMMENT.name: ("id",),
    ops.STAGE.name: ("id",),
    ops.PHOTO.name: ("id",),
    ops.START.name: ("video_id", "upload_session_id", "start_offset", "end_offset"),
    ops.PIECE.name: ("start_offset", "end_offset"),
    ops.FINISH.name: ("success",),
    ops.SESSION.name: ("video_id",),
    ops.UPLOAD.name: ("success",),
    ops.EDIT.name: ("success",),
    ops.DELETE.name: ("success",),
    ops.DISCARD.name: ("success",),
    ops.PROBE.name: ("success",),
    ops.PROBED.name: ("success",),
    ops.ME.name: ("id", "name"),
    ops.NODE.name: ("id",),
    ops.POSTS.name: ("data",),
    ops.REELS.name: ("data",),
    ops.STORIES.name: ("data",),
    ops.COMMENTS.name: ("data",),
    ops.DEBUG.name: ("data",),
    ops.TOKEN.name: ("access_token",),
}
#: codes by which Facebook lacks a right for what was asked, or does not take it so
NOT_SO = frozenset({3, 10, 100, *range(200, 300)})
ONE_STEP = (
    "if the page lets no staged post be shown any more: `accounts change NAME --option publishing=direct`, then retry"
)


def judge(operation: Operation, response: httpx.Response) -> Outcome:
    """Say what a complete answer means. Pure."""
    stories = operation in {ops.STORY, ops.FILM}
    kept = ("post_id",) if stories else ("id",) if operation in {ops.CREATE, ops.COMMENT} else ()
    outcome = errors.judge(operation, response, HOLDS, kept)
    if outcome.kind is Kind.OK and stories:
        return replace(outcome, result={"id": str(outcome.result["post_id"])})
    if outcome.kind is Kind.REJECTED and operation is ops.PUBLISH and _not_so(response):
        return replace(outcome, reason=f"{outcome.reason}; {ONE_STEP}")
    return outcome


def unstaged(response: httpx.Response) -> bool:
    """Whether a post may have been refused because it was to be unseen, and not for what it says. Pure."""
    return outcome_of(response).kind is Kind.REJECTED and _not_so(response)


def _not_so(response: httpx.Response) -> bool:
    error = errors.said(json_object(response))
    return error is not None and error.code in NOT_SO and errors.known(error) is None
