"""Measures of flatness of a trained multi-layer perceptron: `python benchmarks/curvature.py [--tiny] [--repeat 3]
[--device cpu]`.

products: one product of a vector with the Hessian by our operator, whose gradients' graphs are kept; by curvlinops'
HessianLinearOperator on the same data; and by gradient and double backward pass anew for each vector, in parts of as
many images. Products are checked to agree. measures: the time of ten eigenvalues, the trace, the volume and the others,
with what they give. One thread, one process, taking turns; medians. Images are Fashion-MNIST if BINLAND_DATA names its
folder, else noise of its size.
"""

import argparse
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from toroid import images
from turns import in_turns, ratio, spread

import deepbridge as db
from deepbridge import connectivity

PART = 2000  # images that are computed together


def problem(tiny: bool, device: str) -> tuple[Any, Any]:
    """A trained network and its landscape."""
    data, hidden = images((1, 28, 28), 5 if tiny else 600), (8, 8) if tiny else (128, 128)
    network = db.MLP(784, hidden)
    solution = db.fit(network, data, db.continuous.SGD(epochs=2 if tiny else 10), seed=0, progress=False)
    return solution, db.landscape(network, data, device=device)


def products(solution: Any, landscape: Any, repeat: int) -> Table:
    """One product with a vector."""
    table = Table("way", "time of a product", "over ours", title=f"Hessian of {landscape.size} parameters")
    module, point = solution.to_module().to(landscape.device), landscape.point(solution)
    inputs, classes = landscape.train
    parts = list(zip(inputs.split(PART), classes.split(PART), strict=True))
    ours = connectivity.hessian(landscape, solution)
    vector = torch.randn(landscape.size, generator=torch.Generator().manual_seed(0)).to(landscape.device)
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "ours": lambda: ours @ vector,
        "ours, first product": lambda: landscape.hessian_products(point, vector[None])[0],
        "double backward anew": lambda: double_backward(module, parts, vector),
        **curvlinops_products(module, parts, vector),
    }
    expected = ways["ours"]()
    for name, way in ways.items():
        apart = float((way() - expected).norm() / expected.norm())
        assert apart < 1e-3, f"{name}: products differ by {apart:g}"
    times = dict(zip(ways, in_turns(repeat, *ways.values()), strict=True))
    for name, seconds in times.items():
        table.add_row(name, spread(seconds), ratio(seconds, times["ours"]))
    return table


def double_backward(module: nn.Module, parts: Any, vector: torch.Tensor) -> torch.Tensor:
    """As one would write it."""
    tensors, count = list(module.parameters()), sum(len(y) for _, y in parts)
    total = torch.zeros_like(vector)
    for x, y in parts:
        loss = nn.functional.cross_entropy(module(x), y, reduction="sum") / count
        slopes = torch.autograd.grad(loss, tensors, create_graph=True)
        pieces = zip(slopes, vector.split([tensor.numel() for tensor in tensors]), strict=True)
        product = sum((slope * piece.view_as(slope)).sum() for slope, piece in pieces)
        total += torch.cat([one.reshape(-1) for one in torch.autograd.grad(product, tensors)])
    return total


def curvlinops_products(module: nn.Module, parts: Any, vector: torch.Tensor) -> dict[str, Any]:
    """The package curvlinops, if it is installed."""
    try:
        from curvlinops import HessianLinearOperator
    except ImportError:
        return {}
    count, module = sum(len(y) for _, y in parts), module.eval()
    operator = HessianLinearOperator(
        module, nn.CrossEntropyLoss(), list(module.parameters()), parts, check_deterministic=False, num_data=count
    )
    return {"curvlinops": lambda: operator @ vector}


def measures(solution: Any, landscape: Any, repeat: int) -> Table:
    """All measures, with their default settings except the number of eigenvalues."""
    table = Table("measure", "value", "time", title="measures of flatness")
    ways: dict[str, Callable[[], Any]] = {
        "ten eigenvalues": lambda: connectivity.hessian_eigenvalues(landscape, solution).values,
        "trace, 30 products": lambda: connectivity.hessian_trace(landscape, solution),
        "trace, Hutch++": lambda: connectivity.hessian_trace(landscape, solution, method="hutch++"),
        "SAM, one step": lambda: connectivity.sam_sharpness(landscape, solution),
        "SAM, 20 steps": lambda: connectivity.sam_sharpness(landscape, solution, steps=20),
        "SAM, batches of 128": lambda: connectivity.sam_sharpness(landscape, solution, batch_size=128),
        "Keskar": lambda: connectivity.keskar_sharpness(landscape, solution),
        "volume, 32 directions": lambda: connectivity.basin_volume(landscape, solution),
        "Fisher-Rao": lambda: connectivity.fisher_rao(landscape, solution),
    }
    for name, way in ways.items():
        (seconds,) = in_turns(repeat, way)
        table.add_row(name, written(way()), spread(seconds))
    return table


def written(value: Any) -> str:
    """A number, with its error where there is one."""
    if isinstance(value, connectivity.Trace):
        return f"{value.value:.4g} +- {value.error:.2g}"
    if isinstance(value, connectivity.BasinVolume):
        return f"typical {value.typical:.5g}, spread {value.spread:.3g}, effective {value.effective:.2g}"
    return f"{value[0]:.4g} ... {value[-1]:.4g}" if isinstance(value, np.ndarray) else f"{value:.4g}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", DeprecationWarning)  # of what curvlinops imports
    console = Console(width=120)
    console.print(
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread, {given.device}"
    )
    solution, landscape = problem(given.tiny, given.device)
    console.print(products(solution, landscape, given.repeat))
    console.print(measures(solution, landscape, given.repeat))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
