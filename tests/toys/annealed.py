"""A measure of pairs in one file: the error on paths that go where it is low, `[measure.annealed]`."""

import numpy as np
from pydantic import Field

import binland as bl
from binland.sweep.contracts.measure import Measure, OfPairs
from binland.sweep.contracts.variable import Coordinate, Variable


class AnnealedSettings(OfPairs):
    """candidates: random flips of which the best is done. steps: points of the stored curve."""

    candidates: int = Field(3, ge=1, le=1000)
    steps: int = Field(5, ge=2, le=1000)


class Annealed(Measure):
    name, of = "annealed", 2
    Settings = AnnealedSettings

    def needs(self, settings):
        return ("distance", "align")

    def variables(self, settings):
        return {
            "annealed_barrier": Variable(("symmetry",), "f8", "1", "highest train error on a path of low errors"),
            "annealed_error": Variable(("symmetry", "step"), "f8", "1", "train error along it"),
        }

    def coordinates(self, settings):
        return {"step": Coordinate(tuple(np.linspace(0, 1, settings.steps).tolist()), "fraction of its flips")}

    def streams(self, settings, states, described):
        return {state: {"purpose": "annealed", "symmetry": state} for state in states}

    def run(self, settings, case):
        curves = [
            low_path(start, end, case.train, settings.candidates, np.random.default_rng(case.seeds[state]))
            for state, (start, end) in case.views()
        ]
        places = [np.linspace(0, len(curve) - 1, settings.steps).round().astype(int) for curve in curves]
        return {
            "annealed_barrier": np.array([max(curve) for curve in curves]),
            "annealed_error": np.array([np.array(curve)[place] for curve, place in zip(curves, places, strict=True)]),
        }

    def panels(self, results):
        return [barriers(results)]


def low_path(start, end, train, candidates, rng):
    """Train errors from start to end; every step does the best of a few of the flips that are left."""
    weights, goal = start.weights.copy().reshape(-1), end.weights.reshape(-1)
    errors = [start.error(train)]
    while True:
        left = np.flatnonzero(weights != goal)
        if not left.size:
            return errors
        tried = rng.choice(left, min(candidates, left.size), replace=False)
        found = [with_flip(start.machine, weights, flip).error(train) for flip in tried]
        weights[tried[int(np.argmin(found))]] *= -1
        errors.append(min(found))


def with_flip(machine, weights, flip):
    changed = weights.copy()
    changed[flip] *= -1
    return bl.Solution(machine, changed.reshape(machine.weight_shape))


def barriers(results):
    from binland.plots.curves import of_states, swept_panel

    curves = of_states(results, "annealed_barrier", scale=100)
    return swept_panel(results, "annealed_barrier", "barrier of annealed paths (%)", curves, order=10, zero=True)


ANNEALED = Annealed()
