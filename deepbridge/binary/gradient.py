"""The gains that guide shortest paths, for several networks at once on a torch device.

A smooth count of the errors is differentiated through the signs, with a Gaussian window in place of the derivative of
each sign. Signals are rounded to integers layer by layer, windows are tables over the integer fields, and only integers
that floats hold exactly are summed. So gains are the same on every device, and for several networks together as for
each alone.
"""

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from binland.checks import checked_memory
from binland.guided import closeness_of, log_sigma, urgency
from binland.kernels.guide import LEVELS, UNIT
from binland.orders import Guided, Places
from deepbridge.binary.counting import no_ties
from deepbridge.binary.networks import BinaryMLP, Network
from deepbridge.binary.solutions import Solution
from deepbridge.binary.wiring import wiring
from deepbridge.common.data import Dataset
from deepbridge.common.devices import Device, as_device, full_precision

FINEST = 127  # largest factor behind the last hidden layer's
STEPS = 64  # of the largest input, in the gradient of the first layer
REACH = 6  # windows, beyond which a window is 0
NOTHING = 40  # exp(-NOTHING) is
PATCHES = 2**24  # floats that are gathered at once, or those of one position


class Gradient:
    """Gains of all flips of R solutions of one network, updated as weights flip.

    Fields are (R, Q, F, P) for F units at Q positions on P patterns, signs (R, G F, P) for G windows. Fully connected
    layers have one position. Raises InvalidInputError if the device is not there, or beyond this machine's memory.
    """

    def __init__(self, network: Network, data: Dataset, starts: Sequence[Solution], settings: Guided, device: Device):
        self._place = place = as_device(device)
        if not network.hidden_layers and network.n_outputs == 1:  # the perceptron is a committee machine of one unit
            network = BinaryMLP(math.prod(network.input_shape), (1,), fixed_output=True)
        runs, count, tables = len(starts), data.n_patterns, wiring(network)
        self._windows = [math.prod(layer.pooled_shape) for layer in network.layers]
        shapes = [(runs, len(t[0]), layer.n_units, count) for t, layer in zip(tables, network.layers, strict=True)]
        sizes = [shape[0] * len(t) * max(shape[2:]) for shape, t in zip(shapes, tables, strict=True)]  # of one position
        gathered = [
            max(size, min(PATCHES, size * len(t[0]))) for size, t in zip(sizes, tables, strict=True) if not _whole(t)
        ]
        needed = 24 * sum(map(math.prod, shapes)) + 16 * runs * network.n_weights + 8 * data.inputs.size
        needed += 16 * max(gathered, default=0)
        checked_memory(f"gradients of {runs} networks on {count} patterns", needed)
        self._chunks = [_slices(len(t[0]), PATCHES // size) for t, size in zip(tables, sizes, strict=True)]
        self._reads = [None if _whole(table) else torch.tensor(table.T.copy(), device=place) for table in tables]
        self._most_reads = [int(np.bincount(table.reshape(-1)).max()) for table in tables]
        exact = torch.float32 if data.largest_sum < 2**24 else torch.float64
        x = torch.tensor(data.inputs, device=place).flatten(1).int()
        largest = max(1, int(x.abs().max()))
        self._coarse = torch.round(x.double() / max(1, largest / STEPS)).float().T.contiguous()
        self._largest_input = float(self._coarse.abs().max())
        self._inputs = x.to(exact).T.contiguous()  # (N, P)
        self._classes = torch.tensor(data.classes, device=place)
        self._layers = network.free_layers
        stack = torch.tensor(np.stack([start.flat for start in starts]), device=place)
        parts = stack.split([layer.n_units * layer.fan_in for layer in self._layers], dim=1)
        self._weights = [
            part.float().unflatten(1, (-1, len(table))) for part, table in zip(parts, tables, strict=False)
        ]
        if network.fixed_output:
            self._weights.append(torch.ones(runs, *network.layers[-1].weight_shape, device=place))
        self._first = torch.empty(shapes[0], dtype=exact, device=place)
        with full_precision():
            for some in self._chunks[0]:
                patches = self._patches(0, self._inputs[None], some)
                self._first[:, some] = _product(self._weights[0][:, None], patches, exact)
        known = [start.ties or no_ties(network) for start in starts]
        ties = [np.stack([layers[k] for layers in known]) for k in range(len(network.hidden_layers))]
        self._shifts = [
            torch.tensor(np.where(tie < 0, -0.5, 0.5)[:, None, :, None], device=place).to(exact) for tie in ties
        ]
        pooled = [(runs, g, *shape[2:]) for g, shape in zip(self._windows, shapes, strict=True)][:-1]
        self._fields = [torch.empty(shape, device=place) for shape in shapes[1:]]
        self._signs = [torch.empty(shape, device=place) for shape in pooled]
        wide = [k for k, shape in enumerate(pooled) if shape != shapes[k]]
        self._highest = {k: torch.empty(pooled[k], dtype=torch.float32 if k else exact, device=place) for k in wide}
        self._signals_at = torch.empty(max((math.prod(shapes[k]) for k in wide), default=0), device=place)
        most = max(map(math.prod, [*pooled, shapes[-1]]))
        whole = torch.int32 if data.largest_sum < 2**31 else torch.int64
        self._scratch = torch.empty(most, device=place), torch.empty(most, dtype=whole, device=place)
        last = network.layers[-1].fan_in
        self._log_sigma = log_sigma(settings, last)
        unit = math.sqrt(last) / (1.0 if network.hidden_layers else data.scale)  # of sums, in units of z
        largest_sum = last if network.hidden_layers else data.largest_sum
        behind = _table("outputs", NOTHING * unit / settings.steepness, 2 * largest_sum)
        self._decay = torch.tensor(np.exp(-settings.steepness * behind / unit), device=place)
        self._closeness = []
        for k, layer in enumerate(network.hidden_layers):
            unit = math.sqrt(layer.fan_in) / (data.scale if k == 0 else 1.0)  # fields where Delta = 1
            fields = _table("fields", REACH * settings.window * unit, layer.fan_in if k else data.largest_sum)
            self._closeness.append(torch.tensor(closeness_of(settings, fields / unit).astype(np.float32), device=place))

    @full_precision()
    def gains(self) -> NDArray[np.float32]:
        """Gains (R, n_weights), float32 integers: decrease of the smooth count with a flip, in a unit of each layer."""
        fields, inputs = [self._first, *self._fields], [self._coarse[None], *(x.flatten(1, 2) for x in self._signs)]
        for k, shift in enumerate(self._shifts):
            torch.add(self._maxima(fields[k], k), shift, out=self._signs[k]).sign_()
            for some in self._chunks[k + 1]:
                patches = self._patches(k + 1, inputs[k + 1], some)
                torch.matmul(self._weights[k + 1][:, None], patches, out=fields[k + 1][:, some])
        signals, bound, gains = self._signals(fields[-1][:, 0])[:, None], UNIT, list[Tensor]()
        for k in reversed(range(len(self._weights))):
            if k < len(self._layers):
                exact = _exact(signals, 3, bound, 1 if k else self._largest_input)
                gains.append(self._slope(k, signals, inputs[k], exact).mul_(self._weights[k]).neg_().flatten(1))
            if k:
                exact = _exact(signals, 2, bound, self._most_reads[k])
                reached = self._reached(k, signals, inputs[k], exact)
                signals = self._at_positions(self._factors(reached, fields[k - 1], k - 1), fields[k - 1], k - 1)
                bound = FINEST if k < len(self._weights) - 1 else LEVELS * self._weights[k].shape[1]
        return torch.cat(gains[::-1], dim=1).cpu().numpy()

    def _patches(self, k: int, x: Tensor, some: slice) -> Tensor:
        """What some positions of layer k read of its inputs (R or 1, N, P): (R or 1, n, fan-in, P)."""
        reads = self._reads[k]
        return x[:, None] if reads is None else x.index_select(1, reads[some].flatten()).unflatten(1, reads[some].shape)

    def _slope(self, k: int, signals: Tensor, x: Tensor, exact: torch.dtype) -> Tensor:
        """Signals of layer k times what they meet, summed over positions and patterns: (R, F, fan-in) float32."""
        products = (
            _product(signals[:, some], self._patches(k, x, some).transpose(2, 3), exact).sum(1, dtype=torch.float64)
            for some in self._chunks[k]
        )
        return reduce(torch.add, products).float()

    def _reached(self, k: int, signals: Tensor, x: Tensor, exact: torch.dtype) -> Tensor:
        """Signals of layer k that reach its inputs x (R, N, P): (R, N, P) float32."""
        reads, back = self._reads[k], self._weights[k].transpose(1, 2)[:, None]
        if reads is None:
            return _product(back, signals, exact)[:, 0].float()
        reached = torch.zeros(x.shape, dtype=exact, device=self._place)
        for some in self._chunks[k]:
            reached.index_add_(1, reads[some].flatten(), _product(back, signals[:, some], exact).flatten(1, 2))
        return reached.float()

    def _maxima(self, fields: Tensor, k: int) -> Tensor:
        """The largest field of each window of hidden layer k: (R, G, F, P)."""
        if k not in self._highest:
            return fields
        return torch.amax(fields.unflatten(1, (self._windows[k], -1)), dim=2, out=self._highest[k])

    def _at_positions(self, signals: Tensor, fields: Tensor, k: int) -> Tensor:
        """Signals (R, G F, P) at the first position of each window where the field is largest: (R, Q, F, P)."""
        if k not in self._highest:
            return signals.view(fields.shape)
        highest, left = self._highest[k], signals.view(self._highest[k].shape)
        out = self._signals_at[: fields.numel()].view(fields.shape)
        windows, places = (x.unflatten(1, (self._windows[k], -1)) for x in (fields, out))
        for s in range(windows.shape[2]):
            here = windows[:, :, s] == highest
            torch.mul(left, here, out=places[:, :, s])
            left.sub_(places[:, :, s])
        return out

    def _signals(self, outputs: Tensor) -> Tensor:
        """How much a larger output would lower the smooth count: (R, outputs, P) integers up to UNIT."""
        if outputs.shape[1] == 1:
            labels = 2 * self._classes - 1
            votes = outputs[:, 0].long() * labels + len(self._log_sigma) // 2
            lowest = votes.amin(dim=1)
            tables = (torch.tensor(urgency(self._log_sigma, k), device=self._place) for k in lowest.tolist())
            rows = zip(tables, votes - lowest[:, None], strict=True)
            return torch.stack([table[row] * labels for table, row in rows]).float().unsqueeze(1)
        behind = (outputs.amax(dim=1, keepdim=True) - outputs).long()
        shares = self._decay[behind.clamp_(max=len(self._decay) - 1)]
        total = shares[:, :1].clone()
        for c in range(1, shares.shape[1]):  # in one order on every device
            total += shares[:, c : c + 1]
        residuals = functional.one_hot(self._classes, outputs.shape[1]).T - shares / total
        most = residuals.abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-300)
        return torch.floor(UNIT * (residuals / most) + 0.5).float()

    def _factors(self, reached: Tensor, fields: Tensor, k: int) -> Tensor:
        """Signals (R, G F, P) of hidden layer k: those that reached its signs, times windows of its fields, rounded."""
        table, fields = self._closeness[k], self._highest.get(k, fields)
        near, places = (memory[: fields.numel()] for memory in self._scratch)
        places.copy_(fields.view(-1)).abs_().clamp_(max=len(table) - 1)
        product = torch.index_select(table, 0, places, out=near).view(reached.shape).mul_(reached)
        if k == len(self._weights) - 2:
            half = torch.copysign(torch.tensor(0.5, device=self._place), product)
            return product.div_(UNIT**2).add_(half).trunc_()
        least, most = product.flatten(1).aminmax(dim=1)
        return product.div_(torch.maximum(-least, most).clamp_(min=1.0).div_(FINEST)[:, None, None]).round_()

    def flip(self, run: int, places: Places) -> None:
        """Flip weights of one network."""
        first = 0
        for k, layer in enumerate(self._layers):
            size = layer.n_units * layer.fan_in
            here = places[(places >= first) & (places < first + size)] - first
            first += size
            if not len(here):
                continue
            at = torch.tensor(here, device=self._place)
            weights = self._weights[k][run].view(-1)
            weights[at] = -weights[at]
            if k == 0:
                self._move(run, at // layer.fan_in, at % layer.fan_in, 2 * weights[at, None].to(self._inputs.dtype))

    def _move(self, run: int, units: Tensor, sources: Tensor, steps: Tensor) -> None:
        """Change weights (d,) of the first layer, given by unit and source, by steps (d, 1)."""
        fields, reads = self._first[run], self._reads[0]
        for some in _slices(len(fields), PATCHES // (len(units) * fields.shape[2])):
            read = sources[None] if reads is None else reads[some][:, sources]
            rows = units + fields.shape[1] * torch.arange(len(read), device=self._place)[:, None]
            changes = steps * self._inputs[read]
            fields[some].flatten(0, 1).index_add_(0, rows.flatten(), changes.flatten(0, 1))


def _exact(signals: Tensor, dim: int, bound: float, largest: float) -> torch.dtype:
    """A float type exact for all sums along a dimension of signals (at most `bound`) times integers (`largest`)."""
    if bound * largest * signals.shape[dim] < 2**24:
        return torch.float32
    sums = float(torch.linalg.vector_norm(signals, ord=1, dim=dim).max())
    return torch.float32 if largest * sums < 2**24 else torch.float64


def _product(left: Tensor, right: Tensor, exact: torch.dtype) -> Tensor:
    """Product (R, n, A, C) of left (R, n or 1, A, B) and right (R or 1, n, B, C)."""
    left, right = left.to(exact), right.to(exact)
    if len(right) == len(left):
        return torch.matmul(left, right)
    rows = left.transpose(0, 1).flatten(1, 2)  # of all networks together
    return torch.matmul(rows, right[0]).unflatten(1, (len(left), -1)).transpose(0, 1)


def _whole(table: NDArray[np.int64]) -> bool:
    """Whether a wiring reads every input once, in order."""
    return table.shape[1] == 1 and bool(np.all(table[:, 0] == np.arange(len(table))))


def _slices(count: int, size: int) -> list[slice]:
    """Slices of at most `size` (at least 1) that cover range(count)."""
    size = max(1, size)
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _table(what: str, reach: float, largest: int) -> NDArray[np.int64]:
    """0, 1, ... up to the largest value that occurs or matters."""
    count = min(math.ceil(min(reach, 2**40)), largest) + 1
    checked_memory(f"a table of {count} {what}", 32 * count)
    return np.arange(count)
