"""The plan of the house (docs/development.md), each rule a test that reads the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from core.cells import CELLS
from core.paper.studies import STUDIES

ROOT = Path(__file__).parents[1]
FILES = {
    path.relative_to(ROOT).as_posix(): path
    for room in ("app", "core")
    for path in sorted((ROOT / room).rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}
KINDS = {path.name for path in (ROOT / "core" / "models").iterdir() if (path / "spec.py").exists()}
SCIENCE = (
    *("core/text.py", "core/corpora/", "core/cells/", "core/training/", "core/probes/"),
    "core/models/",
)
# The runner's workers and bridge, and what forks workers; two children that must not take the
# server with them (user SQL, a C library); benches, of which each measures a process of its own;
# `memsig app`, which becomes the server; the C++ compiler; `ps`, where there is no /proc to ask
# whether a worker is still itself.
STARTERS = {
    "core/child.py",
    "core/forks.py",
    "core/compiled.py",
    "core/jobs/runner.py",
    "core/jobs/queue.py",
    "core/store/sandbox.py",
    "core/corpora/speech/espeak.py",
    "core/bench/neighbour.py",
    "core/bench/ngram.py",
    "core/bench/pages.py",
    "core/bench/stages.py",
    "core/cli/server.py",
}
# What a kind of model may be built from, besides its own room.
GROUND = (
    # What any kind may ask for: its rows, other models by the registry, the signature of itself.
    *("core.models.rows", "core.registry", "core.signatures"),
    *("core.models.base", "core.probes", "core.training", "core.corpora", "core.cells"),
    *("core.profiles", "core.spec", "core.step", "core.text", "core.errors", "core.machine"),
    "core.child",
)
ON_LANGUAGE = ("factorized", "imported")  # kinds that start from a language model


@cache
def imports(name: str, *, top: bool = False) -> frozenset[str]:
    """Every module, or name of a module, that a file imports. top: only while it is imported."""
    found = set()
    for node in _nodes(TREES[name], top):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def _nodes(tree: ast.AST, top: bool) -> Iterator[ast.AST]:
    """All nodes of a tree. top: without those in functions and under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not (top and (typing or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))):
            yield node
            yield from _nodes(node, top)


def within(module: str, *rooms: str) -> bool:
    """Whether a module is one of these or lies in one."""
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def importing(*rooms: str, below: tuple[str, ...] = ("",), top: bool = False) -> set[str]:
    """The files below some folders that import one of these modules, or from it."""
    names = [name for name in TREES if name.startswith(below)]
    return {name for name in names if any(within(m, *rooms) for m in imports(name, top=top))}


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The name of each function, and the lines of its body without the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            described = ast.get_docstring(node) is not None and len(node.body) > 1
            first = node.body[1 if described else 0]
            yield node.name, node.body[-1].end_lineno - first.lineno + 1


def lengths(below: str = "") -> dict[str, int]:
    """The lines of every file below a folder."""
    names = [name for name in FILES if name.startswith(below)]
    return {name: len(FILES[name].read_text().splitlines()) for name in names}


