"""`automator check`: a right connector holds, a wrong one does not, and the report says what was sent and received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from automator.check import live as lively
from automator.check import play as twins
from automator.check.finding import junit
from automator.cli.app import program
from automator.sandbox.faults import Fault
from connectors.base import Effect, Intent, Kind, Operation, Outcome
from connectors.cases import Case, Expect, Picture
from connectors.cases import Kind as About
from connectors.facebook.connector import Connector as Facebook
from connectors.post import Part
from connectors.registry import build, providers
from connectors.x.connector import Connector

SAMPLE = ("a text of 280", "no text", "drop-after", "killed: after-answer", "taken down")


def _case(name: str) -> Case:
    return next(case for case in twins.cases("x") if case.name == name)


@pytest.mark.parametrize("name", SAMPLE)
async def test_a_right_connector_holds(name: str) -> None:
    """One case of every sort."""
    found = await twins.play("x", _case(name))
    assert found.passed, found.received


@pytest.mark.long
@pytest.mark.parametrize("provider", providers())
async def test_every_case_of_every_connector_holds(provider: str) -> None:
    """All of them."""
    wrong = [found for case in twins.cases(provider) if not (found := await twins.play(provider, case)).passed]
    assert [(found.case.name, found.received) for found in wrong] == []


@pytest.mark.parametrize("provider", providers())
def test_every_connector_has_cases_of_every_kind(provider: str) -> None:
    """A connector without cases is not known to be right."""
    assert find_spec(f"connectors.{provider}.cases")
    cases = twins.cases(provider)
    assert {case.kind for case in cases} == set(About)
    assert len({case.name for case in cases}) == len(cases)
    assert any(case.live for case in cases)


async def test_a_connector_that_changes_a_text_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown is compared with what was written."""
    prepare = Connector.prepare

    async def shortened(self: Connector, *given: Any) -> dict[str, Any]:
        plan = await prepare(self, *given)
        return plan | {"body": {"text": plan["body"]["text"][:-1]}}

    monkeypatch.setattr(Connector, "prepare", shortened)
    found = await twins.play("x", _case("a post"))
    assert not found.passed
    assert "shown is ['Checked']" in found.received


TWO = Case("two pictures", About.ANSWER, Expect.PUBLISHED, pictures=(Picture(), Picture()))


def _less(part: Part) -> Part:
    return replace(part, media=part.media[:-1])


def _mute(part: Part) -> Part:
    return replace(part, media=tuple(replace(media, alt="") for media in part.media))


def _short(part: Part) -> Part:
    return replace(part, text=part.text[:-1])


