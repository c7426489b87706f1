"""Statistical physics of binary neural networks: how the solutions of a learning problem lie in weight space."""

from binland.algorithms import ADV, RSGD, SGD
from binland.data import HiddenManifold, Patterns
from binland.flatness import LocalEnergy, local_energy
from binland.models import CommitteeMachine, Perceptron, Solution
from binland.paths import Barrier, BentPath, Path, barrier, hamming, optimized_path, shortest_path
from binland.symmetry import Alignment, align
from binland.training import fit
