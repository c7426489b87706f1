"""Guided orders beside a first trial: `python benchmarks/orders.py [--tiny] [--repeat 5] [--only speed trade exact
deep] [--device cpu]`.

speed: guided orders of a committee machine, and the same surrogate in NumPy as one would write it (float32, two
products of matrices a stage). One thread, in one process, taking turns; medians. The bound counts the bits that gains
compare. trade: time and barrier against the number of stages and of candidates, on disorder samples of their own.
exact: guided and annealed orders against the lowest barrier of all orders, between solutions that differ in a few
weights. deep: guided orders of a network with three hidden layers, and gradients by autograd of PyTorch; images are
Fashion-MNIST if BINLAND_DATA names its folder, else scikit-learn's digits.
"""

import argparse
import os
import platform
import statistics
import time
from functools import partial

import numpy as np
import torch
from peaks import measure
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits
from torch.nn import functional
from turns import in_turns, spread

import binland as bl
import deepbridge as db
from binland.guided import LEVELS, UNIT, Stages, Surrogate, shallow_order
from binland.walks import Walker
from deepbridge.binary.fields import Fields
from deepbridge.binary.guided import guided_orders
from deepbridge.binary.networks import Network

SPEED = 0  # disorder sample of the times
TRADE = (100, 101)  # of the barriers: not looked at when the defaults were chosen


def trial(start: bl.Solution, end: bl.Solution, train: bl.Patterns, stages: int) -> np.ndarray:
    """A guided order in NumPy: sigma(-0.2 z) exp(-(Delta / 0.5)^2 / 2), the best flips of each stage."""
    x, y, n = train.inputs.astype(np.float32), train.labels.astype(np.float32), train.n_inputs
    weights, goal = start.units.astype(np.float32), end.units.astype(np.float32)
    left, order = np.flatnonzero(start.weights != end.weights), []
    ends = np.linspace(0, len(left), stages + 1).round().astype(int)
    for count in np.diff(ends):
        delta = x @ weights.T / np.sqrt(np.float32(n))
        z = y * np.sign(delta).sum(axis=1)
        slope = (y / (1 + np.exp(0.2 * z)))[:, None] * np.exp(-((delta / 0.5) ** 2) / 2)
        gains = (goal * (slope.T @ x)).reshape(-1)[left]
        chosen = np.argsort(-gains, kind="stable")[:count]
        weights.reshape(-1)[left[chosen]] *= -1
        order.append(left[chosen])
        left = np.delete(left, chosen)
    return np.concatenate(order)


def solutions(
    machine: bl.CommitteeMachine, train: bl.Patterns, algorithm: bl.Algorithm, seed: int
) -> list[bl.Solution]:
    """Two of them."""
    return [bl.fit(machine, train, algorithm, 2 * seed + k) for k in range(2)]


