"""The commands on the cache and on this machine."""

from __future__ import annotations

import pytest

from core import cli, compiled
from core.store import Store


def test_status_says_what_there_is(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["cache"].startswith(str(store.root))
    assert [lines[name] for name in ("corpora", "models", "signatures")] == ["0", "0", "0"]
    assert lines["recurrences"] == compiled.describe("cells/loops")
    assert lines["decoders"] == compiled.describe("probes/decoder")
    assert lines["jobs"] == "none running"
