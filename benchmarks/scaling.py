"""How cost grows with N, H and P, on one thread: `python benchmarks/scaling.py [--tiny]`.

Two sizes are held while the third grows; the exponent is the slope of log time against log size. Expected: a flip of a
path ~ P (and the number of bits of N and H), an epoch of SGD ~ N H P.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

import binland as bl
from binland.walks import Walker, random_order

SIZES = {"N": [251, 501, 1001, 2001, 4001], "H": [25, 51, 101, 201, 401], "P": [512, 1024, 2048, 4096, 8192]}
HELD = {"N": 1001, "H": 101, "P": 1536}
TINY = {"N": [51, 101], "H": [5, 11], "P": [512, 1024]}
EPOCHS = 40


def problem(N: int, H: int, P: int) -> tuple[bl.CommitteeMachine, bl.Patterns]:
    """A committee machine and Hidden Manifold data with N = 2 D, the paper's N / D at N = 1001."""
    return bl.CommitteeMachine(N, H), bl.HiddenManifold(N, N // 2, seed=0).sample(P, seed=1)


def flip(N: int, H: int, P: int, repeat: int) -> float:
    """Seconds per flip of a walk through half the weights."""
    machine, train = problem(N, H, P)
    rng = np.random.default_rng(0)
    walker = Walker(bl.Solution(machine, 2 * rng.integers(0, 2, (H, N)) - 1), train)
    order = random_order(rng, np.arange(N * H), N * H // 2)
    return median(lambda: walker.error_counts(order), repeat) / len(order)


def epoch(N: int, H: int, P: int, repeat: int) -> float:
    """Seconds per epoch of SGD, mean of the first ones, of which the very first take longest."""
    machine, train = problem(N, H, P)
    return median(lambda: bl.fit(machine, train, bl.SGD(epochs=EPOCHS), seed=0), repeat) / EPOCHS


def median(call: Callable[[], object], repeat: int) -> float:
    """Median seconds of a call, after one that is not counted."""
    seconds = []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[1:]))


def main() -> None:
    """Measure, fit, print."""
    parser = argparse.ArgumentParser(description="cost against N, H and P")
    parser.add_argument("--tiny", action="store_true", help="small sizes: that it works, not how it grows")
    parser.add_argument("--repeat", type=int, default=7)
    arguments = parser.parse_args()
    held = {key: values[0] for key, values in TINY.items()} if arguments.tiny else HELD
    table = Table("cost", "grows with", "sizes", "times", "exponent", box=None)
    for name, measure, unit in (("flip of a path", flip, "ns"), ("epoch of SGD", epoch, "ms")):
        factor = {"ns": 1e9, "ms": 1e3}[unit]
        for letter, sizes in (TINY if arguments.tiny else SIZES).items():
            seconds = [measure(**{**held, letter: size}, repeat=arguments.repeat) for size in sizes]
            exponent = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
            times = ", ".join(f"{factor * s:.3g}" for s in seconds) + f" {unit}"
            table.add_row(name, letter, ", ".join(map(str, sizes)), times, f"{exponent:.2f}")
    console = Console(width=None if Console().is_terminal else 160)
    console.print(
        f"Held: {', '.join(f'{key} = {value}' for key, value in held.items())}; medians of {arguments.repeat}."
    )
    console.print(table)


if __name__ == "__main__":
    main()
