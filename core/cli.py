"""The command line: `python -m core signature | import-model | study | reproduce | sql | …`."""

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
        from core.reference import settle

        if options.run is not _restore:  # which asks for an empty cache
            settle()
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

    speech = commands.add_parser("speech", help="list, check and compute a speech corpus")
    speech.add_argument("name", help="synthetic-speech, wsj-speech, or a folder of recordings")
    for split in ("train", "dev", "test"):
        speech.add_argument(f"--{split}", type=int, help="utterances at most (default: all)")
    speech.add_argument("--voices", type=int, default=1, help="of synthetic speech")
    speech.add_argument("--seed", type=int, default=0)
    speech.add_argument(
        "--vp", choices=("keep", "word", "drop"), default="keep", help="spoken punctuation of WSJ"
    )
    speech.add_argument("--check", action="store_true", help="only list what is there")
    speech.set_defaults(run=_speech)

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
    study.add_argument(
        "name",
        choices=("signature", "size", "depth", "adaptation", "ngram", "factorized", "las"),
    )
    study.add_argument(
        "--corpus", help="of the studies of one corpus (default: the paper's, or its stand-in)"
    )
    study.add_argument("--source", help="of adaptation and factorized (default: shakespeare)")
    study.add_argument("--target", help="of adaptation and factorized (default: as for --corpus)")
    study.add_argument("--fraction", type=float, default=0.05, help="of the target, to retrain on")
    study.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    study.set_defaults(run=_study)

    reproduce = commands.add_parser("reproduce", help="compute every study of the paper")
    reproduce.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    reproduce.add_argument("--study", help="only this one, such as size")
    reproduce.add_argument("--seeds", type=int, help="networks of each study (default: its own)")
    reproduce.add_argument(
        "--max-seconds", type=float, help="stop after so long; the next call goes on from there"
    )
    reproduce.set_defaults(run=_reproduce)

    claims = commands.add_parser("claims", help="the paper's claims, and what is found here")
    claims.add_argument("--profile", help="of this profile (default: paper, else laptop)")
    claims.set_defaults(run=_claims)

    export = commands.add_parser("export-reference", help="write computed studies to ship them")
    export.add_argument("--profile", default="laptop", help="laptop or paper")
    export.add_argument("--folder", help="default: cache/reference of the source tree")
    export.set_defaults(run=_export)

    bench = commands.add_parser("bench", help="measure the speed claims on this machine")
    bench.add_argument(
        "name", choices=("decoders", "factorized", "ngram", "scaling", "states", "store")
    )
    bench.set_defaults(run=_bench)

    listed = (signature, model, study, speech, reproduce, claims, export, sql, status, bench)
    for command in listed:
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
    fresh = _obtain([*specs, *others.values()])
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
                "cached": not fresh,
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
    from core.library import query
    from core.reproduce import corpora_of
    from core.studies import STUDIES, Choices

    started = time.monotonic()
    if not 0 < options.fraction <= 1:
        raise BadInput("Choose a fraction above 0 and at most 1, such as 0.05.")
    named = {name: getattr(options, name) for name in ("corpus", "source", "target")}
    study = STUDIES[options.name]
    corpora = corpora_of(study, options.profile, named | {"speech": options.corpus})
    plan = study.plan(Choices(options.profile, fraction=options.fraction, **corpora))
    _obtain(plan.specs)
    labels = {spec.key: label for label, spec in plan.signatures.items()}
    marginal = _marginal(list(labels)).to_dicts()
    rows = [row | {"signature": labels[row["signature"]]} for row in marginal]
    rows.sort(key=lambda row: list(labels.values()).index(row["signature"]))
    scored = dict(query("SELECT key, test_perplexity FROM perplexities").iter_rows())
    perplexities = {label: scored[spec.key] for label, spec in plan.perplexities.items()}
    for model in {spec.model for spec in plan.signatures.values()}:
        found = query("SELECT test_perplexity FROM models WHERE key = ?", [model.key])
        if found["test_perplexity"][0] is not None:
            perplexities.setdefault(model.title, found["test_perplexity"][0])
    recognizers = query(
        "SELECT title AS model, cer, wer, monotone FROM models WHERE kind = 'las' AND trained "
        "AND key IN (SELECT unnest(?))",
        [[spec.model.key for spec in plan.signatures.values()]],
    )
    if options.json:
        answer = {
            "study": options.name,
            "profile": options.profile,
            "seconds": round(time.monotonic() - started, 3),
            "rows": rows,
            "perplexities": perplexities,
        }
        if len(recognizers):
            answer["recognizers"] = recognizers.to_dicts()
        _print_json(answer)
        return
    import polars as pl

    _print_table(pl.DataFrame(rows).pivot("lag", index="signature", values="recall"))
    _print_table(pl.DataFrame({"model": perplexities.keys(), "perplexity": perplexities.values()}))
    if len(recognizers):
        _print_table(recognizers)


