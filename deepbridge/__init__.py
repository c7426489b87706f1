"""Deep binary networks on torch: the same questions, words and result types as binland."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.binary.algorithms import ADV, RSGD, SGD
    from deepbridge.binary.archive import load_solution
    from deepbridge.binary.flatness import local_energy
    from deepbridge.binary.networks import BinaryConvNet, BinaryMLP
    from deepbridge.binary.orders import Guided
    from deepbridge.binary.paths import (
        barrier,
        hamming,
        optimized_midpoint,
        optimized_path,
        shortest_path,
        shortest_paths,
    )
    from deepbridge.binary.planes import Plane, plane
    from deepbridge.binary.solutions import Solution
    from deepbridge.binary.symmetry import Alignment, align
    from deepbridge.binary.training import fit, fit_many
    from deepbridge.common.data import Dataset, load

_MODULES = {
    "binary.algorithms": ("ADV", "RSGD", "SGD"),
    "binary.archive": ("load_solution",),
    "binary.flatness": ("local_energy",),
    "binary.networks": ("BinaryConvNet", "BinaryMLP"),
    "binary.orders": ("Guided",),
    "binary.paths": (
        "barrier",
        "hamming",
        "optimized_midpoint",
        "optimized_path",
        "shortest_path",
        "shortest_paths",
    ),
    "binary.planes": ("Plane", "plane"),
    "binary.solutions": ("Solution",),
    "binary.symmetry": ("Alignment", "align"),
    "binary.training": ("fit", "fit_many"),
    "common.data": ("Dataset", "load"),
}

__all__ = [
    "ADV",
    "RSGD",
    "SGD",
    "Alignment",
    "BinaryConvNet",
    "BinaryMLP",
    "Dataset",
    "Guided",
    "Plane",
    "Solution",
    "align",
    "barrier",
    "fit",
    "fit_many",
    "hamming",
    "load",
    "load_solution",
    "local_energy",
    "optimized_midpoint",
    "optimized_path",
    "plane",
    "shortest_path",
    "shortest_paths",
]

__getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
