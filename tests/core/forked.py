"""What test_forks.py runs in processes of its own: `main` says what it finds, or ends otherwise."""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def main() -> None:
    what, out = sys.argv[1:]
    loaded = {name: name in sys.modules for name in ("torch", "torch._dynamo", "polars", "pyarrow")}
    if what == "raise":
        raise ValueError("a known end")
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    threads = len(os.listdir("/proc/self/task"))
    facts = {
        "loaded": loaded,
        "threads": threads,
        "parent": os.getppid(),
        "leads": os.getsid(0) == os.getpid() == os.getpgid(0),
        "nice": os.nice(0),
        "environment": dict(os.environ),
        "input": sys.stdin.read(),
        "trained": trained(),
    }
    if what == "wait":
        while not os.path.exists(out + ".go"):
            time.sleep(0.01)
    print("said to the log")
    with open(out + ".part", "w") as file:
        json.dump(facts, file)
    os.replace(out + ".part", out)


def trained() -> list[float]:
    """Losses of a GRU over a few steps, on two threads: those of a new process."""
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(0)
    network = torch.nn.GRU(32, 128)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    x, losses = torch.randn(20, 64, 32), []
    for _ in range(5):
        optimizer.zero_grad()
        loss = (network(x)[0] - 0.5).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    main()
