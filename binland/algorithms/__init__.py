"""Training algorithms: each is a dataclass of settings that knows how to train."""

from binland.algorithms.annealing import SimulatedAnnealing
from binland.algorithms.binarynet import ADV, RSGD, SGD, check_algorithm
from binland.algorithms.focusing import FBP
from binland.algorithms.reinforcement import RBP
from binland.checks import positive
from binland.sweep.contracts.algorithm import Algorithm

__all__ = ["ADV", "FBP", "RBP", "RSGD", "SGD", "Algorithm", "SimulatedAnnealing", "check_algorithm", "positive"]
