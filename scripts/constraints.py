"""Writes constraints.txt: every package that pip would install now, pinned. `make constraints`.

It resolves all requirements files at once, as if nothing were installed. Left out are
torch's CUDA companions, which the CUDA build of torch pins itself and no other build has.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = (
    *("requirements.txt", "requirements-dev.txt", "requirements-ray.txt"),
    *("requirements-transformers.txt", "requirements-hdf5.txt"),
)
COMPANIONS = re.compile(r"(nvidia|cuda)-.*|triton|pytorch-triton")
HEAD = """\
# Everything that pip installs for the requirements files, pinned; `make constraints` writes it.
# torch's CUDA companions (nvidia-*, triton) are not here: the CUDA build of torch pins them.
"""


def resolve() -> dict[str, str]:
    """The public version of every package of a fresh installation, by its normalized name."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        wanted = [part for name in FILES for part in ("-r", name)]
        subprocess.run([*command, "--quiet", "--report", report, *wanted], cwd=ROOT, check=True)
        installed = json.loads(report.read_text())["install"]
    pins = {}
    for package in installed:
        name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
        pins[name] = package["metadata"]["version"].partition("+")[0]
    return {name: pins[name] for name in sorted(pins) if not COMPANIONS.fullmatch(name)}


if __name__ == "__main__":
    lines = [f"{name}=={version}\n" for name, version in resolve().items()]
    (ROOT / "constraints.txt").write_text(HEAD + "".join(lines))
