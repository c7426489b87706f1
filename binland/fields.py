"""A machine on a shortest path, with integers that are updated flip by flip and tell which flips to choose next."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.bits import WORD
from binland.checks import checked_memory
from binland.data import Patterns
from binland.kernels.fields import flip_some, follow, votes_into, wrong
from binland.models import Solution, check_fit
from binland.orders import Places


class Fields:
    """Pre-activations, votes and errors of a solution on patterns, updated as weights flip.

    error_count: errors of the current weights. Places are flat indices of weights. Raises InvalidInputError if the
    patterns do not fit, or beyond this machine's memory.
    """

    def __init__(self, solution: Solution, patterns: Patterns):
        machine = solution.machine
        check_fit(machine, patterns)
        self.machine, self.patterns = machine, patterns
        h, p = machine.n_hidden, patterns.n_patterns
        padded = -(-p // WORD) * WORD
        number: Any = np.int16 if max(machine.n_inputs, h) < 2**14 else np.int32
        size = padded * (h + 2) * np.dtype(number).itemsize + padded * machine.n_inputs
        checked_memory(f"pre-activations of {h} units on {p} patterns", 4 * h * p + size + machine.n_weights)
        self.weights = solution.weights.reshape(-1).copy()
        outputs = machine.output_signs[:, None]
        fields = solution.preactivations(patterns)
        self.fields: NDArray[Any] = np.zeros((h, padded), number)
        self.fields[:, :p] = np.where(outputs > 0, fields, ~fields)
        self.fields[:, p:] = np.where(outputs > 0, 0, -1)
        self.votes: NDArray[Any] = np.zeros(padded, number)
        self.mask: NDArray[Any] = np.zeros(padded, number)
        votes_into(self.fields, self.votes)
        self.mask[:p] = np.where(patterns.labels > 0, 0, -1)
        self.mask[p:] = np.where(self.votes[p:] < 0, -1, 0)
        self._inputs = np.zeros((machine.n_inputs, padded), np.int8)
        self._inputs[:, :p] = patterns.inputs.T
        self.error_count = int(wrong(self.votes, self.mask))

    @property
    def arrays(self) -> tuple[Any, Any, Any, Any, Any, Any]:
        """The arrays that kernels update: inputs, outputs, weights, fields, votes and mask."""
        return self._inputs, self.machine.output_signs, self.weights, self.fields, self.votes, self.mask

    def flip(self, places: Places, count: int, least: int, limit: int) -> NDArray[np.int64]:
        """Flip the first `count` of the places that do not raise the errors above `limit`.

        Returns which of them, (any,), in order. If fewer than `least` can be flipped so, others are flipped in the end.
        """
        chosen = np.empty(count, np.int64)
        made, errors = flip_some(places, count, least, limit, self.error_count, *self.arrays, chosen)
        self.error_count = int(errors)
        return chosen[:made]

    def follow(self, places: Places) -> NDArray[np.int64]:
        """Flip places one by one; returns the errors after each, (d,). A place that occurs again is flipped back."""
        errors = np.empty(len(places), np.int64)
        follow(places, *self.arrays, errors)
        self.error_count = int(errors[-1]) if len(errors) else self.error_count
        return errors
