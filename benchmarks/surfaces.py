"""Loss surfaces beside loops in PyTorch: `python benchmarks/surfaces.py [--tiny] [--repeat 5] [--device cpu]
[--points 51] [--only mlp lenet]`.

Losses and errors of a network in a plane of two filter-normalised directions, by `db.connectivity.surface`, against a
loop that sets the weights of a module point by point and evaluates batches of 1000 images, as one would write it. Both
are checked to give the same. The bound is that of the products: the first layer is run three times for each chunk of
points, not once for each point. The last column is the time that `surface_cost` foresees, before. One thread, one
process, taking turns; medians. Images are Fashion-MNIST if BINLAND_DATA names its folder, else noise of its size.
"""

import argparse
import platform
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from toroid import images
from turns import in_turns, ratio, spread

import deepbridge as db
from deepbridge.connectivity import Landscape, Surface, random_directions, surface, surface_cost
from deepbridge.connectivity.scans import bounds, chunk_of
from deepbridge.continuous.networks import Network

BATCH = 1000  # images of the loop
# Name: network, images of each class, grid points along each axis; and the same for a quick trial
CASES = {
    "mlp": ((db.MLP(784, (128, 128)), 600, 51), (db.MLP(784, (16, 16)), 5, 11)),
    "lenet": ((db.LeNet((1, 28, 28)), 100, 9), (db.LeNet((1, 28, 28)), 5, 7)),
}


def row(network: Network, per_class: int, points: int, repeat: int, device: str) -> tuple[str, ...]:
    """A line of the table: times of both, their ratio, its bound, and the estimate."""
    data = images((1, 28, 28), per_class)
    landscape = db.landscape(network, data, device=device)
    one = db.ContinuousSolution(network, network.initial(0))
    directions = random_directions(landscape, one)
    foreseen = surface_cost(landscape, one, directions, points).seconds

    made: list[Surface] = []
    found: list[tuple[np.ndarray, np.ndarray]] = []

    def together() -> None:
        made.append(surface(landscape, one, directions, points, progress=False))

    def loop() -> None:
        found.append(point_by_point(one.to_module().to(device).eval(), landscape, made[0]))

    ours, theirs = in_turns(repeat, together, loop)
    losses, errors = found[0]
    apart, far = int(np.abs(errors - made[0].error_counts).max()), float(np.abs(losses / made[0].losses - 1).max())
    assert apart <= max(2, len(landscape.train) // 1000), f"errors differ by {apart}: more than rounding explains"
    assert far < 1e-4, f"losses differ by {far:.1e} of their size"
    return (
        repr(network), str(len(landscape.train)), f"{points} x {points}", spread(ours), spread(theirs),
        ratio(theirs, ours), bound(network, landscape, points**2), f"{foreseen:.3g} s",
    )  # fmt: skip


def point_by_point(module: nn.Module, landscape: Any, made: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Losses and wrong labels at all grid points."""
    parameters = list(module.parameters())
    like, sizes = parameters[0], [tensor.numel() for tensor in parameters]
    origin, first, second = (
        [part.view_as(p) for part, p in zip(torch.from_numpy(x).to(like).split(sizes), parameters, strict=True)]
        for x in (made.origin, *made.directions)
    )
    examples, found = landscape.train, []
    assert made.y is not None
    with torch.no_grad():
        for y in made.y.tolist():
            for x in made.x.tolist():
                for tensor, o, u, v in zip(parameters, origin, first, second, strict=True):
                    tensor.copy_(o + x * u + y * v)
                loss, wrong = 0.0, 0
                for images, classes in zip(examples.inputs.split(BATCH), examples.classes.split(BATCH), strict=True):
                    outputs = module(images)
                    loss += float(nn.functional.cross_entropy(outputs, classes, reduction="sum"))
                    wrong += int((outputs.argmax(1) != classes).sum())
                found.append((loss / len(examples), wrong))
    losses, errors = (np.array(column).reshape(made.shape) for column in zip(*found, strict=True))
    return losses, errors


def bound(network: Network, landscape: Landscape, points: int) -> str:
    """Products of the loop over those of the surface, whose first layer is run for three corners of each chunk."""
    counts: dict[str, int] = {}

    def count(name: str) -> Any:
        def hook(module: Any, inputs: Any, output: torch.Tensor) -> None:
            counts[name] = module.weight.numel() * output[0, 0].numel()

        return hook

    kinds = (nn.Linear, nn.Conv2d)
    layers = [(name, one) for name, one in network.template.named_modules() if isinstance(one, kinds)]
    hooks = [one.register_forward_hook(count(name)) for name, one in layers]
    network.template(network.example)
    for hook in hooks:
        hook.remove()
    every, first = sum(counts.values()), counts[network.entrance]
    corners = 3 * (len(bounds(points, chunk_of(landscape))) - 1) / points
    return f"{every / (every - first + corners * first):.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--points", type=int, help="along each axis, in place of 51 and 9")
    given = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=160)
    console.print(
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread, {given.device}"
    )
    names = ("network", "images", "points", "together", "loop", "loop / together", "bound", "foreseen")
    table = Table(*names, title="losses and errors in a plane")
    for name in given.only:
        network, per_class, points = CASES[name][given.tiny]
        table.add_row(*row(network, per_class, given.points or points, given.repeat, given.device))
    console.print(table)


if __name__ == "__main__":
    main()
