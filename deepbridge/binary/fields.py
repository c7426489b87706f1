"""A network on a shortest path, updated flip by flip."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs
from binland.checks import checked_memory
from binland.orders import Places
from deepbridge.binary.flips import FAN_IN, POOLED, POSITIONS, UNITS, WINDOWS, State, flip_some, follow
from deepbridge.binary.networks import Network
from deepbridge.binary.solutions import Solution
from deepbridge.binary.wiring import wiring
from deepbridge.common.data import Dataset


class Fields:
    """Fields, signs and errors of a solution on data, updated as weights flip.

    error_count: errors of the current weights. Ties are those of the solution. Raises InvalidInputError beyond this
    machine's memory.
    """

    def __init__(self, solution: Solution, data: Dataset):
        network = solution.network
        p, tables, shape = data.n_patterns, wiring(network), _shape(network)
        units, positions, windows = shape[UNITS], shape[POSITIONS], shape[WINDOWS]
        n_fields, n_signs, most = (units * positions).sum(), units * windows, windows.max()
        needed = p * (8 * n_fields + 4 * (data.inputs[0].size + most))
        checked_memory(f"fields of {n_fields} units on {p} patterns", needed)
        number: Any = np.int16 if shape[FAN_IN, 1:].max(initial=0) < 2**14 else np.int32
        columns = [part.reshape(len(part), -1).T for part in solution.weights]
        if network.fixed_output:
            columns.append(np.ones((network.layers[-1].fan_in, 1), np.int8))
        limits: list[NDArray[Any]] = [(tie < 0).astype(number) for tie in solution.ties]
        x, signs = data.inputs.reshape(p, -1), list[Signs]()
        made = [_sums(x, columns[0], tables[0], np.float64, np.int32)]
        for k, limit in enumerate(limits):
            highest = made[-1].reshape(p, windows[k], -1, units[k]).max(axis=2)
            signs.append(np.where(highest >= limit, 1, -1).astype(np.int8).reshape(p, -1))
            made.append(_sums(signs[-1], columns[k + 1], tables[k + 1], np.float32, number))
        outputs, first = made[-1][:, 0], made[0].transpose(2, 1, 0)
        found = (outputs[:, 0] >= 0).astype(np.int64) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        upper = first >= limits[0][:, None, None] if limits else np.zeros((1, 1, p), np.bool_)
        pairs = zip(columns, tables, strict=True)
        in_order = [rows[reads[:, 0].argsort()] if reads.shape[1] == 1 else rows for rows, reads in pairs]
        starts, feeds = _feeds(tables, n_signs, shape[POOLED])
        crossed = np.zeros(-(-units.max() // 8) * 8, np.uint8)
        nothing: NDArray[Any] = np.empty(0)
        parts: tuple[Sequence[NDArray[Any]], ...]
        parts = columns, [nothing, *made[1:]], [*signs, nothing], [*limits, nothing], tables, [nothing, *starts]
        self._state = State(
            shape=shape,
            at=np.array([np.cumsum([0, *(array.size for array in arrays[:-1])]) for arrays in parts], np.int64),
            inputs=np.ascontiguousarray(x.T),
            columns=_joined([columns[0].T, *in_order[1:]], np.int8),
            reads=_joined(tables, np.int32),
            starts=_joined(starts, np.int64),
            feeds=feeds,
            first=np.ascontiguousarray(first).reshape(-1, p),
            fields=_joined(made[1:], number),
            signs=_joined(signs, np.int8),
            thresholds=_joined(limits, number),
            upper=np.ascontiguousarray(upper).reshape(-1, p),
            classes=np.array(data.classes, np.int64),
            wrong=found != data.classes,
            patterns=np.empty(p, np.int64),
            reached=np.empty(p, np.int64),
            turned=np.empty((p, most), np.int32),
            lengths=np.full(p, -1, np.int64),
            changed=np.empty((2, n_signs.max() + 8), np.int64),
            marked=np.zeros(most, np.bool_),
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
        """Flip the places one by one; returns the errors after each, (d,)."""
        counts = np.empty(len(places), np.int64)
        follow(self._state, places, self.error_count, counts)
        if len(counts):
            self.error_count = int(counts[-1])
        return counts


def _shape(network: Network) -> NDArray[np.int64]:
    """`State.shape` of a network, (5, L)."""
    windows = [math.prod(layer.pooled_shape) for layer in network.layers]
    rows = [
        (layer.fan_in, layer.n_units, g * layer.pool**2, g, layer.pool**2)
        for layer, g in zip(network.layers, windows, strict=True)
    ]
    return np.array(rows, np.int64).T.copy()


def _sums(x: NDArray[Any], columns: Signs, table: NDArray[np.int64], exact: Any, number: Any) -> NDArray[Any]:
    """Fields (P, Q, F) of inputs (P, N), weights (fan-in, F) and wiring (fan-in, Q), in floats that are exact."""
    weights = columns.astype(exact)
    out = np.empty((len(x), table.shape[1], columns.shape[1]), number)
    for q, reads in enumerate(table.T):
        out[:, q] = np.rint(x[:, reads].astype(exact) @ weights)
    return out


def _feeds(
    tables: Sequence[NDArray[np.int64]], n_signs: NDArray[np.int64], pooled: NDArray[np.int64]
) -> tuple[list[NDArray[np.int64]], NDArray[np.int32]]:
    """`State.starts` and `State.feeds` of every layer but the first; none for layers of one position."""
    starts, feeds, end = list[NDArray[np.int64]](), [np.empty((0, 3), np.int32)], 0
    for k, table in enumerate(tables[1:], 1):
        if table.shape[1] == 1:
            starts.append(np.empty(0, np.int64))
            continue
        source, position = np.divmod(table.argsort(axis=None, kind="stable"), table.shape[1])
        counts = np.bincount(table.reshape(-1), minlength=n_signs[k - 1])
        starts.append(end + np.concatenate([[0], counts.cumsum()]))
        feeds.append(np.stack([position, source, position // pooled[k]], axis=1).astype(np.int32))
        end += table.size
    return starts, np.concatenate(feeds)


def _joined(arrays: Sequence[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    """Arrays joined into one."""
    return np.concatenate([np.empty(0, dtype), *(array.reshape(-1) for array in arrays)]).astype(dtype)
