"""Statistical physics of binary neural networks: how the solutions of a learning problem lie in weight space."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from binland import plots, spherical, theory
    from binland.algorithms import ADV, FBP, RBP, RSGD, SGD, Algorithm, SimulatedAnnealing
    from binland.archive import load
    from binland.callbacks import TrainingState
    from binland.data import HiddenManifold, Patterns, Teacher
    from binland.enumeration import Enumeration, enumerate_solutions
    from binland.environment import show_config
    from binland.expected_paths import expected_path
    from binland.flatness import local_energy
    from binland.local_entropies import LocalEntropy, local_entropy
    from binland.machines import CommitteeMachine, Perceptron
    from binland.messages import Marginals, belief_propagation
    from binland.models import Solution
    from binland.orders import Annealed, Guided
    from binland.paths import barrier, hamming, optimized_path, shortest_path
    from binland.pattern_file import load_patterns
    from binland.planes import plane
    from binland.reports.page import report
    from binland.results import Barrier, BentPath, ExpectedPath, LocalEnergy, Path, Plane
    from binland.sweep.file import Sweep
    from binland.sweep.load import load_problem, load_results, load_solution
    from binland.sweep.registry import register
    from binland.sweep.run import run_sweep
    from binland.symmetry import Alignment, align
    from binland.training import fit
    from binland.volumes import HammingVolume, hamming_volume

    __version__: str

_MODULES = {
    "algorithms": ("ADV", "FBP", "RBP", "RSGD", "SGD", "Algorithm", "SimulatedAnnealing"),
    "archive": ("load",),
    "callbacks": ("TrainingState",),
    "data": ("HiddenManifold", "Patterns", "Teacher"),
    "enumeration": ("Enumeration", "enumerate_solutions"),
    "environment": ("show_config",),
    "expected_paths": ("expected_path",),
    "flatness": ("local_energy",),
    "local_entropies": ("LocalEntropy", "local_entropy"),
    "machines": ("CommitteeMachine", "Perceptron"),
    "messages": ("Marginals", "belief_propagation"),
    "models": ("Solution",),
    "orders": ("Annealed", "Guided"),
    "paths": ("barrier", "hamming", "optimized_path", "shortest_path"),
    "pattern_file": ("load_patterns",),
    "planes": ("plane",),
    "plots": ("plots",),
    "reports.page": ("report",),
    "results": ("Barrier", "BentPath", "ExpectedPath", "LocalEnergy", "Path", "Plane"),
    "spherical": ("spherical",),
    "sweep.load": ("load_problem", "load_results", "load_solution"),
    "sweep.file": ("Sweep",),
    "sweep.registry": ("register",),
    "sweep.run": ("run_sweep",),
    "symmetry": ("Alignment", "align"),
    "theory": ("theory",),
    "training": ("fit",),
    "volumes": ("HammingVolume", "hamming_volume"),
}

__all__ = [
    "ADV",
    "FBP",
    "RBP",
    "RSGD",
    "SGD",
    "Algorithm",
    "Alignment",
    "Annealed",
    "Barrier",
    "BentPath",
    "CommitteeMachine",
    "Enumeration",
    "ExpectedPath",
    "Guided",
    "HammingVolume",
    "HiddenManifold",
    "LocalEnergy",
    "LocalEntropy",
    "Marginals",
    "Path",
    "Patterns",
    "Perceptron",
    "Plane",
    "SimulatedAnnealing",
    "Solution",
    "Sweep",
    "Teacher",
    "TrainingState",
    "align",
    "barrier",
    "belief_propagation",
    "enumerate_solutions",
    "expected_path",
    "fit",
    "hamming",
    "hamming_volume",
    "load",
    "load_patterns",
    "load_problem",
    "load_results",
    "load_solution",
    "local_energy",
    "local_entropy",
    "optimized_path",
    "plane",
    "plots",
    "register",
    "report",
    "run_sweep",
    "shortest_path",
    "show_config",
    "spherical",
    "theory",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), {"report": "report"})
