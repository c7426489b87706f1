"""Deep binary networks on torch: the same questions, words and result types as binland."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.algorithms import ADV, RSGD, SGD
    from deepbridge.data import Dataset, load
    from deepbridge.flatness import local_energy
    from deepbridge.networks import BinaryConvNet, BinaryMLP
    from deepbridge.paths import barrier, hamming, optimized_midpoint, optimized_path, shortest_path
    from deepbridge.planes import Plane, plane
    from deepbridge.solutions import Solution
    from deepbridge.symmetry import Alignment, align
    from deepbridge.training import fit, fit_many

_MODULES = {
    "algorithms": ("ADV", "RSGD", "SGD"),
    "data": ("Dataset", "load"),
    "flatness": ("local_energy",),
    "networks": ("BinaryConvNet", "BinaryMLP"),
    "paths": ("barrier", "hamming", "optimized_midpoint", "optimized_path", "shortest_path"),
    "planes": ("Plane", "plane"),
    "solutions": ("Solution",),
    "symmetry": ("Alignment", "align"),
    "training": ("fit", "fit_many"),
}

__all__ = [
    "ADV",
    "RSGD",
    "SGD",
    "Alignment",
    "BinaryConvNet",
    "BinaryMLP",
    "Dataset",
    "Plane",
    "Solution",
    "align",
    "barrier",
    "fit",
    "fit_many",
    "hamming",
    "load",
    "local_energy",
    "optimized_midpoint",
    "optimized_path",
    "plane",
    "shortest_path",
]

__getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
