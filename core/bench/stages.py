"""Where the time of one signature job goes, stage by stage."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from core import jobs, machine, places
from core.bench import here
from core.jobs.estimate import CALIBRATION, calibrate
from core.library import find_corpus, signature_spec
from core.signatures.spec import SignatureSpec
from core.store import Store

# Which function's time is which stage's; what it calls for another stage counts there alone.
STAGES = {
    "core.corpora.corpus:Corpus.from_bytes": "corpus",
    "core.models.language.char_lm:train": "network",
    "core.models.language.states:ModelStates.chunk": "states",
    "core.probes.linear:train": "preview",
    "core.probes.rounds:train": "decoders",
    "core.models.language.char_lm:score": "measuring",
    "core.signatures.step:evaluate": "measuring",
    "core.probes.measure:resampled": "intervals",
    "core.probes.measure:intervals": "intervals",
    "core.store:Store.take_in": "tables",
    "core.store.tables:Tables._publish": "publishing",
}
ORDER = ("process", "import", *dict.fromkeys(STAGES.values()), "rest")
JOB = (
    "import sys, time; began = time.monotonic(), time.process_time(); "
    "from core.bench.stages import job; job(sys.argv[1], float(sys.argv[2]), *began)"
)


class Stages:
    """Seconds and CPU seconds by stage. Of stages within stages each second counts once."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._open = ["rest"]
        self._since = _now()

    def turn(self) -> None:
        """Adds the time since the last turn to the innermost stage that is open."""
        now = _now()
        for which in range(2):
            self.spent[self._open[-1]][which] += now[which] - self._since[which]
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.turn()
        self._open.append(name)
        try:
            yield
        finally:
            self.turn()
            self._open.pop()

    def watch(self, path: str, name: str) -> None:
        """Counts every call of 'module:function' or 'module:Class.method' as a stage's."""
        module, _, attribute = path.partition(":")
        *owners, last = attribute.split(".")
        owner = functools.reduce(getattr, owners, import_module(module))
        bound = getattr(owner, last)

        def watched(*arguments: Any, **options: Any) -> Any:
            with self.stage(name):
                return bound(*arguments, **options)

        whole: Callable[..., Any] = functools.wraps(bound)(watched)
        is_class_method = isinstance(vars(owner).get(last), classmethod)
        setattr(owner, last, staticmethod(whole) if is_class_method else whole)


def run(
    corpus: str = "shakespeare",
    cell: str = "gru",
    layers: int = 1,
    hidden: int = 80,
    profile: str = "laptop",
) -> dict[str, Any]:
    """One job in a new process and a store of its own; takes as long as the job.

    stages: for each, seconds, CPU seconds of all threads and, of those that train, GFLOP and the
    share of `peak_gflops`, the rate of a product of matrices.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        found = find_corpus(corpus, store=store)
        spec = signature_spec(found, cell, layers, hidden, profile=profile, store=store)
        calibrate(store, machine.settle())
        jobs.request(spec, "bench", store)
        environment = os.environ | {"MEMSIG_CACHE": folder}
        command = [sys.executable, "-c", JOB, spec.key, str(time.monotonic())]
        ran = subprocess.run(
            command, cwd=places.ROOT, env=environment, stdout=subprocess.PIPE, check=True
        )
        work = _work(spec, store)
        measured = store.artifacts.get(f"{CALIBRATION}/{machine.name()}")
    peak = json.loads(measured or b"{}")["gflops"]
    return {
        "job": spec.title,
        "profile": profile,
        "stages": _rows(json.loads(ran.stdout), work, peak),
        "peak_gflops": peak,
        **here(),
    }


def _work(spec: SignatureSpec, store: Store) -> dict[str, float]:
    """GFLOP of the training in a job: six operations for each weight and symbol, or state, read."""
    from core.probes.mlp import decoder_parameters

    read = store.query(
        "SELECT parameters * (SELECT max(symbols) FROM training_curve WHERE model = key) AS n "
        "FROM models WHERE key = ?",
        [spec.model.key],
    )
    work = {"network": 6 * read["n"][0] / 1e9}
    for name, signature in (("preview", spec.preview()), ("decoders", spec)):
        ran = store.query(
            "SELECT width, max(steps) AS steps FROM decoder_rounds WHERE signature = ? "
            "GROUP BY lag, keep, width",
            [signature.key],
        )
        shape = spec.dim, spec.corpus.symbols
        weights = sum(
            steps * decoder_parameters(*shape, width, spec.budget.depth if width else 0)
            for width, steps in ran.iter_rows()
        )
        work[name] = 6 * signature.budget.batch * weights / 1e9
    return work


def _rows(
    spent: dict[str, list[float]], work: dict[str, float], peak: float
) -> list[dict[str, Any]]:
    """The stages in the order of a job, then all of it."""
    spent["all"] = [sum(column) for column in zip(*spent.values(), strict=True)]
    rows = []
    for name in (*ORDER, "all"):
        seconds, cpu = spent.get(name, (0.0, 0.0))
        gflop = work.get(name)
        share = gflop / seconds / peak if gflop and seconds else None
        rows.append(
            {"stage": name, "seconds": seconds, "cpu_s": cpu, "gflop": gflop, "of_peak": share}
        )
    return rows


def job(key: str, asked: float, began: float, cpu: float) -> None:
    """The job's process: does what a worker does and prints what each stage took, as JSON.

    asked, began: when it was started and ran its first line; cpu: its CPU seconds until then.
    """
    loaded = time.monotonic(), time.process_time()
    stages = Stages()
    with stages.stage("import"):
        for name in ("torch._dynamo", "core.models.language.step", "core.signatures.step"):
            import_module(name)
    for path, name in STAGES.items():
        stages.watch(path, name)
    worker = import_module("core.jobs.worker")
    worker.work(key, Store())
    stages.turn()
    stages.spent["process"] = [began - asked, cpu]
    for which, since in enumerate((began, cpu)):
        stages.spent["import"][which] += loaded[which] - since
    ended = jobs.find(key)
    if ended is None or ended.status != "done":
        sys.exit(ended.reason if ended else "there is no job")
    print(json.dumps(stages.spent))


def _now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()
