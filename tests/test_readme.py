"""The README's commands and examples do what it says (all but `make test` and Docker's)."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from core.store import Store

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.strip().splitlines()]
    return [line for line in lines if not line.startswith("docker")]


def run(command: str) -> str:
    here = command.replace(".venv/bin/python", sys.executable)
    here = here.replace(".venv/bin/memsig", f"{sys.executable} -m core")  # tests/test_project.py
    done = subprocess.run(here, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, text: bytes):
    """The README's own command-line examples, run once in an empty cache."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "mytext.txt").write_bytes(text)
    before = os.environ.get("MEMSIG_CACHE")
    os.environ["MEMSIG_CACHE"] = str(folder / "cache")
    for command in commands():
        if " -m core " in command or "/memsig " in command:
            # One network of a study: the second and third are computed as the first is.
            few = command.replace("reproduce ", "reproduce --seeds 1 ")
            run(few.replace("mytext.txt", str(folder / "mytext.txt")))
    yield Store()
    if before is None:
        del os.environ["MEMSIG_CACHE"]
    else:
        os.environ["MEMSIG_CACHE"] = before


@pytest.mark.slow
def test_the_command_line_examples_leave_signatures(cache: Store) -> None:
    assert cache.query("SELECT count(DISTINCT cell) AS n FROM models")["n"][0] == 2


@pytest.mark.slow
def test_the_sql_examples_answer(cache: Store) -> None:
    from core.store.sandbox import run_sql

    statements = [part for block in blocks("sql") for part in block.split(";") if part.strip()]
    assert len(statements) >= 3
    for statement in statements:
        assert len(run_sql(statement).frame) > 0


@pytest.mark.slow
def test_the_notebook_example_runs(cache: Store) -> None:
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "layer" in done.stdout and "majority" in done.stdout


@pytest.mark.slow
def test_make_app_and_the_set_up_by_hand(tmp_path: Path) -> None:
    """`make app` in a copy of the repository that has its environment: the page answers."""
    assert "make app" in commands() and "python3 -m venv .venv" in commands()
    assert {
        ".venv/bin/pip install -c constraints.txt -e .",
        ".venv/bin/streamlit run app/main.py",
    } <= set(commands())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        ["make", "app", f"PORT={port}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"MEMSIG_CACHE": str(tmp_path)},
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/readyz", timeout=2) as answer:
                    assert answer.status == 200
                    break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline
                time.sleep(0.2)
    finally:
        os.killpg(server.pid, 15)
        output = server.communicate(timeout=20)[0]
    assert f"http://localhost:{port}" in output


def test_links_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), ROOT / "cache" / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in _targets(page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_links_within_the_readme_lead_to_its_headings() -> None:
    headings = {line.lower() for line in re.findall(r"^## (\w+)$", README, re.MULTILINE)}
    within = re.findall(r"\]\(#([\w-]+)\)", README)
    assert len(within) >= 2 and set(within) <= headings


def _targets(page: str) -> list[str]:
    """Of links, and of pictures for either theme."""
    return [
        target
        for form in (r"\]\(([^)#]+)\)", r'src(?:set)?="([^"]+)"')
        for target in re.findall(form, page)
    ]


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_the_diffs_of_the_development_page_are_in_the_files() -> None:
    page = (ROOT / "docs" / "development.md").read_text()
    shown = re.findall(r"```diff\n(.*?)```", page, re.DOTALL)
    assert len(shown) == 5  # every row of "what it touches" that names an example
    for part in "".join(shown).split("--- ")[1:]:
        path, *lines = part.rstrip().splitlines()
        source = (ROOT / path).read_text().splitlines()
        assert [line[1:] for line in lines if line[1:] not in source] == [], path


@pytest.mark.slow
def test_the_numbers_in_the_documents_are_those_of_the_shipped_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python scripts/results.py` writes them."""
    monkeypatch.delenv("MEMSIG_REFERENCE")
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import results  # type: ignore[import-not-found]

    store = results.shipped_store(tmp_path)
    for name, write in results.PAGES.items():
        text = (ROOT / "docs" / name).read_text()
        assert write(text, store) == text, name


def test_the_shipped_results_are_small_and_whole() -> None:
    place = ROOT / "cache" / "reference"
    files = [path for path in place.rglob("*") if path.is_file()] if place.exists() else []
    sizes = {path: path.stat().st_size for path in files}
    networks = sum(size for path, size in sizes.items() if path.suffix == ".safetensors")
    assert networks < 4_000_000 and sum(sizes.values()) < 12_000_000
    for manifest in place.glob("*/manifest.json"):
        facts = json.loads(manifest.read_text())
        assert {"profile", "seeds", "versions", "packages", "machine", "made", "command"} <= set(
            facts
        )