def _speech(options: argparse.Namespace) -> None:
    from core.corpora.listing import Listing, named
    from core.library import find_speech, query
    from core.store import Store

    limits = options.train, options.dev, options.test
    spec = find_speech(options.name, *limits, options.voices, options.seed, options.vp)
    facts: dict[str, Any] = {"key": spec.key, "train": spec.train, "dev": spec.dev}
    facts |= {"test": spec.test, "layout": "eSpeak NG", "skipped": []}
    if listed := Store().artifacts.get(spec.content):
        listing = Listing.from_bytes(listed)
        facts |= {"layout": listing.layout, "skipped": listing.skipped}
    if not options.check:
        _obtain([spec])
        row = query("SELECT hours, skipped FROM corpora WHERE key = ?", [spec.key])
        facts |= row.row(0, named=True)
    if options.json:
        _print_json(facts)
        return
    for name in ("layout", "train", "dev", "test", "hours"):
        if name in facts:
            print(f"{name:8} {facts[name]:.4g}" if name == "hours" else f"{name:8} {facts[name]}")
    if facts["skipped"]:
        print(f"skipped  {named(facts['skipped'], 'utterance')}")


def _reproduce(options: argparse.Namespace) -> None:
    from core.reproduce import compute, left, parts
    from core.store import Store
    from core.studies import STUDIES

    started = time.monotonic()
    if options.study is not None and options.study not in STUDIES:
        raise BadInput(f"There is no study {options.study!r}; choose one of {', '.join(STUDIES)}.")
    if options.seeds is not None and not 1 <= options.seeds <= 10:
        raise BadInput("Choose 1 to 10 seeds.")
    names = [options.study] if options.study else None
    wanted, store = parts(options.profile, names, options.seeds), Store()
    print(
        f"{len(wanted)} results, about {_clock(left([part.spec for part in wanted], store))} of "
        "work to do on this machine.", file=sys.stderr,
    )  # fmt: skip
    line = _Line()
    try:
        outcome = compute(wanted, store, options.max_seconds, line.show)
    finally:
        line.close()
    claims = _claim_rows(options.profile)
    if options.json:
        facts = {"profile": options.profile, "seconds": round(time.monotonic() - started, 3)}
        found = {"done": outcome.done, "total": outcome.total, "failed": outcome.failed}
        _print_json(facts | found | {"claims": claims.to_dicts()})
    else:
        _print_claims(claims)
        print(f"{outcome.done} of {outcome.total} results are computed.")
    if outcome.failed:
        title, reason = next(iter(outcome.failed.items()))
        raise BadInput(f"{len(outcome.failed)} failed; the first is {title}: {reason}")


def _claims(options: argparse.Namespace) -> None:
    rows = _claim_rows(options.profile)
    if options.json:
        _print_json(rows.to_dicts())
    else:
        _print_claims(rows)


def _claim_rows(profile: str | None) -> Any:
    from core.library import query
    from core.profiles import find

    if profile is None:
        return query("FROM claims")
    return query("FROM claims_by_profile WHERE profile = ?", [find(profile).name])


def _print_claims(rows: Any) -> None:
    columns = ("claim", "verdict", "ours", "low", "high", "paper", "statistic", "corpora", "note")
    _print_table(rows.select(columns))


def _export(options: argparse.Namespace) -> None:
    from pathlib import Path

    from core import reference

    place = Path(options.folder) if options.folder else reference.ROOT / "cache" / "reference"
    command = f"python -m core reproduce --profile {options.profile}"
    manifest = reference.export(options.profile, place, command)
    size = sum(path.stat().st_size for path in (place / options.profile).iterdir())
    if options.json:
        _print_json({"folder": str(place / options.profile), "bytes": size} | manifest)
        return
    print(f"{len(manifest['keys'])} results, {size / 1e6:.1f} MB, in {place / options.profile}")
    for study, (done, of) in manifest["computed"].items():
        print(f"{study:12} {done} of {of}")


def _marginal(keys: list[str]) -> Any:
    from core.library import query

    return query(
        "SELECT signature, title AS model, layer, lag, accuracy AS recall, low, high, majority "
        "FROM marginal_recall WHERE signature IN (SELECT unnest(?)) AND lag <> 0 "
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
    missing = [spec for spec in specs if store.missing(spec)]
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


class _Line:
    """The progress of many jobs: one line on a terminal, elsewhere a line for every result."""

    def __init__(self) -> None:
        self.on, self.done = sys.stderr.isatty(), -1

    def show(self, state: Any) -> None:
        now = "; ".join(f"{job.fraction:.0%} {job.title}" for job in state.jobs)
        said = f"{state.done} of {state.total}, {state.fraction:.0%}, {_clock(state.left)} left"
        if self.on:
            print(f"\r\033[K{f'{said} · {now}'[:140]}", end="", file=sys.stderr, flush=True)
        elif state.done != self.done:
            self.done = state.done
            print(f"{said} · {now}", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    """A duration in hours and minutes, or in seconds where it is short."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


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
