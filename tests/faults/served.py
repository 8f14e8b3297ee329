"""Generated texts and sounds that somebody uploads to a running server, by its own pages."""

from __future__ import annotations

import random
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLsRequest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from core import listening
from tests.app.server import connected, run_page
from tests.app.spoken import plan, spoken
from tests.core.corpora import foreign
from tests.core.corpora.speech.discs import encoded, tone
from tests.faults import serving
from tests.faults.tally import Tally
from tests.faults.uploads import LONGEST, TEXT

SECONDS = 90.0  # that a page may take with an upload
NAMES = (
    "a.txt",
    "![x](http://127.0.0.1:9/x)",
    "$x^2$",
    "../../a",
    "'; DROP TABLE a; --",
    "\u202eé",
)
GOOD = 2  # the first ones, which must be taken
# A good text of 1 MB whose normal form takes quadratic time.
HARD = TEXT.replace("green", "a" + "\u0316\u0301" * 50_000, 5).encode()
BOUNDARY = "boundary-of-an-upload"


class Visitor:
    """A page with a place for a file, as a browser has it open."""

    def __init__(self, url: str, page: str, query: str) -> None:
        self.url, self.closing = url, ExitStack()
        self.page = ClientState(page_name=page, query_string=query)
        self.uploader, self.button = "", ""
        with urllib.request.urlopen(f"{url}/_stcore/health") as answer:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def __enter__(self) -> Self:
        self.socket = self.closing.enter_context(connected(self.url))
        self._run()
        assert self.uploader, f"{self.page} has no place for a file"
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.close()

    def _run(self, *values: WidgetState) -> list[ForwardMsg]:
        """What the page answers once its widgets have these values."""
        wanted = ClientState()
        wanted.CopyFrom(self.page)
        wanted.widget_states.widgets.extend(values)
        answers = list(run_page(self.socket, wanted, SECONDS))
        for answer in answers:
            if answer.WhichOneof("type") == "navigation":
                self.page.page_script_hash = answer.navigation.page_script_hash
            element = answer.delta.new_element
            # A form that has been sent begins anew, with other widgets.
            self.uploader = element.file_uploader.id or self.uploader
            if element.button.is_form_submitter:
                self.button = element.button.id
        return answers

    def upload(self, name: str, data: bytes) -> list[ForwardMsg]:
        """What the page answers to a file."""
        asked = FileURLsRequest(request_id=name, file_names=[name])
        self.socket.send(BackMsg(file_urls_request=asked).SerializeToString())
        urls = None
        while urls is None:
            answer = ForwardMsg.FromString(self.socket.recv(timeout=SECONDS, decode=False))
            if answer.WhichOneof("type") == "file_urls_response":
                urls = answer.file_urls_response.file_urls[0]
        self._put(urls.upload_url, name, data)
        chosen = WidgetState(id=self.uploader)
        chosen.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(data), file_id=urls.file_id, file_urls=urls
        )
        pressed = [WidgetState(id=self.button, trigger_value=True)] if self.button else []
        return self._run(chosen, *pressed)

    def _put(self, place: str, name: str, data: bytes) -> None:
        """Sends the bytes as a browser does."""
        quoted = name.replace('"', "%22")
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="{quoted}"\r\n\r\n'
        )
        body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Cookie": self.cookie,
            "X-Xsrftoken": self.cookie.partition("=")[2],
        }
        request = urllib.request.Request(f"{self.url}{place}", body, headers, method="PUT")
        with urllib.request.urlopen(request, timeout=SECONDS):
            pass


def outcome(answers: list[ForwardMsg]) -> str:
    """taken, refused, or what went wrong."""
    shown = [answer.delta.new_element for answer in answers]
    if problem := next(filter(None, map(serving.problem, answers)), None):
        return problem
    alerts = [element.alert for element in shown if element.WhichOneof("type") == "alert"]
    refusals = [alert.body for alert in alerts if alert.format == alert.WARNING]
    if refusals:
        said = " ".join(refusals)
        plain = len(refusals) == 1 and 0 < len(said) <= 2 * LONGEST  # a mark before each sign
        return "refused" if plain and "its reader" not in said else f"was refused: {said[:LONGEST]}"
    heard = any(element.WhichOneof("type") == "audio" for element in shown)
    taken = heard or any(alert.format == alert.SUCCESS for alert in alerts)
    return "taken" if taken else "was neither taken nor refused"


def file(number: int, seed: int) -> tuple[str, bytes]:
    """The name of a file and its bytes: a text for an even number, a sound for an odd one."""
    chance = random.Random(f"{seed} {number}")
    if number < GOOD:
        return ("a.txt", HARD) if number % 2 == 0 else ("a.flac", encoded(tone(1, 0.5), "flac"))
    if number % 2:
        return f"{number}.{chance.choice(('wav', 'flac', 'sph'))}", foreign.sound(chance)
    return f"{chance.choice(NAMES)} {number}", foreign.text(chance)


def uploads(folder: Path, tries: int, seed: int) -> Tally:
    """Texts for the Library and sounds for a recognizer in turn, one after another."""
    tally, taken = Tally(), 0
    spoken(folder / "cache", plan(listening.speech("synthetic-speech", "smoke")))
    with (
        serving.running(folder, tally, tries, MEMSIG_PROFILE="smoke") as url,
        Visitor(url, "library", "part=Corpora") as texts,
        Visitor(url, "las", "las=Utterance&sound=own") as sounds,
    ):
        for number in range(tries):
            name, data = file(number, seed)
            ended = outcome((sounds if number % 2 else texts).upload(name, data))
            taken += ended == "taken"
            if ended not in ("taken", "refused") or (number < GOOD and ended == "refused"):
                tally.lost.append(f"upload {number} of seed {seed}, {name}, {ended}")
            tally.tried += 1
    tally.note = f"seed {seed}; {taken:,} were good and taken; {tally.note}"
    return tally
