"""Statistical physics of binary neural networks: how the solutions of a learning problem lie in weight space."""

from typing import TYPE_CHECKING, Any

from binland.algorithms import ADV, RSGD, SGD
from binland.data import HiddenManifold, Patterns
from binland.flatness import LocalEnergy, local_energy
from binland.models import CommitteeMachine, Perceptron, Solution
from binland.paths import Barrier, BentPath, Path, barrier, hamming, optimized_path, shortest_path
from binland.symmetry import Alignment, align
from binland.training import fit

if TYPE_CHECKING:
    from binland.sweep.load import load_results, load_solution
    from binland.sweep.run import run_sweep

__all__ = [
    "ADV",
    "RSGD",
    "SGD",
    "Alignment",
    "Barrier",
    "BentPath",
    "CommitteeMachine",
    "HiddenManifold",
    "LocalEnergy",
    "Path",
    "Patterns",
    "Perceptron",
    "Solution",
    "align",
    "barrier",
    "fit",
    "hamming",
    "load_results",
    "load_solution",
    "local_energy",
    "optimized_path",
    "run_sweep",
    "shortest_path",
]


def __getattr__(name: str) -> Any:
    """Sweeps and results on first use: they bring pydantic, HDF5 and xarray along."""
    if name == "run_sweep":
        from binland.sweep.run import run_sweep

        return run_sweep
    if name in ("load_results", "load_solution"):
        from binland.sweep import load

        return getattr(load, name)
    raise AttributeError(f"module 'binland' has no attribute {name!r}")
