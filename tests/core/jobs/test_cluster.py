"""What only a cluster has: room, words for what cannot be served, machines that are lost."""

from __future__ import annotations

import pytest

from core import jobs
from core.errors import BadInput
from core.jobs import bridge
from core.library import add_corpus, signature_spec
from core.store import Store
from tests.core.waiting import until

pytestmark = pytest.mark.slow

CPU, GPU = {"CPU": 8.0}, {"CPU": 32.0, "GPU": 4.0}


def nodes(*resources: dict[str, float]) -> list[dict[str, object]]:
    return [{"Alive": True, "Resources": has} for has in resources]


def test_a_step_asks_for_a_gpu_where_there_is_one() -> None:
    room = pytest.importorskip("core.jobs.cluster", exc_type=ImportError).room
    head = {"node:__internal_head__": 1.0}
    assert room(nodes(head)) == ({"num_cpus": 1}, 0)
    assert room(nodes(head, CPU, {"CPU": 16.0})) == ({"num_cpus": 8}, 3)
    assert room(nodes(head, CPU, GPU)) == ({"num_gpus": 1, "num_cpus": 8}, 4)
    gone = [node | {"Alive": False} for node in nodes(GPU)]
    assert room([*gone, *nodes(CPU)]) == ({"num_cpus": 8}, 1)


@pytest.mark.parametrize(
    "address, said",
    [
        ("auto", "host:port"),
        ("ray://10.0.0.7:10001", "host:port"),
        ("127.0.0.1:1", "does not answer"),
        ("127.0.0.1:99999", "does not answer"),
    ],
)
def test_an_address_that_leads_nowhere_is_said_at_once(address: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        bridge.reach(address)


def test_the_reason_of_a_refusal_is_said() -> None:
    for error, said in (
        ("Version mismatch: The cluster was started with: Ray: 2.55.0", "another version of Ray"),
        ("Token authentication is enabled but no authentication token was found", "RAY_AUTH_TOKEN"),
        ("Failed to connect to Ray cluster at 127.0.0.2:6379", "that RAY_AUTH_TOKEN is"),
    ):
        assert said in bridge.why("127.0.0.2:6379", RuntimeError(error))


def test_a_job_says_that_its_cluster_is_away_and_can_be_cancelled(
    store: Store, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    spec = signature_spec(add_corpus(text, "words", store=store), profile="smoke", store=store)
    jobs.request(spec, "ada", store)
    runner = jobs.Runner(store).start()
    until(lambda: "does not answer" in jobs.find(spec.key, store).obstacle)
    assert jobs.find(spec.key, store).status == "queued"
    assert jobs.place(store) == "Ray cluster 127.0.0.1:1, not connected"
    jobs.cancel(spec.key, "ada", store)
    assert jobs.find(spec.key, store).status == "cancelled"
    runner.stop()
