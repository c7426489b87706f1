"""A fully connected network on a shortest path: what follows its flips, one at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs
from binland.checks import checked_memory
from binland.orders import Places
from deepbridge.binary.flips import State, flip_some, follow
from deepbridge.binary.networks import BinaryMLP
from deepbridge.common.data import Dataset


class Fields:
    """Fields, signs and errors of a network with weights (n_weights,) int8 on data; flips move it.

    error_count: where it stands. Ties are those of the beginning. Raises InvalidInputError beyond this machine's
    memory.
    """

    def __init__(self, network: BinaryMLP, data: Dataset, weights: Signs, ties: tuple[Signs, ...]):
        layers, p = network.layers, data.n_patterns
        sizes = np.array([layers[0].fan_in, *(layer.n_units for layer in layers)], np.int64)
        hidden, largest = sizes[1:-1], int(sizes[1:].max())
        checked_memory(f"fields of {sizes[1:].sum()} units on {p} patterns", p * (8 * sizes[1:].sum() + 4 * sizes[0]))
        number: Any = np.int16 if sizes[1:].max() < 2**14 else np.int32
        at = np.zeros((4, len(layers)), np.int64)
        lengths = sizes[:-1] * sizes[1:], [0, *(p * sizes[2:])], [*(p * hidden), 0], [*hidden, 0]
        for row, length in zip(at, lengths, strict=True):
            row[1:] = np.cumsum(np.array(length, np.int64))[:-1]
        parts = network.split(weights)
        if network.fixed_output:
            parts = (*parts, np.ones(layers[-1].weight_shape, np.int8))
        limits: list[NDArray[Any]] = [(tie < 0).astype(number) for tie in ties]
        x = data.inputs.reshape(p, -1)
        signs: list[Signs] = []
        made: list[NDArray[Any]] = [np.rint(x.astype(np.float64) @ parts[0].T.astype(np.float64)).astype(np.int32)]
        for part, limit in zip(parts[1:], limits, strict=True):
            signs.append(np.where(made[-1] >= limit, 1, -1).astype(np.int8))
            made.append(np.rint(signs[-1].astype(np.float32) @ part.T.astype(np.float32)).astype(number))
        outputs = made[-1]
        found = (outputs[:, 0] >= 0).astype(np.int64) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        crossed = np.zeros(-(-largest // 8) * 8, np.uint8)
        self._state = State(
            sizes=sizes,
            at=at,
            inputs=np.ascontiguousarray(x.T),
            columns=np.concatenate([parts[0].reshape(-1), *(part.T.reshape(-1) for part in parts[1:])]),
            first=np.ascontiguousarray(made[0].T),
            fields=_joined(made[1:], number),
            signs=_joined(signs, np.int8),
            thresholds=_joined(limits, number),
            upper=np.ascontiguousarray(signs[0].T > 0) if signs else np.zeros((1, 1), np.bool_),
            classes=np.array(data.classes, np.int64),
            wrong=found != data.classes,
            patterns=np.empty(p, np.int64),
            changed=np.empty((2, len(crossed)), np.int64),
            before=np.empty(largest, number),
            crossed=crossed,
            words=crossed.view(np.uint64),
        )
        self.error_count = int(np.count_nonzero(self._state.wrong))

    def flip(self, places: Places, count: int, least: int, limit: int) -> NDArray[np.int64]:
        """As `binland.fields.Fields.flip`."""
        chosen = np.empty(count, np.int64)
        made, errors = flip_some(self._state, places, count, least, limit, self.error_count, chosen)
        self.error_count = int(errors)
        return chosen[:made]

    def follow(self, places: Places) -> NDArray[np.int64]:
        """(d,) errors after each of these flips."""
        counts = np.empty(len(places), np.int64)
        follow(self._state, places, self.error_count, counts)
        if len(counts):
            self.error_count = int(counts[-1])
        return counts


def _joined(arrays: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    """Arrays one behind the other."""
    return np.concatenate([np.empty(0, dtype), *(array.reshape(-1) for array in arrays)]).astype(dtype)
