"""What every test of the pages shares: the shell around each page, as the server draws it."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import app_test

from app.shell import people
from core import jobs
from core.signatures.spec import SignatureSpec
from tests.app.prepared import several


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that draw whole pages take seconds each: they are slow.

    A module that has AppTest draws pages in all of its tests; from another, `opened` draws one.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            calls = item.function.__code__.co_names
            if hasattr(item.module, "AppTest") or "opened" in calls:
                item.add_marker(pytest.mark.slow)


class Registered(PagesManager):
    """Pages as `st.navigation` registers them; the test driver forgets that before every run."""


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)
    monkeypatch.setattr(app_test, "PagesManager", Registered)
    # A listing half a second old would hide what a test has just done beside the pages.
    monkeypatch.setattr(people, "listing", jobs.listing)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SignatureSpec]]:
    """One store with four signatures for all tests that only read."""
    root = tmp_path_factory.mktemp("several")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(root))
        return root, several(root)


@pytest.fixture
def specs(
    kept: tuple[Path, list[SignatureSpec]], monkeypatch: pytest.MonkeyPatch
) -> list[SignatureSpec]:
    """The four signatures of `kept`, which is the cache now; nothing may be asked for in it."""
    root, several = kept
    monkeypatch.setenv("MEMSIG_CACHE", str(root))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    return several
