"""What Instagram can be asked to do (developers.facebook.com, Instagram Platform)."""

from __future__ import annotations

from connectors.base import Absence, Effect, Operation, Scope

CONTAINER = Operation("instagram.container.create", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
UPLOAD = Operation("instagram.container.upload", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
STATUS = Operation("instagram.container.status", Effect.READ, Scope.WRITE)
QUOTA = Operation("instagram.user.quota", Effect.READ, Scope.WRITE)
#: one container becomes at most one post, and says itself whether it has
PUBLISH = Operation("instagram.media.publish", Effect.ONCE, Scope.WRITE, Absence.PROOF)
COMMENT = Operation("instagram.comment.create", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)
DELETE = Operation("instagram.media.delete", Effect.REPEATABLE, Scope.DELETE, Absence.PROOF)
ME = Operation("instagram.user.me", Effect.READ, Scope.READ)
MEDIA = Operation("instagram.user.media", Effect.READ, Scope.READ)
COMMENTS = Operation("instagram.media.comments", Effect.READ, Scope.READ)
MEDIUM = Operation("instagram.media.read", Effect.READ, Scope.READ)
INSIGHTS = Operation("instagram.media.insights", Effect.READ, Scope.READ)
REFRESH = Operation("instagram.token.refresh", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
TOKEN = Operation("instagram.token.exchange", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
PAGES = Operation("instagram.page.list", Effect.READ, Scope.READ, brings_keys=True)
DEBUG = Operation("instagram.token.debug", Effect.READ, Scope.READ)
#: at Instagram itself: for a code, and for more than an hour
EXCHANGE = Operation("instagram.token.first", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
LONGER = Operation("instagram.token.longer", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