def assigned(name: str) -> set[str]:
    """The names that a module assigns to."""
    targets = [
        target
        for node in TREES[name].body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def lists_of(names: set[str]) -> set[str]:
    """The files that write down all of these strings in one list, tuple, set, dict or Literal."""
    found = set()
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            parts = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            written = {part.value for part in parts if isinstance(part, ast.Constant)}
            if names <= written:
                found.add(file)
    return found


# Layers


def test_science_knows_no_store_no_jobs_no_paper_and_no_app() -> None:
    assert importing("core.store", "core.jobs", "core.paper", "app", below=SCIENCE) == set()


def test_probes_know_no_model() -> None:
    assert importing("core.models", below=("core/probes/",)) == set()


def test_specs_profiles_cells_and_the_registry_load_no_torch() -> None:
    specs = [name for name in FILES if name.endswith("/spec.py")] + ["core/spec.py"]
    modules = [name.removesuffix(".py").replace("/", ".") for name in specs]
    modules += ["core.profiles", "core.registry", "core.cells"]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_only_the_registry_names_every_kind() -> None:
    rooms = {kind: importing(f"core.models.{kind}") for kind in KINDS}
    assert len(KINDS) >= 5 and set.intersection(*rooms.values()) == {"core/registry.py"}


def test_a_kind_knows_no_other_kind() -> None:
    foreign = set()
    for kind in KINDS:
        own = f"core.models.{kind}"
        rooms = (*GROUND, own, *(["core.models.language"] if kind in ON_LANGUAGE else []))
        for name in (name for name in TREES if name.startswith(f"core/models/{kind}/")):
            others = {module for module in imports(name) if within(module, "core")}
            foreign |= {(name, module) for module in others if not within(module, *rooms)}
    assert foreign == set()


def test_core_knows_neither_streamlit_nor_the_app() -> None:
    assert importing("streamlit", below=("core/",)) == set()
    # One module draws, by the pictures of the app, and only when it is asked to.
    assert importing("app", below=("core/",)) == {"core/figures.py"}
    assert importing("app", below=("core/",), top=True) == set()
    drawing = {module for module in imports("core/figures.py") if within(module, "app")}
    assert all(within(module, "app.pictures") for module in drawing)


def test_pictures_know_neither_streamlit_nor_the_rest_of_the_app() -> None:
    assert importing("streamlit", below=("app/pictures/",)) == set()
    assert importing(*(f"app.{room}" for room in ROOMS), below=("app/pictures/",)) == set()


def test_the_app_starts_without_torch() -> None:
    assert importing("torch", below=("app/",), top=True) == set()


# Pages


ROOMS = {
    path.stem for path in (ROOT / "app").iterdir() if path.suffix == ".py" or path.is_dir()
} - {"pictures", "__init__", "__pycache__", ".streamlit"}
PAGES = {path.stem for path in (ROOT / "app" / "pages").glob("*.py")}


def test_pages_call_parts_and_parts_call_pictures() -> None:
    assert importing("app.pictures", below=("app/pages/",)) == set()
    assert importing("app.pages", below=("app/parts/",)) == set()


def test_a_part_serves_one_page() -> None:
    strangers = {
        page: {
            name
            for name in importing(f"app.parts.{page}", below=("app/",))
            if not name.startswith((f"app/pages/{page}.py", f"app/parts/{page}/"))
        }
        for page in PAGES
    }
    assert {page: names for page, names in strangers.items() if names} == {}


# Processes and names


def test_only_known_modules_start_processes() -> None:
    starting = importing("subprocess", "multiprocessing", "concurrent.futures.ProcessPoolExecutor")
    calls = ("os.exec", "os.fork", "os.spawn", "os.posix_spawn", "os.system", "os.popen")
    for name, tree in TREES.items():
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if any(attribute.startswith(calls) for attribute in used):
            starting.add(name)
    assert starting == STARTERS


def test_one_public_name_is_one_class() -> None:
    places = defaultdict(set)
    for name, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(name)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


# Registries


CORPORA = {
    Path(name).stem
    for name in TREES
    if name.startswith("core/corpora/") and "SOURCE" in assigned(name)
}


@pytest.mark.parametrize("names", [CORPORA, PAGES], ids=["corpora", "pages"])
def test_corpora_and_pages_are_listed_in_their_registry_alone(names: set[str]) -> None:
    assert len(names) >= 3 and lists_of(names) == set()


def test_cells_are_listed_in_their_registry_alone() -> None:
    assert len(CELLS) >= 2 and lists_of(set(CELLS)) == {"core/cells/__init__.py"}


def test_studies_are_listed_in_their_registry_alone() -> None:
    assert len(STUDIES) >= 2 and lists_of(set(STUDIES)) == set()


# Sizes


def test_no_module_is_longer_than_400_lines() -> None:
    assert {name: n for name, n in lengths().items() if n > 400} == {}


def test_no_page_is_longer_than_80_lines() -> None:
    assert {name: n for name, n in lengths("app/pages/").items() if n > 80} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    long = {(name, f): n for name, tree in TREES.items() for f, n in functions(tree) if n > 40}
    assert long == {}
