"""Exact errors of a network whose weights change from point to point, on the CPU.

Blocks of patterns pass through all points one after the other. The first layer follows the flips by integer addition,
or is summed anew from tables where many weights flip; the layers behind it are evaluated anew with packed bits.
"""

import math
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs, Words, aligned, n_words, pack
from binland.kernels.vectors import WIDTH
from deepbridge.binary import kernels
from deepbridge.binary.networks import Conv, Dense, Layer, Network
from deepbridge.common.data import Dataset

Result = TypeVar("Result")
Terms = tuple[NDArray[np.int64], NDArray[np.int64]]

NUMBERS = 2**19  # int16 of a block of a narrow layer: more patterns at once, fewer calls
DENSE_BLOCK, CONV_BLOCK = 512, 64  # patterns: their inputs and first-layer fields stay in the caches

STEP = 8 * WIDTH  # patterns that `sum_by_tables` takes at once
GROUPS = 32  # tables at once: they stay in the second cache
FEW = 16  # number of units from which on tables are worth computing
MANY = 8  # a sum by tables takes that many times less than to add every weight's term


@dataclass(frozen=True, eq=False)
class Walk:
    """Networks visited one after the other, given by flips.

    start: (n_weights,) int8. flips: (d,) int64, flat indices of weights that change sign, in order. ends: (T,) int64,
    number of flips done at each point, not decreasing; a weight flips at most once between two points. ties: for each
    hidden layer (H,), or (T, H) where they change from point to point, int8.
    """

    start: Signs
    flips: NDArray[np.int64]
    ends: NDArray[np.int64]
    ties: tuple[Signs, ...]

    def thresholds(self, layer: int) -> NDArray[np.int32]:
        """Thresholds (T or 1, H) int32, 1 where the tie is -1, else 0: sign(Delta) = +1 where Delta >= threshold."""
        return (np.atleast_2d(self.ties[layer]) < 0).astype(np.int32)

    @classmethod
    def standing(cls, weights: Signs, ties: tuple[Signs, ...]) -> "Walk":
        """A walk of a single point."""
        return cls(weights, np.empty(0, np.int64), np.zeros(1, np.int64), ties)

    @classmethod
    def through(cls, weights: Iterable[Signs], ties: tuple[Signs, ...]) -> "Walk":
        """A walk through given networks (n_weights,)."""
        first, *flips = _differences(weights)
        ends = np.cumsum([0, *(len(changed) for changed in flips)])
        return cls(first.astype(np.int8), np.concatenate([np.empty(0, np.int64), *flips]), ends, ties)


def _differences(weights: Iterable[Signs]) -> Iterator[NDArray[Any]]:
    """The first network, then for each next one the weights that change; only two networks are in memory at a time."""
    before = None
    for now in weights:
        yield now if before is None else np.flatnonzero(before != now)
        before = now


def no_ties(network: Network) -> tuple[Signs, ...]:
    """Ties that are all +1, for every hidden layer."""
    return tuple(np.ones(layer.n_units, np.int8) for layer in network.hidden_layers)


