"""The fault suite in its short form: whatever is tried, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import FAULTS, Fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.where)
def test_nothing_is_lost(fault: Fault, tmp_path: Path) -> None:
    tally = fault.run(tmp_path, fault.short, seed=1)
    assert not tally.lost
    if not tally.tried:
        pytest.skip(tally.note)
    assert tally.tried >= fault.short