def bits_compared(start: bl.Solution, end: bl.Solution, train: bl.Patterns, settings: bl.Guided) -> int:
    """Bits that the gains of a guided order compare: four planes of the patterns that matter, for every flip left."""
    here, total = Surrogate(start, train, settings), 0
    path = Stages(here, np.flatnonzero(start.weights != end.weights), settings, end.error_count(train))
    while path.left.size:
        urgent = np.count_nonzero(LEVELS * here.urgencies() >= UNIT // 2)
        total += len(path.left) * 4 * 64 * -(-urgent // 64)
        path.step(here.gains(path.left))
    return total


def speed(console: Console, tiny: bool, repeat: int) -> None:
    """Guided orders beside the trial."""
    n, d, p, h, stages = (101, 51, 153, 11, 20) if tiny else (1001, 501, 1503, 101, 200)
    train = bl.HiddenManifold(n, d, seed=SPEED).sample(p, seed=1)
    a, b = solutions(bl.CommitteeMachine(n, h), train, bl.SGD(), SPEED)
    plain, default = bl.Guided(stages=stages, candidates=1), bl.Guided(stages=stages)
    calls = [
        lambda: trial(a, b, train, stages),
        lambda: shallow_order(a, b, train, plain),
        lambda: shallow_order(a, b, train, default),
        lambda: shallow_order(a, b, train, bl.Guided()),
    ]
    with threadpool_limits(1):
        seconds = in_turns(repeat, *calls)
    rate = measure()["distances"]
    table = Table(
        title=f"one order, N = {n}, H = {h}, P = {p}, {np.count_nonzero(a.weights != b.weights)} flips, 1 thread"
    )
    for name in ("", "time", "trial / ours", "bound of the gains", "barrier (errors)"):
        table.add_column(name)
    table.add_row(f"trial in NumPy, {stages} stages", spread(seconds[0]), "1", "-", _height(a, train, calls[0]()))
    for settings, taken in zip((plain, default, bl.Guided()), seconds[1:], strict=True):
        ratio = statistics.median(seconds[0]) / statistics.median(taken)
        bound = bits_compared(a, b, train, settings) / rate
        order = shallow_order(a, b, train, settings)
        words = f"{settings.stages} stages, {settings.candidates} candidates"
        table.add_row(words, spread(taken), f"{ratio:.1f}", f"{bound:.3g} s", _height(a, train, order))
    console.print(table)


def _height(a: bl.Solution, train: bl.Patterns, order: np.ndarray) -> str:
    return str(int(Walker(a, train).error_counts(order).max()))


def trade(console: Console, tiny: bool) -> None:
    """Time against barrier."""
    n_inputs, d, p, h = ((101,), 51, 153, 11) if tiny else ((301, 501, 1001), 501, 1503, 101)
    pairs = []
    for n in n_inputs:
        for sample in TRADE:
            train = bl.HiddenManifold(n, d, seed=sample).sample(p, seed=1000 + sample)
            for algorithm in (bl.RSGD(), bl.SGD(), bl.ADV()):
                pairs.append((n, *solutions(bl.CommitteeMachine(n, h), train, algorithm, sample), train))
    table = Table(
        title=f"errors of the barrier above those of the worse end, mean (most) of {len(pairs) // len(n_inputs)} pairs"
    )
    for name in ("stages", "candidates", "time of an order", *(f"N = {n}" for n in n_inputs)):
        table.add_column(name)
    for candidates in (1, 4):
        for stages in (25, 50, 100, 200, 400):
            order, gaps, seconds = bl.Guided(stages=stages, candidates=candidates), {n: [] for n in n_inputs}, []
            for n, a, b, train in pairs:
                began = time.perf_counter()
                flips = shallow_order(a, b, train, order)
                seconds.append(time.perf_counter() - began)
                counts = Walker(a, train).error_counts(flips)
                gaps[n].append(int(counts.max() - max(counts[0], counts[-1])))
            cells = [f"{np.mean(gaps[n]):.2f} ({max(gaps[n])})" for n in n_inputs]
            table.add_row(str(stages), str(candidates), f"{statistics.median(seconds):.3g} s", *cells)
    console.print(table)


def exact(console: Console, tiny: bool) -> None:
    """Against the lowest barrier of all."""
    count, orders = (10 if tiny else 200), ("random", "guided", bl.Annealed(budget=20_000))
    gaps = np.zeros((count, len(orders)), int)
    for k in range(count):
        rng = np.random.default_rng(k)
        n, h = int(rng.choice([21, 51, 101])), int(rng.choice([1, 3, 5, 9]))
        train = bl.Patterns.random(int(rng.integers(40, 200)), n, seed=k)
        start = bl.fit(bl.CommitteeMachine(n, h), train, bl.SGD(epochs=30), seed=k)
        weights = start.weights.copy()
        weights.reshape(-1)[rng.choice(weights.size, int(rng.integers(8, 17)), replace=False)] *= -1
        end = bl.Solution(start.machine, weights)
        lowest = bl.shortest_path(start, end, train, order="exact").error_counts.max()
        found = [bl.shortest_path(start, end, train, k, order).error_counts.max() for order in orders]
        gaps[k] = np.array(found) - lowest
    table = Table(title=f"{count} pairs that differ in 8 to 16 weights: barrier above the lowest of all orders")
    for name in ("order", "share that reach it", "mean gap (errors)", "most"):
        table.add_column(name)
    for k, name in enumerate(("random", "guided", "annealed, from guided")):
        share = np.mean(gaps[:, k] == 0)
        table.add_row(name, f"{100 * share:.1f} %", f"{gaps[:, k].mean():.3f}", str(gaps[:, k].max()))
    console.print(table)


def deep_solutions(tiny: bool, device: str) -> tuple[db.Dataset, db.Solution, db.Solution, db.Solution]:
    """Images, a solution, another one aligned to it, and this one as it was."""
    there = not tiny and bool(os.environ.get("BINLAND_DATA"))
    train, _ = db.load("fashion-mnist", per_class=200, seed=0) if there else db.load("digits", per_class=20)
    network = db.BinaryMLP(int(np.prod(train.input_shape)), (101 if there else 31,) * 3, 10)
    adam = db.SGD(optimizer="adam", learning_rate=0.001, epochs=200 if there else 10, history_every=10)
    a, raw = db.fit_many(network, train, adam, [0, 1], device=device, progress=False)
    return train, a, db.align(raw, to=a).solution, raw


def deep_trade(console: Console, tiny: bool, device: str) -> None:
    """Time against barrier in a deep network, in both directions."""
    train, a, near, raw = deep_solutions(tiny, device)
    table = Table(title=f"{a.network}, {train.n_patterns} images, {device}: time of an order, errors of its barrier")
    for name in ("stages", "candidates", "forced", "aligned", "not aligned"):
        table.add_column(name)
    settings = [(300, 1, 1.0), (300, 4, 1.0), (300, 4, 0.1), (300, 8, 0.1), (600, 4, 0.1), (600, 8, 0.1), (600, 8, 0.0)]
    for stages, candidates, forced in settings[-1:] if tiny else settings:
        order, cells = db.Guided(stages=5 if tiny else stages, candidates=candidates, forced=forced), []
        for pair in ((a, near), (a, raw)):
            seconds, heights = [], []
            for start, end in (pair, pair[::-1]):
                began = time.perf_counter()
                flips = guided_orders([(start, end)], train, order, device)[0]
                seconds.append(time.perf_counter() - began)
                heights.append(_deep_height(start, train, flips))
            cells.append(f"{np.mean(seconds):.3g} s: {', '.join(heights)}")
        table.add_row(str(stages), str(candidates), str(forced), *cells)
    ends = ", ".join(str(one.error_count(train)) for one in (a, near))
    console.print(table, f"errors of the ends: {ends}")


def deep_trial(start: db.Solution, end: db.Solution, data: db.Dataset, stages: int, device: str) -> np.ndarray:
    """A guided order by autograd: cross-entropy, sign with the slope of an error function."""
    network: Network = start.network
    x = torch.tensor(data.inputs, device=device).float().flatten(1) * data.scale
    classes = torch.tensor(data.classes, device=device)
    weights, left, order = start.flat.copy(), np.flatnonzero(start.flat != end.flat), []
    ends = np.linspace(0, len(left), stages + 1).round().astype(int)
    for count in np.diff(ends):
        layers = [torch.tensor(part, device=device).float().requires_grad_() for part in network.split(weights)]
        a = x
        for k, layer in enumerate(layers):
            a = a @ layer.T / layer.shape[1] ** 0.5
            if k < len(layers) - 1:
                soft = torch.erf(a / 0.5)
                a = soft + (torch.where(a >= 0, 1.0, -1.0) - soft).detach()
        functional.cross_entropy(a, classes).backward()
        slope = np.concatenate([layer.grad.cpu().numpy().reshape(-1) for layer in layers])
        chosen = np.argsort(-(weights * slope)[left], kind="stable")[:count]
        weights[left[chosen]] *= -1
        order.append(left[chosen])
        left = np.delete(left, chosen)
    return np.concatenate(order)


def deep(console: Console, tiny: bool, repeat: int, device: str) -> None:
    """Deep networks beside the trial."""
    train, a, near, raw = deep_solutions(tiny, device)
    plain, few, default = (
        db.Guided(stages=5 if tiny else stages, **options)
        for stages, options in ((300, {"candidates": 1}), (200, {}), (db.Guided().stages, {}))
    )
    trial_stages = 5 if tiny else 1500
    rows: list[tuple[str, int, list[tuple[db.Solution, db.Solution]], db.Guided | None]] = [
        ("trial in PyTorch", trial_stages, [(a, near)], None),
        ("nothing put back", plain.stages, [(a, near)], plain),
        ("nothing put back, 4 paths at once", plain.stages, [(a, near), (near, a)] * 2, plain),
        ("fewer stages", few.stages, [(a, near)], few),
        ("default", default.stages, [(a, near)], default),
        ("default, not aligned", default.stages, [(a, raw)], default),
    ]

    def call(stages: int, pairs: list[tuple[db.Solution, db.Solution]], settings: db.Guided | None) -> np.ndarray:
        if settings is None:
            return deep_trial(*pairs[0], train, stages, device)
        return guided_orders(pairs, train, settings, device)[0]

    seconds = in_turns(repeat, *(partial(call, *row) for _, *row in rows))
    title = f"{a.network}, {train.n_patterns} images, {device}, {torch.get_num_threads()} thread(s)"
    table = Table(title=title)
    for name in ("", "flips", "time of an order", "of a stage", "barrier (errors)", "ends"):
        table.add_column(name)
    for (name, stages, pairs, settings), taken in zip(rows, seconds, strict=True):
        each = [value / len(pairs) for value in taken]
        start, end = pairs[0]
        order = call(stages, pairs, settings)
        ends = max(db.shortest_path(start, end, train, points=2).error_counts)
        stage = f"{1e3 * statistics.median(each) / stages:.3g} ms"
        high = _deep_height(start, train, order)
        table.add_row(f"{name}, {stages} stages", str(len(order)), spread(each), stage, high, str(ends))
    console.print(table)


def _deep_height(a: db.Solution, train: db.Dataset, order: np.ndarray) -> str:
    return str(int(Fields(a, train).follow(order).max()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", default="cpu", help="of deep networks")
    parser.add_argument("--only", nargs="+", default=["speed", "trade", "exact", "deep"])
    given = parser.parse_args()
    console = Console(width=130)
    console.print(f"{platform.processor() or platform.machine()}, NumPy {np.__version__}, PyTorch {torch.__version__}")
    if "speed" in given.only:
        speed(console, given.tiny, given.repeat)
    if "trade" in given.only:
        trade(console, given.tiny)
        deep_trade(console, given.tiny, given.device)
    if "exact" in given.only:
        exact(console, given.tiny)
    if "deep" in given.only:
        deep(console, given.tiny, max(1, given.repeat // 2), given.device)


if __name__ == "__main__":
    main()
