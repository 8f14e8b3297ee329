"""Links that anybody may send: every page and parameter, with sensible, odd and hostile values."""

from __future__ import annotations

import random
import re
from pathlib import Path
from urllib.parse import quote, urlencode

from streamlit.proto.ClientState_pb2 import ClientState

from app.shell.shell import PAGES
from tests.app.server import ROOT, connected, run_page
from tests.faults import serving
from tests.faults.tally import Tally

SECONDS = 60.0  # that a page may take to be drawn
MORE = "corpus cell layers hidden layer state profile decoder seed seeds signature model source"
VALUES = (
    *("", "0", "1", "-1", "3", "2.5", "1e309", "NaN", "9" * 5000, "true", "None", "é"),
    *("shakespeare", "sotu", "gru", "lstm", "mingru", "laptop", "smoke", "a", "<s>", "c", "h"),
    *("f" * 64, "zzzz-6c44acf0669a", "-".join(["f" * 12] * 50), "Kernel size", "Depth", "Jobs"),
    *("../../etc/passwd", "<script>alert(1)</script>", "![x](http://127.0.0.1:9/x.png)", "$x^2$"),
    *("'; DROP TABLE models; --", "[" * 5000, '{"a":' * 500, "a" * 20_000, "\\" * 999, "(a+)+$"),
    *(":" * 99, "%", "\0", "\u202e", "\ud7ff\uffff"),
)
PLACES = [*(Path(file).stem for _, file, _ in PAGES), "nowhere", "../sql"]
QUERIES = (
    "SELECT 1 AS query/**/" + "/**/" * 60 + "FROM x",
    "SELECT TIMESTAMPTZ '294247-01-10 04:00:54.775806+00'",
    "SELECT 340282366920938463463374607431768211455::UHUGEINT, 'NaN'::DOUBLE, INTERVAL 1 MONTH",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT 1 -- ![i](http://127.0.0.1:9/auth/logout)",
    "SELECT '" + "x" * 9000 + "'",
    "SELECT" + " (SELECT" * 300 + " 1" + ")" * 300,
    "SELECT lag, accuracy FROM recall LIMIT 5",
    "COPY recall TO '/dev/null'",
    "\u212aELECT 1; SELECT 2",
)


def visit(url: str, page: str, query: str) -> str | None:
    """Opens a page as a browser does; what went wrong on it, or None."""
    with connected(url) as socket:
        try:
            wanted = ClientState(query_string=query, page_name=page)
            for message in run_page(socket, wanted, SECONDS):
                if message.WhichOneof("type") == "delta" and (problem := serving.problem(message)):
                    return problem
        except TimeoutError:
            return f"was not drawn within {SECONDS:.0f} s"
    return None


def parameters() -> list[str]:
    """Every name that a page reads from the URL."""
    code = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    named = re.findall(r'choices\.\w+\(\s*"(\w+)"', code) + re.findall(r'bind="(\w+)"', code)
    return sorted({*named, *MORE.split()})


def link(number: int, chance: random.Random, names: list[str]) -> tuple[str, str]:
    """A page, each in its turn, and a query string."""
    page = PLACES[number % len(PLACES)]
    chosen = {name: chance.choice(VALUES) for name in chance.sample(names, chance.randint(0, 6))}
    if page == "sql":
        chosen["sql"] = chance.choice(QUERIES + VALUES)
    if chance.random() < 0.1:
        return page, quote("&=%" * 50)
    return ("" if page == "overview" else page), urlencode(chosen, errors="surrogatepass")


def opened(folder: Path, tries: int, seed: int) -> Tally:
    """Generated links, one after another, against a running server with the shipped results."""
    tally, chance, names = Tally(), random.Random(seed), parameters()
    with serving.running(folder, tally, tries, MEMSIG_REFERENCE="") as url:
        for number in range(tries):
            page, query = link(number, chance, names)
            if problem := visit(url, page, query):
                which = f"link {number} of seed {seed}, /{page}?{query[:200]}"
                tally.lost.append(f"{which} {problem}")
            tally.tried += 1
    tally.note = f"seed {seed}; {tally.note}"
    return tally
