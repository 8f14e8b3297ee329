"""The Python project: what is pinned and cited, and that it works in any folder once installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import tomllib
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import core
from core import places

ROOT = Path(__file__).parents[1]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
)
COMPANIONS = re.compile(r"(nvidia|cuda)-.*|triton|pytorch-triton")  # pinned by torch itself


def needed(file: str) -> set[str]:
    """The names of all installed packages that a requirements file needs, directly or not."""
    lines = (ROOT / file).read_text().splitlines()
    waiting = [Requirement(line) for line in lines if line and not line.startswith("#")]
    names: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in names:
            continue
        names.add((name, extras))
        for line in metadata.requires(wanted.name) or []:
            further = Requirement(line)
            marker = further.marker
            if not marker or any(marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                waiting.append(further)
    return {name for name, _ in names}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_that_is_needed_is_pinned(file: str) -> None:
    names = {name for name in needed(file) if not COMPANIONS.fullmatch(name)}
    assert len(names) > 20
    assert names <= PINS.keys(), f"`make constraints`: {sorted(names - PINS.keys())}"


def test_pins_are_public_versions_and_agree_with_the_requirements() -> None:
    assert not any("+" in version for version in PINS.values())
    for file in ROOT.glob("requirements*.txt"):
        for line in file.read_text().splitlines():
            if line and not line.startswith("#"):
                name, version = line.split("==")
                assert PINS[canonicalize_name(name.partition("[")[0])] == version, line


def test_make_and_the_image_install_what_is_pinned() -> None:
    """CI runs `make test`."""
    makefile = (ROOT / "Makefile").read_text()
    assert all("-c constraints.txt" in line for line in makefile.splitlines() if " pip " in line)
    (install,) = re.findall(r"pip install(?:.*\\\n)*.*", (ROOT / "Dockerfile").read_text())
    assert "-c constraints.txt" in install
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def bibtex() -> list[tuple[str, list[str], int]]:
    """(title, family names, year) of each entry of `core.citations()`."""
    entries = []
    for entry in core.citations().split("\n@"):
        fields = dict(re.findall(r"^  (\w+) = \{((?:.|\n +)*?)\}", entry, re.MULTILINE))
        authors = [name.split(",")[0].strip() for name in re.split(r"\s+and\s+", fields["author"])]
        entries.append((fields["title"], authors, int(fields["year"])))
    return entries


def test_the_citation_file_and_the_program_cite_the_same() -> None:
    facts = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    works = [facts["preferred-citation"], *facts["references"]]
    listed = [
        (work["title"], [author["family-names"] for author in work["authors"]], work["year"])
        for work in works
    ]
    assert listed == bibtex() and len(listed) == 11
    assert listed[0][1:] == (["Koppula", "Sim", "Chin"], 2018)
    assert facts["version"] == core.__version__


def test_no_public_name_is_that_of_a_module() -> None:
    """A module that is imported takes its own name in the package, from then on."""
    assert {*core.__all__} & {path.stem for path in (ROOT / "core").iterdir()} == set()
    assert core.citations() == core.citations()


def test_the_version_is_written_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"] and "version" not in project
    assert re.fullmatch(r"\d+\.\d+\.\d+", core.__version__)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEMSIG_CACHE", raising=False)
    assert places.cache() == ROOT / "cache"
    monkeypatch.setattr(places, "ROOT", tmp_path)  # a folder without a pyproject.toml
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert places.cache() == tmp_path / "xdg" / "memory-signatures"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the specification says to ignore
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.cache() == tmp_path / ".cache" / "memory-signatures"
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path / "mine"))
    assert places.cache() == tmp_path / "mine"


def checkout(folder: Path) -> Path:
    """A clean checkout: the files of the repository, without what git ignores."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in done.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / "app" / ".streamlit" / "secrets.toml").write_text("no TOML: it must not be packaged")
    return folder


def sdist(folder: Path) -> Path:
    """The source distribution of a clean checkout."""
    build = "from setuptools import build_meta; print(build_meta.build_sdist('dist'))"
    source = checkout(folder)
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=True
    )
    return source / "dist" / done.stdout.split()[-1]


