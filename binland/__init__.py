"""Statistical physics of binary neural networks: how the solutions of a learning problem lie in weight space."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from binland.algorithms import ADV, RSGD, SGD, Algorithm, SimulatedAnnealing
    from binland.archive import load
    from binland.data import HiddenManifold, Patterns, Teacher
    from binland.expected_paths import expected_path
    from binland.flatness import local_energy
    from binland.machines import CommitteeMachine, Perceptron
    from binland.models import Solution
    from binland.orders import Annealed, Guided
    from binland.paths import barrier, hamming, optimized_path, shortest_path
    from binland.pattern_file import load_patterns
    from binland.planes import plane
    from binland.results import Barrier, BentPath, ExpectedPath, LocalEnergy, Path, Plane
    from binland.sweep.load import load_problem, load_results, load_solution
    from binland.sweep.registry import register
    from binland.sweep.run import run_sweep
    from binland.symmetry import Alignment, align
    from binland.training import fit

_MODULES = {
    "algorithms": ("ADV", "RSGD", "SGD", "Algorithm", "SimulatedAnnealing"),
    "archive": ("load",),
    "data": ("HiddenManifold", "Patterns", "Teacher"),
    "expected_paths": ("expected_path",),
    "flatness": ("local_energy",),
    "machines": ("CommitteeMachine", "Perceptron"),
    "models": ("Solution",),
    "orders": ("Annealed", "Guided"),
    "paths": ("barrier", "hamming", "optimized_path", "shortest_path"),
    "pattern_file": ("load_patterns",),
    "sweep.load": ("load_problem", "load_results", "load_solution"),
    "sweep.registry": ("register",),
    "planes": ("plane",),
    "results": ("Barrier", "BentPath", "ExpectedPath", "LocalEnergy", "Path", "Plane"),
    "sweep.run": ("run_sweep",),
    "symmetry": ("Alignment", "align"),
    "training": ("fit",),
}

__all__ = [
    "ADV",
    "RSGD",
    "SGD",
    "Algorithm",
    "Alignment",
    "Annealed",
    "Barrier",
    "BentPath",
    "CommitteeMachine",
    "ExpectedPath",
    "Guided",
    "HiddenManifold",
    "LocalEnergy",
    "Path",
    "Patterns",
    "Perceptron",
    "Plane",
    "SimulatedAnnealing",
    "Solution",
    "Teacher",
    "align",
    "barrier",
    "expected_path",
    "fit",
    "hamming",
    "load",
    "load_patterns",
    "load_problem",
    "load_results",
    "load_solution",
    "local_energy",
    "optimized_path",
    "plane",
    "register",
    "run_sweep",
    "shortest_path",
]

__getattr__, __dir__ = lazy(__name__, _MODULES, globals())
