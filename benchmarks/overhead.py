"""What the sweep engine costs: share of the cores' time that is spent in tasks, and memory of the client.

    python benchmarks/overhead.py [--tasks 10000] [--workers 2]

Runs a real sweep (committee machines, N = 101, H = 11) of many short tasks on local workers, after a twentieth of it
alone in one process. The share of the cores' time in tasks is given twice: by the seconds that the tasks took (which
grow when others want their core), and by the seconds that the same tasks take alone (which neighbours cannot stretch).
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from binland.sweep.config import check_settings
from binland.sweep.run import run_sweep
from binland.sweep.spec import SweepSpec
from binland.sweep.store.store import Store

PER_CELL = 8  # two solutions, two pairs, errors and local energies of both solutions


def short_tasks(count: int, epochs: int) -> SweepSpec:
    """About `count` tasks: a quarter trainings, a quarter pairs, half measures of single solutions."""
    return check_settings(
        {
            "title": "overhead",
            "data": {"latent_dim": 51, "n_patterns": 301, "n_test": 500},
            "model": {"kind": "committee", "n_hidden": 11},
            "grid": {"n_inputs": [101], "disorder_samples": max(1, count // PER_CELL), "solutions": 2},
            "algorithms": {"SGD": {"epochs": epochs}},
            "measure": {"orders": 60, "fractions": [0.01, 0.05], "realizations": 5},
        },
        "benchmark",
    )


def main() -> None:
    """Run it and print one table."""
    parser = argparse.ArgumentParser(description="overhead of the sweep engine")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=75)
    arguments = parser.parse_args()
    spec = short_tasks(arguments.tasks, arguments.epochs)
    spec.family.warm_up()
    with tempfile.TemporaryDirectory() as folder:
        few = short_tasks(max(PER_CELL, arguments.tasks // 20), arguments.epochs)
        store = run_sweep(few, Path(folder) / "alone.h5", report=lambda _: None)
        alone = float(np.mean(list(store.seconds().values())))
    memory: list[int] = []
    client = psutil.Process()
    first: list[float] = []

    def report(progress: object) -> None:
        first.append(time.perf_counter())
        if len(first) % 100 == 1:
            memory.append(client.memory_info().rss)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overhead.h5"
        began, used = time.perf_counter(), time.process_time()
        run_sweep(spec, path, arguments.workers, report=report)
        wall, used = time.perf_counter() - began, time.process_time() - used
        cores = arguments.workers * wall
        seconds = np.array(list(Store.open(path).seconds().values()))
        size = path.stat().st_size
    table = Table("figure", "value", box=None)
    for name, value in {
        "tasks": f"{len(seconds)} of {1e3 * seconds.mean():.1f} ms (alone {1e3 * alone:.1f} ms)",
        "wall time": f"{wall:.1f} s, {first[0] - began:.1f} s of it before the first result",
        "share of the cores' time in tasks": f"{seconds.sum() / cores:.3f}",
        "the same by their time alone": f"{len(seconds) * alone / cores:.3f}",
        "client: processor time per task": f"{1e3 * used / len(seconds):.2f} ms",
        "client: largest memory": f"{max(memory, default=0) / 1e6:.0f} MB (at first {memory[0] / 1e6:.0f} MB)",
        "result file": f"{size / 1e6:.1f} MB",
    }.items():
        table.add_row(name, value)
    Console().print(table)


if __name__ == "__main__":
    main()
