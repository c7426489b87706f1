"""The kernels beside what a user would write instead: `python benchmarks/kernels.py [--tiny] [--repeat 7]`.

Ours runs on one thread, PyTorch on all cores, in one process, taking turns; times are medians. Before anything is timed
both are checked to compute the same. Bounds come from peaks measured on this machine (`peaks.py`): the operations of a
kernel, counted as its docstring says, over the rate of a loop that does nothing else. (Operations of three operands
count as one, as AVX-512 does them; other CPUs need two or three, so that there the bound is out of reach.)
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import peers
import torch
from llvmlite.binding import get_host_cpu_name
from peaks import measure
from rich.console import Console
from rich.table import Table

import binland as bl
from binland.algorithms.training import _window
from binland.kernels.vectors import WIDTH
from binland.kernels.walk import shuffle_into
from binland.rng import generator
from binland.walks import Walker, n_planes

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
TURN, PAUSE = 0.1, 0.25


@dataclass
class Row:
    """One line of the table; seconds per run. bound: what the operations alone would take, or None."""

    work: str
    ours: list[float]
    peer: list[float]
    bound: float | None
    note: str = ""

    def cells(self) -> list[str]:
        """As text: work, ours, peer, ratio of the medians, bound, fraction of the bound, note."""
        ours, peer = statistics.median(self.ours), statistics.median(self.peer)
        bound = ["-", "-"] if self.bound is None else [_time(self.bound), f"{self.bound / ours:.2f}"]
        return [self.work, _spread(self.ours), _spread(self.peer), f"{peer / ours:.1f}", *bound, self.note]


def _time(seconds: float) -> str:
    unit, factor = next((u, f) for u, f in (("s", 1), ("ms", 1e3), ("us", 1e6)) if seconds * f >= 1 or u == "us")
    return f"{seconds * factor:.3g} {unit}"


def _spread(seconds: list[float]) -> str:
    return f"{_time(statistics.median(seconds))} ({_time(min(seconds))} - {_time(max(seconds))})"


def in_turns(repeat: int, *calls: Callable[[], object]) -> list[list[float]]:
    """Seconds of each call, `repeat` times in turns, after one turn that is not counted.

    A turn is as many calls as fit TURN seconds, at least one, after a PAUSE: threads of the other side go on spinning
    for a while when their work is done.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    for turn in range(repeat + 1):
        for call, taken in zip(calls, seconds, strict=True):
            time.sleep(PAUSE)
            began, made = time.perf_counter(), 0
            while made == 0 or time.perf_counter() - began < TURN:
                call()
                made += 1
            if turn:
                taken.append((time.perf_counter() - began) / made)
    return seconds


