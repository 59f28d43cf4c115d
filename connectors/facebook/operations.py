"""What Facebook can be asked to do."""

from __future__ import annotations

from connectors.base import Absence, Effect, Operation, Scope

#: one step: nothing of ours tells a repeat apart, so the page's posts are read
CREATE = Operation("facebook.post.create", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)
#: two steps: what is staged can become visible once only, and says whether it has. It is asked before it is sent
#: again, because what Facebook answers to a second publishing of the same post is not documented
PUBLISH = Operation("facebook.post.publish", Effect.ONCE, Scope.WRITE, Absence.PROOF)
VIDEO = Operation("facebook.video.publish", Effect.ONCE, Scope.WRITE, Absence.PROOF)
REEL = Operation("facebook.reel.publish", Effect.ONCE, Scope.WRITE, Absence.PROOF)
STORY = Operation("facebook.story.publish", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)
FILM = Operation("facebook.story.video", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)
COMMENT = Operation("facebook.comment.create", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)

STAGE = Operation("facebook.post.stage", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
PHOTO = Operation("facebook.photo.stage", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
START = Operation("facebook.video.start", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
PIECE = Operation("facebook.video.piece", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
FINISH = Operation("facebook.video.finish", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
SESSION = Operation("facebook.upload.start", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
UPLOAD = Operation("facebook.upload.send", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
EDIT = Operation("facebook.post.edit", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
DELETE = Operation("facebook.post.delete", Effect.REPEATABLE, Scope.DELETE, Absence.PROOF)
#: what was staged and is not needed any more
DISCARD = Operation("facebook.staged.delete", Effect.REPEATABLE, Scope.DELETE, Absence.PROOF)
#: an unpublished post made only to learn whether the page takes one
PROBE = Operation("facebook.probe.change", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
PROBED = Operation("facebook.probe.delete", Effect.REPEATABLE, Scope.DELETE, Absence.PROOF)

ME = Operation("facebook.page.me", Effect.READ, Scope.READ)
NODE = Operation("facebook.node.get", Effect.READ, Scope.READ)
POSTS = Operation("facebook.post.list", Effect.READ, Scope.READ)
REELS = Operation("facebook.reel.list", Effect.READ, Scope.READ)
STORIES = Operation("facebook.story.list", Effect.READ, Scope.READ)
COMMENTS = Operation("facebook.comment.list", Effect.READ, Scope.READ)
INSIGHTS = Operation("facebook.post.insights", Effect.READ, Scope.READ)
FILM_INSIGHTS = Operation("facebook.video.insights", Effect.READ, Scope.READ)
DEBUG = Operation("facebook.token.debug", Effect.READ, Scope.READ)
TOKEN = Operation("facebook.token.exchange", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
PAGES = Operation("facebook.page.list", Effect.READ, Scope.READ, brings_keys=True)
