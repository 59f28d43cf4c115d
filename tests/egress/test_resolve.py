"""What a look-up settles an open intention to: every meaning of absence, found or not, opted in or not."""

from __future__ import annotations

import pytest

from automator.egress.resolve import verdict
from automator.intentions import State
from connectors.base import Absence

MISSING = {
    (Absence.PROOF, False): State.PLANNED,
    (Absence.PROOF, True): State.PLANNED,
    (Absence.EVIDENCE, False): State.UNCONFIRMED,
    (Absence.EVIDENCE, True): State.PLANNED,
    (Absence.NONE, False): State.UNCONFIRMED,
    (Absence.NONE, True): State.UNCONFIRMED,
    (Absence.FINAL, False): State.ABSENT,
    (Absence.FINAL, True): State.ABSENT,
}


@pytest.mark.parametrize("opted_in", [False, True])
@pytest.mark.parametrize("absence", Absence)
def test_table(absence: Absence, opted_in: bool) -> None:
    """What is found is done; an order that is not there is never sendable again, whatever a person opted in to."""
    assert verdict(absence, {"id": "1"}, send_again_opted_in=opted_in) is State.DONE
    assert verdict(absence, None, send_again_opted_in=opted_in) is MISSING[absence, opted_in]