@pytest.mark.parametrize("provider", providers())
@pytest.mark.parametrize("lose", [_less, _mute, _short])
async def test_whatever_a_connector_loses_is_found_out(
    provider: str, lose: Callable[[Part], Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture, what stands with it for people who can't see it, or the end of a text, on every network."""
    assert (await twins.play(provider, TWO)).passed
    network = type(build(provider))
    prepare = network.prepare  # type: ignore[attr-defined]

    async def careless(self: Any, wire: Any, part: Part, *more: Any) -> Any:
        return await prepare(self, wire, lose(part), *more)

    monkeypatch.setattr(network, "prepare", careless)
    found = await twins.play(provider, TWO)
    assert not found.passed
    assert "shown is" in found.received


async def test_a_change_that_is_not_made_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector that says yes, and sends the old text again."""
    case = next(case for case in twins.cases("facebook") if case.expect is Expect.CHANGED)
    assert (await twins.play("facebook", case)).passed
    edit = Facebook.edit

    async def lazy(self: Facebook, wire: Any, intent: Intent) -> Any:
        return await edit(self, wire, replace(intent, plan={**intent.plan, "text": "As before"}))

    monkeypatch.setattr(Facebook, "edit", lazy)
    found = await twins.play("facebook", case)
    assert not found.passed
    assert "changed, but shown is" in found.received


async def test_a_connector_that_would_post_twice_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst mistake of all: a post taken for one that may be repeated."""
    careless = Operation("x.post.create", Effect.REPEATABLE, Connector().publishing({}).scope)
    monkeypatch.setattr("connectors.x.connector.CREATE", careless)
    found = await twins.play("x", _case("drop-after"))
    assert not found.passed


async def test_a_connector_that_believes_anything_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is none is not taken for success."""

    def trusting(*_: object) -> Outcome:
        return Outcome(Kind.OK, result={"id": "1"})

    monkeypatch.setattr(Connector, "judge", trusting)
    found = await twins.play("x", _case("error-after"))
    assert not found.passed


@pytest.mark.parametrize("provider", providers())
@pytest.mark.parametrize("trouble", ["stopped", "drop-after"])
async def test_what_a_live_check_published_is_taken_down_whatever_comes(
    provider: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who stops it in the middle, and an answer that is lost."""
    case, faults = next(case for case in twins.cases(provider) if case.live), list[Fault]()
    publish = type(build(provider)).publish

    async def troubled(self: Any, *given: Any) -> Any:
        faults.extend([Fault(path="", fault="drop-after")] if trouble == "drop-after" else [])
        return await publish(self, *given)

    async def stopped(*given: Any) -> None:
        await published(*given)
        raise asyncio.CancelledError

    published = lively._publish
    monkeypatch.setattr(type(build(provider)), "publish", troubled)
    if trouble == "stopped":
        monkeypatch.setattr(lively, "_publish", stopped)
    async with twins.twin(provider, faults) as server, twins.world(provider, server) as there:
        with pytest.raises(asyncio.CancelledError) if trouble == "stopped" else nullcontext():
            found = await lively.play(there.engine, there.account, case)
            # Bluesky takes a repeat for what it is
            assert found.passed or "its answer was lost" in found.received
            assert found.passed == (provider == "bluesky")
        assert there.shown() == []


def test_the_command_tells_and_writes_reports(tmp_path: Path) -> None:
    """For a person, for programs, and for build servers."""
    report = tmp_path / "report.xml"
    result = CliRunner().invoke(program(), ["check", "bluesky", "--case", "no text", "--junit", str(report), "--json"])
    assert result.exit_code == 0
    (found,) = json.loads(result.stdout)
    assert (found["passed"], found["expected"], found["sent"]) == (True, "refused", [])
    suite = ET.fromstring(report.read_bytes())  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    said = ["expected: refused", f"received: {found['received']}"]
    assert (suite.findtext("testcase/system-out") or "").splitlines() == said
    shown = CliRunner().invoke(program(), ["check", "bluesky", "--case", "no text"]).stdout
    assert [line.strip() for line in shown.splitlines()[1:3]] == said


@pytest.mark.parametrize(
    ("provider", "what", "limit"),
    [
        ("x", "a text of {}", 280),
        ("x", "{} pictures", 4),
        ("x", "a picture of {} bytes", 5 * 1024 * 1024),
        ("x", "a picture with a text of {}", 1000),
        ("bluesky", "a text of {}", 300),
        ("bluesky", "{} pictures", 4),
        ("bluesky", "a picture of {} bytes", 2_000_000),
        ("facebook", "a text of {}", 63_206),
        ("facebook", "a comment of {}", 8000),
        ("facebook", "{} pictures", 10),
        ("facebook", "a picture of {} bytes", 4 * 1024 * 1024),
        ("instagram", "a text of {}", 2200),
        ("instagram", "a comment of {}", 2200),
        ("instagram", "{} pictures", 10),
        ("instagram", "{} hashtags", 30),
        ("instagram", "{} mentions", 20),
        ("instagram", "{} collaborators", 3),
        ("instagram", "a picture of {} bytes", 8_000_000),
        ("instagram", "a picture with a text of {}", 1000),
    ],
)
def test_every_limit_has_cases_on_both_sides(provider: str, what: str, limit: int) -> None:
    """One less and the limit itself are taken, one more is refused, before anything leaves."""
    ends = {case.name: case.expect for case in twins.cases(provider)}
    wanted = (Expect.PUBLISHED, Expect.PUBLISHED, Expect.REFUSED)
    assert tuple(ends[what.format(count)] for count in (limit - 1, limit, limit + 1)) == wanted


def test_a_failure_is_in_the_report() -> None:
    """With what was expected, received and sent."""
    case = Case("one", About.ANSWER, Expect.PUBLISHED)
    finding = twins.Finding(
        case, ("x.post.create: POST / -> ok",), "published", "failed: no", passed=False, seconds=1.5
    )
    suite = ET.fromstring(junit("x", [finding]))  # noqa: S314 - our own text
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "expected published; received failed: no"
    assert "x.post.create" in (failure.text or "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "there is no provider 'nowhere'"),
        (["x", "--live", "bluesky/me"], "no account of x"),
        (["x", "--case", "no such case"], "no case of x"),
    ],
)
def test_mistakes_are_told(arguments: list[str], words: str) -> None:
    """One sentence, exit code 2."""
    result = CliRunner().invoke(program(), ["check", *arguments])
    assert result.exit_code == 2
    assert words in result.stderr
