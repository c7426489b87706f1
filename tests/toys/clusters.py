"""A problem in one file: patterns around a few prototypes with labels of their own, `[data] kind = "clusters"`."""

from typing import NamedTuple

import numpy as np
from pydantic import Field

from binland.sweep.contracts.problem import Inputs, Problem
from binland.sweep.contracts.section import Positive, Section


class ClusterSettings(Section):
    """n_inputs: N. n_patterns: P. n_clusters: prototypes. noise: probability that an input is reversed."""

    n_inputs: Positive = Field(title="N", description="number of inputs N")
    n_patterns: Positive = Field(30, title="P", description="number of patterns P")
    n_clusters: Positive = Field(5, title="K", description="number of clusters K")
    noise: float = Field(0.1, ge=0, le=1, title="noise", description="probability of a reversed input")


class Patterns(NamedTuple):
    inputs: np.ndarray
    labels: np.ndarray


class Clusters(Problem):
    name = "clusters"
    Settings = ClusterSettings

    def inputs(self, settings):
        return Inputs((settings.n_inputs,))

    def train(self, settings, seed):
        return self.draw(settings, seed, "train")

    def test(self, settings, seed):
        return self.draw(settings, seed, "test")

    def draw(self, settings, seed, purpose):
        once, rng = np.random.default_rng(seed("prototypes")), np.random.default_rng(seed(purpose))
        prototypes = once.choice([-1, 1], (settings.n_clusters, settings.n_inputs))
        labels = once.choice([-1, 1], settings.n_clusters)
        chosen = rng.integers(settings.n_clusters, size=settings.n_patterns)
        kept = rng.random((settings.n_patterns, settings.n_inputs)) >= settings.noise
        return Patterns(prototypes[chosen] * np.where(kept, 1, -1), labels[chosen])

    def coordinates(self, settings):
        return {"load": (settings.n_clusters / settings.n_inputs, "K / N")}


CLUSTERS = Clusters()