@pytest.fixture(scope="module", params=[checkout, sdist])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment with the program in it; its needs are this environment's."""
    folder = tmp_path_factory.mktemp("installed")
    source = request.param(folder / "source")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv" / "bin" / "python")]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--ignore-installed"]
    subprocess.run([*pip, "install", *options, str(source)], check=True)
    shutil.rmtree(folder / "source")
    return folder / "venv" / "bin"


def environment(folder: Path) -> dict[str, str]:
    """Of somebody who has set nothing but their cache folder."""
    mine = {name: os.environ[name] for name in os.environ if not name.startswith("MEMSIG_")}
    return mine | {"XDG_CACHE_HOME": str(folder / "caches")}


@pytest.mark.slow
def test_an_installed_program_works_in_any_folder(installed: Path, tmp_path: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(
            [installed / command[0], *command[1:]],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    code = "import core, app; print(core.__version__, core.__file__, app.__file__)"
    version, *files = run("python", "-c", code).split()
    assert version == core.__version__
    assert all(Path(file).is_relative_to(installed.parent) for file in files)
    assert run("memsig", "--version").strip() == version
    status = run("memsig", "status")
    assert str(tmp_path / "caches" / "memory-signatures") in status
    shipped = (
        "import core; print(core.connect().sql('SELECT count(*) FROM shipped').fetchall()[0][0])"
    )
    reference = (ROOT / "cache" / "reference").glob("*/manifest.json")
    keys = {key for path in reference for key in json.loads(path.read_text())["keys"]}
    assert keys and int(run("python", "-c", shipped)) == len(keys)
    code = "from core import places; print(*sorted(p.name for p in places.documents().glob('*.*')))"
    documents = {path.name for form in ("*.md", "*.png") for path in (ROOT / "docs").glob(form)}
    assert documents <= set(run("python", "-c", code).split())
    assert not [path for path in tmp_path.iterdir() if path.name != "caches"]


@pytest.mark.slow
def test_the_source_distribution_has_every_file_that_is_tracked(tmp_path: Path) -> None:
    """But for those that are hidden; so whoever has it can run the tests and build the site."""
    with tarfile.open(sdist(tmp_path / "source")) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = {name for name in listing.stdout.splitlines() if (ROOT / name).is_file()}
    hidden = {name for name in tracked if name.startswith(".")}
    assert {"mkdocs.yml", "Makefile", "CITATION.cff", "docs/words.md"} <= held
    assert tracked - hidden - held == set()


@pytest.mark.slow
def test_the_installed_app_starts_in_any_folder(installed: Path, tmp_path: Path) -> None:
    """With its own settings, and not with an `app` or a `core` that happens to lie there."""
    for name in ("app", "core"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package')")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [installed / "memsig", "app", "--server.port", str(port), "--server.headless=true"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            deadline = time.monotonic() + 120
            while not ready(f"http://127.0.0.1:{port}/readyz"):
                assert server.poll() is None and time.monotonic() < deadline
                time.sleep(0.2)
        finally:
            server.terminate()
            output = server.communicate(timeout=30)[0]
    assert "Traceback" not in output
    assert f"http://127.0.0.1:{port}" in output  # loopback only: app/.streamlit/config.toml


@pytest.mark.slow
def test_a_wrong_secrets_file_beside_the_app_keeps_it_closed(
    installed: Path, tmp_path: Path
) -> None:
    """Login is on wherever the app is started from; nothing but settings was installed there."""
    code = "import app; print(app.__path__[0])"
    place = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    settings = Path(place.stdout.strip()) / ".streamlit"
    names = {path.name for path in settings.iterdir()}
    assert names == {"config.toml", "secrets.example.toml"}
    (settings / "secrets.toml").write_text("no TOML")
    done = subprocess.run(
        [installed / "memsig", "app", "--server.headless=true", "--server.port=0"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode and "is no TOML" in done.stderr and "Traceback" not in done.stderr


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
