"""The fault suite in its short form: whatever is tried, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.suite import FAULTS, Fault

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.key)
def test_nothing_is_lost(fault: Fault, tmp_path: Path) -> None:
    tally = fault.run(tmp_path, fault.short, 1)
    assert not tally.lost
    if not tally.tried:
        pytest.skip(tally.note)
    assert tally.tried >= fault.short
