"""The command line: `memsig signature | study | reproduce | sql | app …`, also `python -m core`."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, get_args

import core
from core import bench
from core.cells import CELLS
from core.cli import keeping, measuring, paper, server
from core.corpora.speech.spec import Units
from core.corpora.textfile import ALPHABETS
from core.errors import BadInput
from core.paper import shipped
from core.paper.studies import STUDIES, Choices
from core.profiles import NAMES
from core.signatures.spec import RECALLED

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    Run = Callable[[argparse.Namespace], None]

PROFILES = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"
# These need no shipped results: one wants an empty cache, the other's server reads them itself.
AS_IT_IS = (keeping.restore, server.app)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code. Errors of the user's end as one sentence."""
    parser = _parser()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack a character
            stream.reconfigure(errors="replace")
    for argument in sys.argv[1:] if arguments is None else arguments:
        if any("\ud800" <= letter <= "\udfff" for letter in argument):
            readable = argument.encode("ascii", "replace").decode()
            print(f"{readable} is no text in this locale: name it otherwise.", file=sys.stderr)
            return 2
    options, others = parser.parse_known_args(arguments)
    if options.run is server.app:
        options.streamlit = others
    elif others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    try:
        if options.run not in AS_IT_IS:
            shipped.update()
        options.run(options)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"{error.filename or 'The system'}: {error.strerror}.", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="memsig", description="Memory signatures.")
    parser.add_argument("--version", action="version", version=core.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_server(commands)
    _add_signature(commands)
    _add_speech(commands)
    _add_study(commands)
    _add_paper(commands)
    _add_cache(commands)
    return parser


def _command(commands: Commands, name: str, run: Run, about: str) -> argparse.ArgumentParser:
    """A command that prints text, or JSON on request."""
    command = commands.add_parser(name, help=about)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=run)
    return command


def _add_server(commands: Commands) -> None:
    about = "start the app in the browser; options are streamlit's, such as --server.port 8600"
    command = commands.add_parser("app", help=about, usage="memsig app [OPTIONS OF STREAMLIT]")
    command.set_defaults(run=server.app)


def _add_network(command: argparse.ArgumentParser) -> None:
    """The choice of a network and of its state."""
    command.add_argument("--cell", default="gru", help=", ".join(CELLS))
    command.add_argument("--layers", type=int, default=1)
    command.add_argument("--hidden", type=int, default=80, help="units of a layer")
    command.add_argument("--state", help="one of the cell's, such as c (default: its first)")
    command.add_argument("--profile", default="laptop", help=PROFILES)


def _add_alphabet(command: argparse.ArgumentParser) -> None:
    about = "of a text file: the paper's 34 symbols, or its own most frequent characters or words"
    command.add_argument("--alphabet", choices=ALPHABETS, help=about)


def _add_signature(commands: Commands) -> None:
    command = _command(
        commands, "signature", measuring.signature, "compute or find a memory signature"
    )
    command.add_argument("corpus", help="shakespeare, sotu, or the path of a UTF-8 text")
    command.add_argument("--model", help="an added model, by its name or key")
    _add_network(command)
    command.add_argument("--decoder", choices=("mlp", "linear", "added"), default="mlp")
    command.add_argument(
        "--target", choices=tuple(RECALLED), default="symbol", help="what is recalled"
    )
    _add_alphabet(command)
    command.add_argument("--segment", help="line, sentence, speech or paragraph")
    command.add_argument("--seed", type=int, default=0)

    command = _command(
        commands, "sentence", measuring.sentence, "what a network holds of a sentence"
    )
    command.add_argument("text")
    _add_network(command)
    command.add_argument("--corpus", default="shakespeare", help="what it was trained on")
    _add_alphabet(command)
    command.add_argument("--layer", type=int, default=1, help="the one whose state is read")

    command = _command(
        commands, "import-model", measuring.import_model, "add a network trained elsewhere"
    )
    command.add_argument("file", type=Path, help="its state dict as safetensors")
    command.add_argument("--config", type=Path, help="the JSON beside it (default: FILE as .json)")
    command.add_argument("--name", help="what to call it (default: the file's name)")


def _add_speech(commands: Commands) -> None:
    command = _command(
        commands, "speech", measuring.speech, "list, check and compute a speech corpus"
    )
    command.add_argument("name", help="synthetic-speech, wsj-speech, or a folder of recordings")
    for split in ("train", "dev", "test"):
        command.add_argument(f"--{split}", type=int, help="utterances at most (default: all)")
    command.add_argument("--voices", type=int, default=1, help="of synthetic speech")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--vp", choices=("keep", "word", "drop"), default="keep", help="spoken punctuation of WSJ"
    )
    command.add_argument("--check", action="store_true", help="only list what is there")