@dataclass
class Case:
    """Patterns and machine of one size, for both sides."""

    n_inputs: int
    n_hidden: int
    n_patterns: int
    latent_dim: int

    def __post_init__(self) -> None:
        manifold = bl.HiddenManifold(self.n_inputs, self.latent_dim, seed=0)
        self.train, self.test = manifold.sample(self.n_patterns, seed=1), manifold.sample(10_000, seed=2)
        self.machine = bl.CommitteeMachine(self.n_inputs, self.n_hidden)
        self.X, self.y = _floats(self.train.inputs), _floats(self.train.labels)

    def flip_bound(self, peaks: dict[str, float], every: bool) -> float:
        """Seconds of the logic of a flip (kernels.walk): n + m + 10 operations if errors are counted, else n + 3."""
        operations = n_planes(self.n_inputs) + (n_planes(self.n_hidden) + 10 if every else 3)
        return self._bits * operations / peaks["logic"]

    def start_bound(self, peaks: dict[str, float]) -> float:
        """Seconds of the logic that counts all agreeing weights, by lanes.add."""
        return self._bits * self.machine.n_weights * (2 * n_planes(self.n_inputs) + 8) / 7 / peaks["logic"]

    @property
    def _bits(self) -> int:
        """Bits of the registers that hold all patterns."""
        return -(-self.n_patterns // (64 * WIDTH)) * 64 * WIDTH

    def random_solution(self, seed: int) -> bl.Solution:
        """Random weights."""
        signs = 2 * np.random.default_rng(seed).integers(0, 2, self.machine.weight_shape) - 1
        return bl.Solution(self.machine, signs)


def _floats(signs: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(signs.astype(np.float32))


def path(case: Case, repeat: int, peaks: dict[str, float]) -> list[Row]:
    """Errors after every flip of a shortest path, against 100 points of it, and against every flip in NumPy."""
    start, end = case.random_solution(3), case.random_solution(4)
    weights, inputs, labels = _floats(start.weights), case.train.inputs, case.train.labels
    found = bl.shortest_path(start, end, case.train, seed=5)
    flipped = torch.from_numpy(found.flipped)
    cuts, counts = peers.path_errors(weights, flipped, 100, case.X, case.y)
    assert counts.tolist() == found.error_counts[cuts].tolist(), "PyTorch finds other errors on the path"
    every = peers.path_errors_incremental(start.weights, found.flipped, inputs, labels)
    assert np.array_equal(every, found.error_counts), "NumPy finds other errors on the path"

    def points() -> None:
        differing = torch.nonzero(_floats(start.weights).view(-1) != _floats(end.weights).view(-1)).view(-1)
        order = differing[torch.randperm(len(differing))]
        peers.path_errors(_floats(start.weights), order, 100, case.X, case.y)

    X, signs = case.X.bfloat16(), weights.bfloat16()
    assert torch.equal(counts, peers.path_errors(signs, flipped, 100, X, case.y)[1]), "bfloat16 is not exact"
    ours, hundred, half = in_turns(
        repeat,
        lambda: bl.shortest_path(start, end, case.train, seed=5),
        points,
        lambda: peers.path_errors(signs, flipped, 100, X, case.y),
    )
    (every_time,) = in_turns(1, lambda: peers.path_errors_incremental(start.weights, found.flipped, inputs, labels))
    bound = case.start_bound(peaks) + found.length * case.flip_bound(peaks, every=True)
    each = f"{1e9 * statistics.median(ours) / found.length:.1f} ns per flip"
    work = f"path, {found.length} flips, N = {case.n_inputs}"
    return [
        Row(f"{work}; PyTorch: 100 points", ours, hundred, bound, each),
        Row(f"{work}; PyTorch in bfloat16", ours, half, bound),
        Row(f"{work}; NumPy: every flip", ours, every_time, bound),
    ]


def local_energy(case: Case, repeat: int, peaks: dict[str, float], epochs: int) -> list[Row]:
    """10 realisations at 20 fractions of flips, up to 20 % (the range of our figures) and up to 50 %."""
    solution = bl.fit(case.machine, case.train, bl.SGD(epochs=epochs), seed=0)
    weights, n = _floats(solution.weights), case.machine.n_weights
    walker, rng = Walker(solution, case.train), np.random.default_rng(0)
    rows = []
    for top in (0.2, 0.5):
        fractions = np.linspace(top / 20, top, 20)
        lengths = [round(fraction * n) for fraction in fractions]
        uniforms, order = rng.random(lengths[-1]), np.arange(n)
        shuffle_into(uniforms, order)
        counts = peers.local_energy(weights, lengths, [torch.from_numpy(order[: lengths[-1]])], case.X, case.y)
        assert counts[0].tolist() == walker.error_counts_after(uniforms, np.array(lengths)).tolist(), "other errors"
        ours, theirs = in_turns(
            repeat,
            lambda: bl.local_energy(solution, case.train, fractions, 10, seed=0),  # noqa: B023
            lambda: peers.local_energy(weights, lengths, (torch.randperm(n) for _ in range(10)), case.X, case.y),  # noqa: B023
        )
        bound = case.start_bound(peaks) + 10 * lengths[-1] * case.flip_bound(peaks, every=False)
        rows.append(Row(f"local energy, 10 x 20, up to {top:.0%}, N = {case.n_inputs}", ours, theirs, bound))
    return rows


def twin(case: Case, algorithm: bl.SGD, seed: int) -> np.ndarray:
    """Signs at the end of PyTorch's run from our initial latents with our mini-batches, in float32."""
    machine, n_patterns = case.machine, case.n_patterns
    replicas = algorithm.replicas if isinstance(algorithm, bl.RSGD) else 1
    label_rng, *streams = generator(seed, "fit").spawn(1 + replicas)
    width = algorithm.init_bound(case.n_inputs, case.n_hidden)
    shape = (case.n_hidden, case.n_inputs)
    latents = _floats(np.stack([rng.uniform(-width, width, shape) for rng in streams]))
    phases = [(case.y, algorithm.learning_rate, algorithm.epochs, True)]
    if isinstance(algorithm, bl.ADV):
        noise = _floats(case.train.with_random_labels(label_rng).labels)
        phases.insert(0, (noise, algorithm.pretrain_learning_rate, algorithm.pretrain_epochs, False))
    for labels, rate, epochs, look in phases:
        orders = np.empty((epochs, replicas, n_patterns), np.int64)
        orders[:] = np.arange(n_patterns)
        for order in orders:
            for row, rng in zip(order, streams, strict=True):
                shuffle_into(rng.random(n_patterns), row)
        pulls = [rate * algorithm.pull(e) if isinstance(algorithm, bl.RSGD) else 0.0 for e in range(epochs)]
        window, scale = _window(machine, algorithm.ste_window), algorithm.output_scale
        settings = (algorithm.batch_size, rate, window, pulls, scale, look)
        for _ in peers.train(latents, torch.from_numpy(orders), case.X, labels, *settings):
            pass
    return np.where(latents.mean(0).numpy() >= 0, 1, -1)


@cache
def known(*size: int) -> Case:
    """The case of a size, drawn once in each process."""
    return Case(*size)


def run_alone(size: tuple[int, ...], algorithm: bl.SGD, seed: int) -> None:
    """One run in a process of its own, as the workers of a sweep do it."""
    case = known(*size)
    bl.fit(case.machine, case.train, algorithm, seed)


def training(
    name: str, case: Case, algorithm: bl.SGD, repeat: int, runs: int, pool: ProcessPoolExecutor
) -> tuple[Row, str]:
    """Runs per hour and machine: as many of ours at once as there are cores, one of PyTorch's on all of them."""
    machine, size = case.machine, (case.n_inputs, case.n_hidden, case.n_patterns, case.latent_dim)

    def several() -> None:
        list(pool.map(run_alone, [size] * CORES, [algorithm] * CORES, range(CORES)))

    errors = []
    for seed in range(runs):
        theirs = bl.Solution(machine, twin(case, algorithm, seed))
        errors.append([bl.fit(machine, case.train, algorithm, seed).error(case.test), theirs.error(case.test)])
    found = 100 * np.array(errors)
    gap = found[:, 0] - found[:, 1]
    spread = gap.std(ddof=1) / np.sqrt(runs)
    assert abs(gap.mean()) < 5 * spread + 0.5, f"test errors differ by {gap.mean():.2f} +- {spread:.2f} %"
    ours, one, peer = in_turns(
        repeat, several, lambda: bl.fit(machine, case.train, algorithm, 0), lambda: twin(case, algorithm, 0)
    )
    label = f"{name}, N = {case.n_inputs}, per run and machine"
    row = Row(label, [t / CORES for t in ours], peer, None, f"one run alone, one thread: {_spread(one)}")
    same = (
        f"{name}, N = {case.n_inputs}: test error at the end, mean of {runs} runs: ours {found[:, 0].mean():.2f} %,"
        f" PyTorch {found[:, 1].mean():.2f} %, difference {gap.mean():.2f} +- {spread:.2f}"
        " (standard error of paired runs)"
    )
    return row, same


def alignment(case: Case, repeat: int) -> Row:
    """Matching of the units."""
    moving, target = case.random_solution(6), case.random_solution(7)
    assert np.array_equal(bl.align(moving, to=target).solution.weights, peers.align(moving.weights, target.weights))
    ours, peer = in_turns(
        repeat, lambda: bl.align(moving, to=target), lambda: peers.align(moving.weights, target.weights)
    )
    return Row(
        f"align, H = {case.n_hidden}, N = {case.n_inputs}; NumPy and SciPy", ours, peer, None, "SciPy's matching"
    )


def processor() -> str:
    """Name of the CPU as the system gives it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    """Check, time, print."""
    parser = argparse.ArgumentParser(description="kernels beside PyTorch and NumPy")
    parser.add_argument("--tiny", action="store_true", help="small sizes: that it works, not how fast")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--runs", type=int, default=8, help="paired runs whose test errors are compared")
    parser.add_argument("--only", default="", help="only trainings with this in their name, and nothing else")
    arguments = parser.parse_args()
    torch.set_num_threads(CORES)
    if arguments.tiny:
        global TURN, PAUSE
        TURN = PAUSE = 0.0
    repeat, runs = (2, 2) if arguments.tiny else (arguments.repeat, arguments.runs)
    sizes = [(101, 11, 151, 51)] if arguments.tiny else [(1001, 101, 1503, 501), (2001, 101, 1503, 501)]
    epochs = 4 if arguments.tiny else 200  # of the solution whose flatness is measured
    peaks = measure()
    console = Console(width=None if Console().is_terminal else 200)
    console.print(
        f"{processor()} ({get_host_cpu_name()}), {CORES} cores, registers of {64 * WIDTH} bits."
        f" PyTorch {torch.__version__} on {CORES} threads.\n"
        f"Measured peaks of one thread: {peaks['logic']:.3g} bits of logic, {peaks['additions']:.3g} int32 additions"
        f" with a load, {peaks['distances']:.3g} bits compared and counted, per second."
    )
    rows: list[Row] = []
    remarks: list[str] = []
    pool = ProcessPoolExecutor(CORES, multiprocessing.get_context("spawn"))
    for k, size in enumerate(sizes):
        case = Case(*size)
        if k == 0 and not arguments.only:
            rows += path(case, repeat, peaks)
            rows += local_energy(case, repeat, peaks, epochs)
            rows.append(alignment(case, repeat))
        scaled = {"output_scale": case.n_hidden**-0.5}
        algorithms = {"SGD": bl.SGD(), "RSGD": bl.RSGD(), "ADV": bl.ADV()} | {
            "SGD, logit / sqrt(H)": bl.SGD(**scaled),
            "RSGD, logit / sqrt(H)": bl.RSGD(**scaled),
            "ADV, logit / sqrt(H)": bl.ADV(**scaled),
        }
        for name, algorithm in algorithms.items():
            if arguments.only not in name:
                continue
            short = algorithm.shortened(4) if arguments.tiny else algorithm
            several = runs if k == 0 else max(2, runs // 2)
            row, remark = training(name, case, short, max(2, repeat // 2), several, pool)
            rows.append(row)
            remarks.append(remark)
    pool.shutdown()
    table = Table("work", "ours (min - max)", "peer (min - max)", "ratio", "bound", "of the bound", "", box=None)
    for row in rows:
        table.add_row(*row.cells())
    console.print(table)
    for remark in remarks:
        console.print(remark)


if __name__ == "__main__":
    main()
