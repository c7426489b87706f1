"""What the sweep engine costs: share of the cores' time that is spent in tasks, and memory of the client.

    python benchmarks/overhead.py [--tasks 10000] [--workers 2]

Runs a real sweep (committee machines, N = 101, H = 11) of many short tasks on local workers. "wall" counts the seconds
that tasks report; "CPU" the processor time that the worker processes used, tasks or not, so the truth lies below both.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from binland.sweep.run import run_sweep
from binland.sweep.spec import SweepSpec, check_settings
from binland.sweep.store.store import Store
from binland.sweep.workers import warm_up

PER_CELL = 4  # two solutions, two pairs


def short_tasks(count: int, epochs: int) -> SweepSpec:
    """About `count` tasks, half solutions and half pairs."""
    return check_settings(
        {
            "title": "overhead",
            "data": {"latent_dim": 51, "n_patterns": 301, "n_test": 500},
            "model": {"kind": "committee", "n_hidden": 11},
            "grid": {"n_inputs": [101], "disorder_samples": max(1, count // PER_CELL), "solutions": 2},
            "algorithms": {"SGD": {"epochs": epochs}},
            "measure": {"orders": 40, "fractions": [0.01, 0.05], "realizations": 5},
        },
        "benchmark",
    )


def main() -> None:
    """Run it and print one table."""
    parser = argparse.ArgumentParser(description="overhead of the sweep engine")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()
    spec = short_tasks(arguments.tasks, arguments.epochs)
    warm_up()
    memory: list[int] = []
    client = psutil.Process()
    first: list[float] = []

    def report(progress: object) -> None:
        first.append(time.perf_counter())
        if len(first) % 100 == 0:
            memory.append(client.memory_info().rss)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overhead.h5"
        began, used = time.perf_counter(), time.process_time()
        run_sweep(spec, path, arguments.workers, report=report)
        wall, used = time.perf_counter() - began, time.process_time() - used
        seconds = np.array(list(Store.open(path).seconds().values()))
        size = path.stat().st_size
    table = Table("figure", "value", box=None)
    for name, value in {
        "tasks": f"{len(seconds)} of {1e3 * np.median(seconds):.1f} ms (median; mean {1e3 * seconds.mean():.1f} ms)",
        "wall time": f"{wall:.1f} s on {arguments.workers} workers, first result after {first[0] - began:.1f} s",
        "share of the cores' time in tasks": f"{seconds.sum() / (arguments.workers * wall):.3f}",
        "the same after the start": f"{seconds.sum() / (arguments.workers * (first[-1] - first[0])):.3f}",
        "client: processor time per task": f"{1e3 * used / len(seconds):.2f} ms",
        "client: largest memory": f"{max(memory, default=0) / 1e6:.0f} MB (after 100 tasks {memory[0] / 1e6:.0f} MB)",
        "result file": f"{size / 1e6:.1f} MB",
    }.items():
        table.add_row(name, value)
    Console().print(table)


if __name__ == "__main__":
    main()
