"""Readings of the recipe that are not settings of the built-in algorithms: a plug-in of `readings.toml`."""

from dataclasses import dataclass, replace

import numpy as np

import binland as bl
from binland.rng import generator


@dataclass(frozen=True, kw_only=True)
class SignsADV(bl.ADV):
    """ADV whose second phase starts from the signs of the first one's solution, not from its latents.

    size: of the latents at that start; the clip is 1.
    """

    size: float = 0.1

    def fit(self, machine, data, seed, start=None):
        """As `binland.fit`."""
        labels, first, second = generator(seed, "signs").spawn(3)
        settings = {key: value for key, value in vars(self).items() if key in bl.SGD.__dataclass_fields__}
        descent = bl.SGD(**settings)
        noise = replace(descent, learning_rate=self.pretrain_learning_rate, epochs=self.pretrain_epochs)
        adversary = bl.fit(machine, data.with_random_labels(labels), noise, first, start)
        found = bl.fit(machine, data, descent, second, np.float32(self.size) * adversary.weights)
        return replace(found, algorithm=self)


@dataclass(frozen=True, kw_only=True)
class ReplicaRSGD(bl.RSGD):
    """RSGD whose solution is the first replica instead of the centre of all."""

    def fit(self, machine, data, seed, start=None):
        """As `binland.fit`."""
        replicas = super().fit(machine, data, seed, start).replicas
        return bl.Solution(machine, replicas.weights[0], history=replicas.history[:, 0], algorithm=self)


ALGORITHMS = (SignsADV, ReplicaRSGD)
