"""An algorithm in one file: single flips that are kept where the error does not rise, `[algorithms.Metropolis]`."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import binland as bl
from binland.checks import positive_int
from binland.errors import InvalidInputError


@dataclass(frozen=True, kw_only=True)
class Metropolis(bl.Algorithm):
    """sweeps: of as many tries as there are tenths of the weights. temperature: of the acceptance, in errors."""

    families: ClassVar = ("perceptron", "committee")

    sweeps: int = 3
    temperature: float = 0.5

    def __post_init__(self):
        positive_int("sweeps", self.sweeps)

    @property
    def n_records(self):
        return self.sweeps

    @property
    def n_steps(self):
        return self.sweeps

    def shortened(self, n):
        return Metropolis(sweeps=max(1, min(n, self.sweeps)), temperature=self.temperature)

    def fit(self, machine, data, seed, start=None):
        if start is not None:
            raise InvalidInputError("Metropolis cannot begin with latent weights; take another algorithm")
        rng = np.random.default_rng(seed)
        weights = rng.choice([-1, 1], machine.weight_shape).astype(np.int8)
        errors, history = bl.Solution(machine, weights).error_count(data), []
        for _ in range(self.sweeps):
            for _ in range(weights.size // 10):
                place = np.unravel_index(rng.integers(weights.size), weights.shape)
                weights[place] *= -1
                now = bl.Solution(machine, weights).error_count(data)
                if rng.random() < np.exp((errors - now) / self.temperature):
                    errors = now
                else:
                    weights[place] *= -1
            history.append(errors / data.n_patterns)
        return bl.Solution(machine, weights, history=np.array(history))
