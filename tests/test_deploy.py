"""What runs in a lab, as far as it can be proven without a container engine.

The Dockerfile is linted by hadolint, the compose files by the Compose specification, and what the
image runs is run here as it would be there: as an ordinary user, every file system read-only but
for the cache and a temporary one.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PAGE = (ROOT / "docs" / "deploy.md").read_text()
COMPOSE, GPU = "compose.yaml", "compose.gpu.yaml"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")

# As the container: nothing but the cache and a temporary file system can be written to.
READ_ONLY = """
mount --make-rprivate /
mount --bind "$MEMSIG_CACHE" "$MEMSIG_CACHE"
mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 tmpfs /var/tmp
cut -d' ' -f2 /proc/mounts | grep -vE "^(/proc|/sys|/dev|/var/tmp|$MEMSIG_CACHE)(/|$)" |
    while read -r place; do mount -o remount,bind,ro "$place" || true; done 2>/dev/null
if touch "$PWD/written" 2>/dev/null; then echo "still writable" >&2; exit 1; fi
"""


def compose(name: str, **values: str) -> dict[str, Any]:
    """A compose file with its variables filled in."""
    text = (ROOT / name).read_text()
    filled = VARIABLE.sub(lambda match: values.get(match[1], match[2]), text)
    assert "${" not in filled
    return yaml.safe_load(filled)


@pytest.mark.parametrize("name", [COMPOSE, GPU])
@pytest.mark.parametrize("values", [{}, {"RAY_ADDRESS": "head:6379", "MEMSIG_TORCH": "cu130"}])
def test_compose_files_are_what_the_specification_allows(name: str, values: dict[str, str]) -> None:
    checked = PyCompose.from_json(json.dumps(compose(name, **values)))
    checked.validate()
    used = [
        mount
        for service in compose(name, **values)["services"].values()
        for mount in service.get("volumes", [])
    ]
    named = {mount.split(":")[0] for mount in used if not mount.startswith("/")}
    assert named == set(compose(name).get("volumes", {}))


def test_containers_hold_no_more_than_they_need() -> None:
    services = compose(COMPOSE)["services"]
    for service in services.values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["init"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
        assert "privileged" not in service and service.get("user", "1000") != "root"
    app = services["app"]
    assert app["mem_limit"] and app["ports"] == ["127.0.0.1:8501:8501"]
    assert "profiles" not in app and "deploy" not in app
    assert all(services[name]["profiles"] == ["ray"] for name in ("head", "worker"))
    assert not any("ports" in services[name] for name in ("head", "worker"))
    devices = {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    for service in (compose(GPU)["services"]["app"], services["worker"]):
        assert service["deploy"]["resources"]["reservations"]["devices"] == [devices]
    assert compose(GPU)["services"]["app"]["build"]["args"]["TORCH_INDEX"].endswith("/cu130")
    assert app["build"]["args"]["TORCH_INDEX"].endswith("/cpu")


def test_every_variable_is_explained() -> None:
    names = {
        match[1]
        for name in (COMPOSE, GPU)
        for match in VARIABLE.finditer((ROOT / name).read_text())
    }
    assert {"MEMSIG_TORCH", "RAY_ADDRESS"} < names
    missing = [name for name in names if f"`{name}`" not in PAGE]
    assert not missing


def test_the_dockerfile_is_linted_and_the_compiler_stays_behind() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stdout.decode()
    _, build, final = DOCKERFILE.split("\nFROM ")
    assert "g++" in build and "g++" not in final and "make" not in final
    assert re.search(r"^USER 1000", final, re.MULTILINE) and "HEALTHCHECK" in final
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        sources = [part for part in line.split()[:-1] if not part.startswith("--")]
        assert sources and all((ROOT / source).exists() for source in sources)
    assert "COPY --chmod=u=rwX,go=rX . ." in final
    assert "--extra-index-url" not in DOCKERFILE and "-c constraints.txt" in build


def test_no_secret_and_no_result_enters_the_image() -> None:
    """The files of this folder that the .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]

    def ignored(path: str) -> bool:
        found = False
        for pattern in patterns:
            bare = pattern.removeprefix("!").replace("**/", "*")
            if fnmatch.fnmatch(path, bare) or fnmatch.fnmatch(path, f"{bare}/*"):
                found = not pattern.startswith("!")
        return found

    for secret in (
        ".streamlit/secrets.toml",
        ".env",
        "cache/signatures.duckdb",
        ".git/config",
        "cache/artifacts/cache.db",
        "core/__pycache__/cli.cpython-311.pyc",
        ".venv/bin/python",
        "signatures.tar",
        "secrets.toml",
        ".streamlit/secrets.toml.bak",
        "app/.streamlit/secrets.toml",
        ".streamlit/secrets-lab.toml",
        ".mypy_cache/3.11/core.json",
    ):
        assert ignored(secret), secret
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    rooms = ("app/", "core/", "cache/reference/")
    needed = [path for path in tracked.split() if path.startswith(rooms)]
    for path in [*needed, "constraints.txt", "requirements.txt", "scripts/serve.sh"]:
        assert not ignored(path), path