def _add_study(commands: Commands) -> None:
    command = _command(
        commands, "study", measuring.study, "compute or find one of the paper's figures"
    )
    command.add_argument("name", choices=tuple(STUDIES))
    paper_has = "(default: the paper's, or its stand-in)"
    command.add_argument("--corpus", help=f"{_takers('corpus')}: the corpus {paper_has}")
    command.add_argument("--source", help=f"{_takers('source')}: the first corpus {paper_has}")
    command.add_argument(
        "--target",
        help=f"adaptation, factorized: the second corpus, that of the other domain {paper_has}; "
        "las: what is recalled, symbol or unit (default: symbol)",
    )
    command.add_argument(
        "--units",
        type=int,
        choices=get_args(Units),
        help=f"{_takers('units')}: how many units of sound --target unit has "
        f"(default: {measuring.UNITS})",
    )
    command.add_argument(
        "--fraction",
        type=float,
        help=f"{_takers('fraction')}: the share of the target to retrain on, above 0 and at most 1 "
        f"(default: {Choices.fraction})",
    )
    command.add_argument("--profile", default="laptop", help=PROFILES)


def _takers(option: str) -> str:
    """The studies that take an option."""
    return ", ".join(n for n, study in STUDIES.items() if option in measuring.options_of(study))


def _add_paper(commands: Commands) -> None:
    command = _command(
        commands, "figure", paper.figure, "write a signature or a study as a picture"
    )
    command.add_argument("what", help=f"a signature's key, or {', '.join(STUDIES)}")
    command.add_argument("--out", type=Path, help="the file (default: its name and format)")
    command.add_argument("--format", help="pdf, svg or png (default: as FILE ends, else pdf)")
    command.add_argument("--width", type=float, default=3.25, help="inches (default: %(default)s)")
    command.add_argument("--profile", default="laptop", help=PROFILES)
    command.add_argument("--title", default="", help="what stands above it")

    command = _command(commands, "reproduce", paper.reproduce, "compute every study of the paper")
    command.add_argument("--profile", default="laptop", help=PROFILES)
    command.add_argument("--study", help="only this one, such as size")
    command.add_argument("--seeds", type=int, help="networks of each study (default: its own)")
    command.add_argument(
        "--longer",
        type=int,
        default=0,
        help="rounds for which decoders are trained beyond the profile, each twice as long as the "
        "one before (default: none)",
    )
    command.add_argument(
        "--max-seconds", type=float, help="stop after so long; the next call goes on from there"
    )

    command = _command(
        commands, "claims", paper.claims, "the paper's claims, and what is measured here"
    )
    command.add_argument("--profile", help="of this profile (default: the largest computed)")

    command = _command(
        commands, "export-reference", paper.export_reference, "write computed studies to ship them"
    )
    command.add_argument("--profile", default="laptop", help=PROFILES)
    command.add_argument("--folder", help="default: where the program's own are (core.places)")


def _add_cache(commands: Commands) -> None:
    command = _command(commands, "sql", keeping.sql, "query the published tables, read-only")
    command.add_argument("query")
    _command(commands, "status", keeping.status, "the cache, what is in it, and what runs")
    for name, run, about in (
        ("backup", keeping.backup, "write the cache to a tar archive, also while it is in use"),
        ("restore", keeping.restore, "unpack such an archive into an empty cache folder"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument("file", help="the archive; - is standard output or input")
        command.set_defaults(run=run)
    command = commands.add_parser(
        "pack-job", help="pack an unfinished job with its checkpoints, to go on elsewhere"
    )
    command.add_argument("key", help="the job's, or its first digits, eight at least")
    command.add_argument("--out", required=True, help="the file; - is standard output")
    command.set_defaults(run=keeping.pack_job)
    command = commands.add_parser("unpack-job", help="go on here with a job that was packed")
    command.add_argument("file", help="what pack-job wrote; - is standard input")
    command.set_defaults(run=keeping.unpack_job)
    command = _command(commands, "bench", keeping.bench, "measure the speed claims on this machine")
    command.add_argument("name", choices=[module.name for module in iter_modules(bench.__path__)])
    command.add_argument("--rows", type=int, help="of pages: recall rows in the tables")
    command.add_argument("--corpus", help="of stages, as the next four (default: shakespeare)")
    command.add_argument("--cell", help="(default: gru)")
    command.add_argument("--layers", type=int, help="(default: 1)")
    command.add_argument("--hidden", type=int, help="(default: 80)")
    command.add_argument("--profile", help="(default: laptop); of cost too (default: desk)")