class Columns:
    """Inputs of the data in blocks of patterns, input by input, as the kernels read them.

    keep: keep the blocks for many walks; else they are laid out for each walk, in memory that a thread reuses, because
    fresh pages cost more than the copy.
    """

    def __init__(self, network: Network, data: Dataset, keep: bool = False):
        first = network.layers[0]
        small = NUMBERS // (first.fan_in + 2 * first.n_units)
        size = CONV_BLOCK if isinstance(first, Conv) else max(DENSE_BLOCK, small // STEP * STEP)
        self.size = min(size, -(-data.n_patterns // STEP) * STEP)
        self.blocks = [slice(p, min(p + self.size, data.n_patterns)) for p in range(0, data.n_patterns, self.size)]
        self._data, self._room = data, threading.local()
        self._kept = {block.start: self._lay_out(block, self._empty()) for block in self.blocks} if keep else {}

    def __call__(self, block: slice) -> NDArray[np.int16]:
        """A block, (N + 1, B) int16, padded with 0; valid until the thread asks for the next one."""
        if self._kept:
            return self._kept[block.start]
        if not hasattr(self._room, "x"):
            self._room.x = self._empty()
        return self._lay_out(block, self._room.x)

    def _empty(self) -> NDArray[np.int16]:
        return np.empty((self._data.inputs[0].size + 1, self.size), np.int16)

    def _lay_out(self, block: slice, x: NDArray[np.int16]) -> NDArray[np.int16]:
        x[:, block.stop - block.start :] = x[-1] = 0
        kernels.lay_out(self._data.inputs[block].reshape(block.stop - block.start, -1), x)
        return x


def error_counts(network: Network, data: Dataset, walk: Walk) -> NDArray[np.int64]:
    """(T,) int64 errors at every point of a walk; data must fit the network."""
    return _error_counts(network, data, Columns(network, data), walk, None)


Kept = dict[int, NDArray[np.int32]]  # fields of the first layer, block by block


def _error_counts(
    network: Network, data: Dataset, columns: Columns, walk: Walk, kept: Kept | None
) -> NDArray[np.int64]:
    """As `error_counts`. kept: fields at the start of the walk, or None; they become those at its end."""

    def count(plan: "_Plan", block: slice, x: NDArray[np.int16]) -> NDArray[np.int64]:
        classes = data.classes[block]
        if kept is not None and block.start not in kept:
            kept[block.start] = plan.empty_fields()
        fields = None if kept is None else kept[block.start]
        wrong = (np.count_nonzero(predicted[: len(classes)] != classes) for predicted in plan.visit(x, fields))
        return np.fromiter(wrong, np.int64, len(walk.ends))

    return reduce(np.add, _by_block(network, walk, columns, count, known=bool(kept)))


class ErrorCounter:
    """Counts errors of networks that change little from one call to the next, as in training.

    Inputs stay laid out, and the fields of the first layer are kept and updated by the weights that have flipped.
    """

    def __init__(self, network: Network, data: Dataset):
        self._network, self._data = network, data
        self._columns, self._ties = Columns(network, data, keep=True), no_ties(network)
        self._seen: dict[Hashable, tuple[Signs, Kept]] = {}

    @staticmethod
    def bytes_kept(network: Network, data: Dataset, networks: int) -> int:
        """Bytes of the kept fields of so many networks."""
        first = network.layers[0]
        return 4 * networks * first.n_units * math.prod(first.field_shape) * data.n_patterns

    def error_count(self, name: Hashable, weights: Signs) -> int:
        """Errors of the network with this name and weights (n_weights,)."""
        before, kept = self._seen.get(name, (weights, {}))
        flips = np.flatnonzero(before != weights)
        walk = Walk(before, flips, np.array([len(flips)]), self._ties)
        (count,) = _error_counts(self._network, self._data, self._columns, walk, kept)
        self._seen[name] = weights, kept
        return int(count)


def predicted_classes(network: Network, data: Dataset, walk: Walk) -> NDArray[np.int64]:
    """Predicted classes (T, P) int64 at every point of a walk; class 1 is label +1 of a binary task."""

    def predict(plan: "_Plan", block: slice, x: NDArray[np.int16]) -> NDArray[np.int64]:
        return np.array([predicted[: block.stop - block.start].copy() for predicted in plan.visit(x)])

    return np.concatenate(list(_by_block(network, walk, Columns(network, data), predict)), axis=1)


def hidden_bits(network: Network, data: Dataset, walk: Walk) -> list[Words]:
    """Outputs of every hidden unit at the start of a walk, for each hidden layer packed bits (H, W).

    For all patterns and, for a filter, all positions behind its max-pool: n_patterns times positions bits.
    """

    def record(plan: "_Plan", block: slice, x: NDArray[np.int16]) -> list[Words]:
        layers = zip(network.hidden_layers, plan.hidden(x), strict=True)
        return [_by_unit(layer.n_units, bits, block.stop - block.start) for layer, bits in layers]

    parts = zip(*_by_block(network, walk, Columns(network, data), record), strict=True)
    return [np.concatenate(layer, axis=1) for layer in parts]  # all blocks but the last one fill their words


def _by_unit(units: int, bits: Words, n_patterns: int) -> Words:
    """Packed bits (H, W) from the bits of a layer pattern by pattern, (S, G, WIDTH)."""
    positions = bits.shape[1] // n_words(units)
    by_pattern = bits.swapaxes(1, 2).astype("<u8", order="C").reshape(-1, n_words(units))
    octets = by_pattern[: n_patterns * positions].view(np.uint8)
    signs = 2 * np.unpackbits(octets, axis=1, count=units, bitorder="little").astype(np.int8) - 1
    return pack(signs.T)


def _by_block(
    network: Network,
    walk: Walk,
    columns: Columns,
    do: Callable[["_Plan", slice, NDArray[np.int16]], Result],
    known: bool = False,
) -> Iterator[Result]:
    """Results of the blocks of patterns, in order, computed on as many threads as torch may use.

    They are yielded one by one, since all of a long walk would not fit into memory. known: whether fields at the start
    are known.
    """
    plan = _Plan(network, walk, columns.size, known)
    threads = _threads()
    if threads == 1 or len(columns.blocks) == 1:
        yield from (do(plan, block, columns(block)) for block in columns.blocks)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(lambda block: do(plan, block, columns(block)), columns.blocks)


def _threads() -> int:
    """Number of threads that torch may use: one in the workers of a sweep."""
    import torch

    return torch.get_num_threads()


class _Piece(NamedTuple):
    """The part of a walk in one layer.

    weights: at the start. flips, signs: places and new signs in the order of the walk; bounds[t] to bounds[t + 1] lead
    to point t.
    """

    weights: Signs
    flips: NDArray[np.int64]
    signs: Signs
    bounds: NDArray[np.int64]


def _pieces(network: Network, walk: Walk) -> list[_Piece]:
    """A walk layer by layer; a fixed output layer has no flips."""
    sizes = [math.prod(shape) for shape in network.weight_shapes]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    count, points = len(sizes), len(walk.ends)
    local, signs = np.empty(len(walk.flips), np.int64), np.empty(len(walk.flips), np.int8)
    firsts, bounds = np.empty(count + 1, np.int64), np.empty((count, points + 1), np.int64)
    kernels.split_walk(walk.start.copy(), walk.flips, walk.ends, offsets, local, signs, firsts, bounds)
    pieces = []
    for k, weights in enumerate(network.split(walk.start)):
        here = slice(firsts[k], firsts[k + 1])
        pieces.append(_Piece(weights, local[here], signs[here], bounds[k]))
    if network.fixed_output:
        ones = np.ones(network.layers[-1].weight_shape, np.int8)
        pieces.append(_Piece(ones, local[:0], signs[:0], np.zeros(points + 1, np.int64)))
    return pieces


def _weights_at(piece: _Piece, points: NDArray[np.int64]) -> Iterator[tuple[int, Signs]]:
    """The weights at some points of a walk, in memory that is reused."""
    weights, done = piece.weights.reshape(-1).copy(), 0
    for t in points:
        end = piece.bounds[t + 1]
        weights[piece.flips[done:end]] = piece.signs[done:end]  # if a weight flips several times, the last flip counts
        done = end
        yield int(t), weights


class _First:
    """The first layer, with fields (H, R, C, B) int32; a fully connected layer has one row and one column."""

    def __init__(self, layer: Layer, piece: _Piece, thresholds: NDArray[np.int32] | None, block: int, known: bool):
        self._layer, self._thresholds, self._block, self._known = layer, thresholds, block, known
        self._start, self._room = piece.weights.reshape(-1), threading.local()
        tabled = isinstance(layer, Dense) and layer.n_units >= FEW
        lengths = np.diff(piece.bounds)
        anew = tabled & (lengths * MANY > self._start.size)
        anew[0] |= tabled and not known
        self._anew = {t: self._codes(weights) for t, weights in _weights_at(piece, np.flatnonzero(anew))}
        point = np.repeat(np.arange(len(lengths)), lengths)
        kept = ~anew[point]
        flips, signs = piece.flips[kept], piece.signs[kept]
        order = np.lexsort((flips, point[kept]))  # a unit's flips together: its fields stay in the nearest cache
        self._flips = self._terms(flips[order]), 2 * signs[order]
        self._bounds = np.concatenate([[0], np.cumsum(np.where(anew, 0, lengths))])

    def _terms(self, weights: NDArray[np.int64]) -> Terms:
        """For weights given by flat index: their unit, and where the input they multiply begins in a block (N, B)."""
        layer = self._layer
        if isinstance(layer, Dense):
            units, inputs = np.divmod(weights, layer.n_inputs)
            return units, inputs * self._block
        units, channels, rows, columns = np.unravel_index(weights, layer.weight_shape)
        return units, ((channels * layer.height + rows) * layer.width + columns) * self._block

    def _codes(self, weights: Signs) -> NDArray[np.uint8]:
        """Signs of each four weights as bits of a code, (H, G); the last code may include inputs that are 0."""
        units, n = self._layer.n_units, self._layer.fan_in
        fours = np.zeros((units, -(-n // 4), 4), np.bool_)
        fours.reshape(units, -1)[:, :n] = weights.reshape(units, -1) > 0
        return np.packbits(fours, axis=2, bitorder="little")[..., 0]

    def fields(self) -> NDArray[np.int32]:
        """Buffer for the fields of a block, reused by each thread."""
        if not hasattr(self._room, "fields"):
            self._room.fields = self.empty()
        return self._room.fields  # type: ignore[no-any-return]

    def empty(self) -> NDArray[np.int32]:
        """A buffer for fields, not shared."""
        rows = self._layer.n_units, *self._layer.field_shape
        words = aligned((*rows[:2], rows[2] * self._block // 2), np.uint64)
        return words.view(np.int32).reshape(*rows, self._block)

    def move(self, x: NDArray[np.int16], fields: NDArray[np.int32], t: int) -> None:
        """Update the fields from the point before to point t."""
        x = x.reshape(-1)
        if t in self._anew:
            tables = aligned((GROUPS, 16, 4 * WIDTH), np.uint64)
            pairs = fields.reshape(len(fields), -1).view(np.uint64)
            kernels.sum_by_tables(x, self._places, self._anew[t], tables, pairs)
            return
        if t == 0 and not self._known:
            fields[:] = 0
            self._add(x, self._terms(np.arange(len(self._start))), self._start, 0, len(self._start), fields)
        begin, end = self._bounds[t : t + 2]
        self._add(x, *self._flips, begin, end, fields)

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Where the inputs of a fully connected layer begin, (4 G,), padded to whole groups of four."""
        n = self._layer.fan_in
        return np.minimum(np.arange(-(-n // 4) * 4), n) * self._block

    def _add(
        self, x: NDArray[np.int16], terms: Terms, steps: Signs, begin: int, end: int, fields: NDArray[np.int32]
    ) -> None:
        stride = self._layer.width * self._block if isinstance(self._layer, Conv) else 0
        kernels.add_terms(x, stride, *terms, steps, begin, end, fields.reshape(*fields.shape[:2], -1))

    def bits(self, fields: NDArray[np.int32], t: int) -> Words:
        assert self._thresholds is not None
        out = _activations(self._layer, self._block // WIDTH)
        kernels.field_bits(fields, _at(self._thresholds, t), self._layer.pool, np.empty(self._block, np.uint64), out)
        return out


class _Bits:
    """A layer behind the first, which reads bits: packed weights (H, G), the channels of a position together."""

    def __init__(self, layer: Layer, before: Layer, piece: _Piece, thresholds: NDArray[np.int32] | None):
        self._layer, self._piece, self._thresholds = layer, piece, thresholds
        channels = before.n_units
        positions = layer.fan_in // channels
        by_position = piece.weights.reshape(layer.n_units, channels, positions).swapaxes(1, 2)
        self._words = pack(by_position).reshape(layer.n_units, -1)
        self._places, self._bits = np.empty(len(piece.flips), np.int64), np.empty(len(piece.flips), np.uint64)
        kernels.places_of_bits(piece.flips, layer.fan_in, positions, n_words(channels), self._places, self._bits)

    def begin(self) -> Words:
        return self._words.copy()

    def move(self, words: Words, t: int) -> None:
        begin, end = self._piece.bounds[t : t + 2]
        kernels.flip_bits(words.reshape(-1), self._places, self._bits, begin, end)

    def signs(self, words: Words, x: Words, t: int) -> Words:
        layer = self._layer
        out = _activations(layer, len(x))
        if isinstance(layer, Conv):
            kernels.conv_signs(words, layer.fan_in // 2 + 1, layer.width, layer.size, layer.pool, x, out)
        else:
            assert self._thresholds is not None
            kernels.dense_signs(words, _at(self._limits, t), x, out)
        return out

    @cached_property
    def _limits(self) -> Words:
        """Limits (T or 1, H): Delta = n - 2 distance reaches the threshold where the distance is below them."""
        assert self._thresholds is not None
        return np.asarray((self._layer.fan_in - self._thresholds) // 2 + 1, np.uint64)

    def classes(self, words: Words, x: Words, out: NDArray[np.int64]) -> None:
        kernels.classes_of_bits(words, self._layer.fan_in, x, np.empty((len(words), WIDTH), np.uint64), out)


class _Plan:
    """A walk split by layers and points, once for all blocks."""

    def __init__(self, network: Network, walk: Walk, block: int, known: bool = False):
        self._n_points, self.block = len(walk.ends), block
        layers, pieces = network.layers, _pieces(network, walk)
        thresholds = [*(walk.thresholds(k) for k in range(len(layers) - 1)), None]
        self._first = _First(layers[0], pieces[0], thresholds[0], block, known)
        self._others = [_Bits(layers[k], layers[k - 1], pieces[k], thresholds[k]) for k in range(1, len(layers))]

    def empty_fields(self) -> NDArray[np.int32]:
        """A buffer for the fields of a block, to be kept."""
        return self._first.empty()

    def visit(self, x: NDArray[np.int16], fields: NDArray[np.int32] | None = None) -> Iterator[NDArray[np.int64]]:
        """Predicted classes (B,) of a block (N, B) at every point, in memory that is reused."""
        predicted = np.empty(self.block, np.int64)
        fields = self._first.fields() if fields is None else fields
        words = [layer.begin() for layer in self._others]
        for t in range(self._n_points):
            self._first.move(x, fields, t)
            for layer, own in zip(self._others, words, strict=True):
                layer.move(own, t)
            if self._others:
                *_, bits = self._hidden(fields, words, t)
                self._others[-1].classes(words[-1], bits, predicted)
            else:
                kernels.classes_of_fields(fields[:, 0, 0], predicted)
            yield predicted

    def hidden(self, x: NDArray[np.int16]) -> Iterator[Words]:
        """Outputs (S, G, WIDTH) of each hidden layer for a block (N, B), at the start of the walk."""
        fields = self._first.fields()
        self._first.move(x, fields, 0)
        return self._hidden(fields, [layer.begin() for layer in self._others], 0)

    def _hidden(self, fields: NDArray[np.int32], words: list[Words], t: int) -> Iterator[Words]:
        if self._others:
            bits = self._first.bits(fields, t)
            yield bits
        for layer, own in zip(self._others[:-1], words[:-1], strict=True):
            bits = layer.signs(own, bits, t)
            yield bits


def _activations(layer: Layer, stacks: int) -> Words:
    """Buffer for the outputs of a layer, (S, G, WIDTH), the words of each position together."""
    return aligned((stacks, math.prod(layer.pooled_shape) * n_words(layer.n_units), WIDTH), np.uint64)


def _at(rows: NDArray[Any], t: int) -> NDArray[Any]:
    """Row t, or the only one."""
    return rows[t if len(rows) > 1 else 0]
