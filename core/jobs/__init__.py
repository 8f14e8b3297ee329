"""Jobs: each computes one spec once, in a process of its own or on a Ray cluster.

The queue is a folder, `<cache>/jobs/<key>/`, shared by the app and the command line:

    request.json   the spec, who asked, when           written by whoever asks
    progress.json  how far the worker is               written by the worker
    alive          locked by the worker while it lives (the kernel lets go when it dies)
    outcome.json   how it ended                        written once, by the worker or a canceler
    log.txt, *.checkpoint

so whoever wants to know about a job reads these files, and no process has to notify another. On a
cluster the bridge takes the worker's place: it copies the state of the job there into these files.
"""

from core.jobs.estimate import estimate
from core.jobs.queue import Job, cancel, find, listing, log, note, place, request
from core.jobs.runner import Runner

__all__ = [
    "Job",
    "Runner",
    "cancel",
    "estimate",
    "find",
    "listing",
    "log",
    "note",
    "place",
    "request",
]
