"""Paths between two minima beside a loop over points: `python benchmarks/connectivity.py [--tiny] [--repeat 3]
[--only bands curves] [--threads 2] [--steps 0.02] [--images 6000]`.

bands: AutoNEB as published, with its numbers of steps times --steps, measured at 9 points between neighbours on train
and test images before every cycle (train) and at the end. curves: a Bezier curve with one bend, measured at 61 points.
The loop is what one would write: a module gets the weights of one point after the other, runs the mini-batch, and is
differentiated; points are measured one after the other in batches of 1000 images. It has one thread; ours is run with
one and with --threads. Both make the same chain up to rounding, which is checked. One process, taking turns; medians.
Images are MNIST if BINLAND_DATA names its folder, else noise of its size.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from turns import in_turns, ratio, spread

import deepbridge as db
from deepbridge.connectivity import AutoNEB, Curve
from deepbridge.connectivity.bands import gaps_to_fill
from deepbridge.connectivity.batches import Batches
from deepbridge.connectivity.chains import inserted, redistributed, steps_of
from deepbridge.connectivity.curves import CurveTraining
from deepbridge.connectivity.landscape import Values
from deepbridge.connectivity.measured import Sampled
from deepbridge.continuous.networks import Network

BATCH = 1000  # images at once when the loop measures
SAME = 1e-3  # largest difference of the highest losses, relative, that rounding explains


def images(tiny: bool, count: int = 6000) -> tuple[db.Dataset, db.Dataset]:
    """Train images, and a third as many test images, of MNIST, or noise."""
    per_class, test_per_class = (5, 5) if tiny else (count // 10, count // 30)
    if "BINLAND_DATA" in os.environ:
        return db.load("mnist", per_class=per_class, test_per_class=test_per_class)
    rng = np.random.default_rng(0)

    def drawn(count: int) -> db.Dataset:
        return db.Dataset.from_real(rng.normal(size=(count, 1, 28, 28)), rng.integers(10, size=count), 10)

    return drawn(10 * per_class), drawn(10 * test_per_class)


class Loop:
    """One module that is given the weights of one point after the other."""

    def __init__(self, network: Network, train: Any, test: Any):
        self.module, self.train, self.test = network.module(), train, test
        self.evaluations = 0

    def set(self, point: Tensor) -> None:
        """Give it the weights of a point."""
        with torch.no_grad():
            nn.utils.vector_to_parameters(point, self.module.parameters())

    def slope(self, point: Tensor, batch: Tensor | None) -> tuple[float, Tensor]:
        """Loss and gradient on a mini-batch."""
        self.set(point)
        rows = slice(None) if batch is None else batch
        self.module.zero_grad()
        loss = nn.functional.cross_entropy(self.module(self.train.inputs[rows]), self.train.classes[rows])
        loss.backward()
        return float(loss.detach()), torch.cat([p.grad.reshape(-1) for p in self.module.parameters()])

    def measured(self, points: list[Tensor], test: bool) -> Values:
        """Losses and errors of points, one after the other."""
        examples, losses, errors = self.test if test else self.train, [], []
        self.evaluations += len(points)
        with torch.no_grad():
            for point in points:
                self.set(point)
                loss = wrong = 0.0
                for x, y in zip(examples.inputs.split(BATCH), examples.classes.split(BATCH), strict=True):
                    outputs = self.module(x)
                    loss += float(nn.functional.cross_entropy(outputs, y, reduction="sum"))
                    wrong += int((outputs.argmax(1) != y).sum())
                losses.append(loss / len(examples))
                errors.append(int(wrong))
        return Values(np.array(losses), np.array(errors), len(examples))


def chain_of_loop(loop: Loop, start: Tensor, end: Tensor, settings: AutoNEB, batches: Batches) -> tuple[Values, Values]:
    """AutoNEB, point by point; values on the last chain, on train and test images."""
    points = torch.stack([torch.lerp(start, end, k / (settings.pivots + 1)) for k in range(settings.pivots + 2)])
    weights, step = torch.ones(len(points) - 1, dtype=torch.float64), 0
    for cycle, (steps, rate) in enumerate(settings.cycles):
        values = profile(loop, points, settings.between, False)
        if cycle:
            points, weights = inserted(points, weights, gaps_to_fill(values, len(points), settings))
        ends, velocity = values.train.losses[[0, -1]], torch.zeros_like(points[1:-1])
        for _ in range(steps):
            points = redistributed(points, steps_of(points), weights)
            losses, gradients = [float(ends[0])], []
            for point in points[1:-1]:
                loss, gradient = loop.slope(point, batches[step])
                losses.append(loss)
                gradients.append(gradient.add_(point, alpha=settings.weight_decay))
            losses.append(float(ends[1]))
            moved = points.clone()
            for k, gradient in enumerate(gradients, start=1):
                along = tangent(points[k - 1 : k + 2], losses[k - 1 : k + 2])
                force = gradient - (gradient @ along) * along
                velocity[k - 1] = settings.momentum * velocity[k - 1] + force
                moved[k] = points[k] - rate * velocity[k - 1]
            points, step = moved, step + 1
    train, test = (profile(loop, points, settings.between, here).train for here in (False, True))
    return train, test


def tangent(three: Tensor, losses: list[float]) -> Tensor:
    """Improved tangent of the point in the middle."""
    up, down = three[2] - three[1], three[1] - three[0]
    up, down = up / up.norm(), down / down.norm()
    before, here, after = losses
    if after > here > before:
        return up
    if after < here < before:
        return down
    large, small = max(abs(after - here), abs(before - here)), min(abs(after - here), abs(before - here))
    made = up * large + down * small if after > before else up * small + down * large
    return made / made.norm()


def profile(loop: Loop, points: Tensor, between: int, test: bool) -> Sampled:
    """Values at the points and between them."""
    inner = np.linspace(0, 1, between + 2)[:-1]
    every = [torch.lerp(a, b, float(t)) for a, b in pairwise(points) for t in inner]
    corner, share = np.repeat(np.arange(len(points) - 1), between + 1), np.tile(inner, len(points) - 1)
    values = loop.measured([*every, points[-1]], test)
    return Sampled(np.zeros(len(every) + 1), np.append(corner, len(points) - 1), np.append(share, 0.0), values, None)


def curve_of_loop(
    loop: Loop, start: Tensor, end: Tensor, settings: Curve, training: CurveTraining
) -> tuple[Values, Values]:
    """A Bezier curve with one bend, place by place; values at the end."""
    bend, velocity = torch.lerp(start, end, 0.5), torch.zeros_like(start)
    step = 0
    for epoch in range(settings.epochs):
        for _ in range(training.batches.per_epoch):
            t = float(np.random.default_rng([training.key, step]).random(1)[0])
            point = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
            _, gradient = loop.slope(point, training.batches[step])
            slope = 2 * t * (1 - t) * gradient.add_(point, alpha=settings.weight_decay)
            velocity = settings.momentum * velocity + slope
            bend = bend - settings.rate(epoch) * velocity
            step += 1
    ts = np.linspace(0, 1, settings.points).tolist()
    points = [(1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end for t in ts]
    return loop.measured(points, False), loop.measured(points, True)


def networks(tiny: bool) -> Iterator[tuple[str, Network]]:
    """Multi-layer perceptrons and LeNet."""
    for width in (16,) if tiny else (32, 128, 512):
        yield f"MLP 2 x {width}", db.MLP(784, (width, width))
    if not tiny:
        yield "LeNet 20-50-500", db.LeNet()


def minima(network: Network, train: db.Dataset, tiny: bool) -> list[db.ContinuousSolution]:
    """Two trained networks."""
    sgd = db.continuous.SGD(epochs=2 if tiny else 30 if isinstance(network, db.MLP) else 10)
    return db.fit_many(network, train, sgd, [0, 1], progress=False)


def bands(given: argparse.Namespace) -> Table:
    """AutoNEB."""
    settings = AutoNEB().scaled(1e-3 if given.tiny else given.steps)
    about = f"AutoNEB, {settings.n_steps} steps"
    return compared(given, about, settings, db.connectivity.autoneb)


def curves(given: argparse.Namespace) -> Table:
    """Bezier curves."""
    settings = Curve(epochs=1 if given.tiny else 20)
    return compared(given, f"Bezier curve, {settings.epochs} epochs", settings, db.connectivity.curve)


def compared(given: argparse.Namespace, about: str, settings: Any, method: Any) -> Table:
    """Both ways, for every network."""
    columns = ("network", "gradients", "evaluations", "highest error (%): train", "test", "1 thread")
    table = Table(*columns, f"{given.threads} threads", "loop, 1 thread", "loop / 1", "loop / all", title=about)
    train, test = images(given.tiny, given.images)
    for name, network in networks(given.tiny):
        if given.networks and not {name, name.split()[0]} & {*given.networks}:
            continue
        scape = db.landscape(network, train, test)
        a, b = (scape.point(one) for one in minima(network, train, given.tiny))
        loop, results = Loop(network, scape.train, scape.test), {}

        def ours(threads: int, scape: Any = scape, a: Tensor = a, b: Tensor = b, results: Any = results) -> None:
            torch.set_num_threads(threads)
            results["ours"] = method(scape, a.numpy(), b.numpy(), settings, progress=False)
            torch.set_num_threads(1)

        def plain(scape: Any = scape, a: Tensor = a, b: Tensor = b, results: Any = results, loop: Any = loop) -> None:
            if isinstance(settings, AutoNEB):
                batches = Batches(scape.n_patterns, settings.batch_size, 0, "autoneb")
                results["loop"] = chain_of_loop(loop, a, b, settings, batches)
            else:
                results["loop"] = curve_of_loop(loop, a, b, settings, CurveTraining(scape, a, b, settings, 0))

        times = in_turns(given.repeat, lambda ours=ours: ours(1), lambda ours=ours: ours(given.threads), plain)
        path, (there, _) = results["ours"], results["loop"]
        apart = abs(path.highest_loss / there.losses.max() - 1)
        note = "" if apart < SAME else f" (losses differ by {apart:.1g})"
        print(name, *(spread(one) for one in times), file=sys.stderr, flush=True)  # before the others are ready
        table.add_row(
            name, str(path.gradients), str(path.evaluations), f"{100 * path.barrier:.2f}",
            f"{100 * path.test_errors.max():.2f}", *(spread(one) for one in times), ratio(times[2], times[0]),
            ratio(times[2], times[1]) + note,
        )  # fmt: skip
    return table


PARTS = {"bands": bands, "curves": curves}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=float, default=0.02, help="times the published numbers of steps")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--images", type=int, default=6000, help="train images; a third as many for tests")
    parser.add_argument("--networks", nargs="+", help="MLP, 'MLP 2 x 128', LeNet; by default all")
    given = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=180)
    console.print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    for part in given.only:
        console.print(PARTS[part](given))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
