"""A small provider for tests: posts with or without an idempotency key, and a list to read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from automator.egress.call import Account
from connectors.base import Absence, Budget, Effect, Kind, Operation, Outcome, Reading, Scope
from connectors.signing import with_headers

CREATE_ONCE = Operation("toy.post.create", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)
CREATE_REPEATABLE = Operation("toy.post.put", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
LIST = Operation("toy.post.list", Effect.READ, Scope.READ)
EXPORT = Operation("toy.export", Effect.READ, Scope.READ)
SIGN_IN = Operation("toy.session.create", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
CANARY = 'canary+Key/94e0f1-"quoted"=='


@dataclass(frozen=True)
class Toy:
    """The toy provider's connector."""

    base_url: str
    name: str = "toy"

    @property
    def origins(self) -> tuple[str, ...]:
        return (self.base_url,)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return ()

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        return {}

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return ()

    def harvest(self, operation: Operation, response: httpx.Response) -> Mapping[str, str]:
        return {}

    def lasts(self, operation: Operation, response: httpx.Response) -> timedelta | None:
        return None

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        request_id = response.headers.get("x-request-id")
        if response.status_code == 429:
            wait = timedelta(seconds=float(response.headers.get("retry-after", "0")))
            return Outcome(Kind.LATER, "throttled", until=datetime.now(UTC) + wait, request_id=request_id)
        if response.status_code == 401:
            return Outcome(Kind.REJECTED, f"token {response.text}", request_id=request_id)
        if 400 <= response.status_code < 500:
            return Outcome(Kind.REJECTED, "content", request_id=request_id)
        if operation is EXPORT:
            return Outcome(Kind.OK if response.is_success else Kind.UNKNOWN)
        try:
            body = json.loads(response.content)
        except ValueError:
            return Outcome(Kind.UNKNOWN, "an answer that is not JSON", request_id=request_id)
        if response.status_code >= 300:
            return Outcome(Kind.UNKNOWN, f"status {response.status_code}", request_id=request_id)
        result = body if isinstance(body, dict) and "id" in body else {}
        if operation.effect is not Effect.READ and not result:
            return Outcome(Kind.UNKNOWN, "an answer without an id", request_id=request_id)
        return Outcome(Kind.OK, result=result, request_id=request_id)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        return with_headers(request, {"x-toy-key": json.dumps(secrets["key"])})


def account(base_url: str, scopes: frozenset[Scope] = frozenset(Scope)) -> Account:
    """An account of the toy provider at ``base_url``."""
    return Account("toy/brand", Toy(base_url), scopes, lambda: {"key": CANARY})
