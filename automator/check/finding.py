"""What playing a case came to, and how it is told: for a person, as JSON, as JUnit's XML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from automator.ledger.query import RecordedCall
from connectors.cases import Case


@dataclass(frozen=True, slots=True)
class Finding:
    """One played case.

    Attributes:
        sent: Each call that left: operation, method, path and outcome.
        expected: How it had to end, for a person.
        received: How it ended.
        passed: Whether the two agree.
        seconds: How long it took.
    """

    case: Case
    sent: tuple[str, ...]
    expected: str
    received: str
    passed: bool
    seconds: float

    @property
    def lines(self) -> tuple[str, ...]:
        """For a person: what was sent, expected and received."""
        sent = (f"sent: {call}" for call in self.sent)
        return (*sent, f"expected: {self.expected}", f"received: {self.received}")

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "name": self.case.name,
            "kind": self.case.kind,
            "texts": list(self.case.texts),
            "sent": list(self.sent),
            "expected": self.expected,
            "received": self.received,
            "passed": self.passed,
            "seconds": round(self.seconds, 3),
        }


def told(calls: Sequence[RecordedCall]) -> tuple[str, ...]:
    """Each call as a report names it."""
    return tuple(
        f"{call.operation}: {call.request['method']} {call.request['url'].partition('?')[0]} -> {call.outcome}"
        for call in calls
    )


def junit(provider: str, findings: Sequence[Finding]) -> bytes:
    """The report as build servers read it (the testsuite and testcase elements of JUnit's XML)."""
    failed = sum(not found.passed for found in findings)
    suite = ET.Element(
        "testsuite",
        name=f"automator check {provider}",
        tests=str(len(findings)),
        failures=str(failed),
        errors="0",
        skipped="0",
        time=f"{sum(found.seconds for found in findings):.3f}",
    )
    for found in findings:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"{provider}.{found.case.kind}",
            name=found.case.name,
            time=f"{found.seconds:.3f}",
        )
        if not found.passed:
            message = f"expected {found.expected}; received {found.received}"
            ET.SubElement(case, "failure", message=message).text = "\n".join(found.sent)
        ET.SubElement(case, "system-out").text = "\n".join(found.lines)
    ET.indent(suite)
    return bytes(ET.tostring(suite, encoding="utf-8", xml_declaration=True))