@pytest.fixture
def contained() -> Iterator[list[str]]:
    """A command in front of another that runs it as the container would; the cache it may use."""
    cache = Path(tempfile.mkdtemp(prefix="memsig-"))
    root = os.geteuid() == 0
    if root:
        os.chown(cache, 1000, 1000)
    drop = (
        "exec setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all" if root else "exec"
    )
    namespace = ["unshare", "--mount", *([] if root else ["--map-root-user"])]
    place = f"MEMSIG_CACHE={cache}"
    path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
    settings = [
        place,
        path,
        "HOME=/nonexistent",
        "TMPDIR=/var/tmp",
        "MEMSIG_THREADS=1",
        "PYTHONDONTWRITEBYTECODE=1",
    ]
    script = f'{READ_ONLY}{drop} "$@"'
    command = ["env", *settings, *namespace, "sh", "-c", script, "sh"]
    tried = subprocess.run([*command, "true"], cwd=ROOT, capture_output=True, text=True)
    if tried.returncode:
        shutil.rmtree(cache)
        pytest.skip(f"no mount namespace here: {tried.stderr.strip()}")
    yield command
    shutil.rmtree(cache, ignore_errors=True)


@pytest.mark.slow
def test_jobs_need_to_write_nowhere_but_to_the_cache(contained: list[str], text: bytes) -> None:
    cache = next(Path(part[13:]) for part in contained if part.startswith("MEMSIG_CACHE="))
    (cache / "words.txt").write_bytes(text)
    command = f"python -m core signature {cache}/words.txt --hidden 16 --profile smoke"
    command += " --decoder linear --json"
    done = subprocess.run(
        [*contained, *command.split()], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["marginal"]


@pytest.mark.slow
def test_the_image_serves_and_its_health_check_tells(contained: list[str]) -> None:
    command = json.loads(re.search(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)[1])
    check = json.loads(re.search(r"HEALTHCHECK[^\[]+(\[.+?\])\n", DOCKERFILE)[1])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    health = [sys.executable, *(part.replace("8501", port) for part in check[1:])]

    def healthy() -> bool:
        return subprocess.run(health, capture_output=True, timeout=20).returncode == 0

    assert not healthy()
    contained = [contained[0], f"PORT={port}", "STREAMLIT_SERVER_HEADLESS=true", *contained[1:]]
    app = subprocess.Popen(
        [*contained, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not healthy():
            assert app.poll() is None and time.monotonic() < deadline
            time.sleep(0.3)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert b"<title>" in page.read()
    finally:
        app.send_signal(signal.SIGTERM)
        output = app.communicate(timeout=20)[0]
    assert "Traceback" not in output and not healthy()


def test_documented_commands_exist() -> None:
    """Every `python -m core …` of the page is a command of the command line."""
    from core import cli

    for line in re.findall(r"python -m core ([a-z-]+)", PAGE):
        with pytest.raises(SystemExit) as ended:
            cli.main([line, "--help"])
        assert ended.value.code == 0
