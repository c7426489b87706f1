"""The gains that guide shortest paths of fully connected networks, for several networks at once on a device of torch.

A smooth count of the errors is differentiated through the signs, with a Gaussian window in the place of the derivative
of each. Signals are rounded to integers layer by layer, windows are tables of the integer fields, and what is summed
are integers that floats hold exactly; so gains are the same on every device, and for networks together as for one
alone.
"""

import math
from collections.abc import Sequence

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
from deepbridge.binary.networks import BinaryMLP
from deepbridge.binary.solutions import Solution
from deepbridge.common.data import Dataset
from deepbridge.common.devices import Device, as_device, full_precision

FINEST = 127  # largest factor behind the last hidden layer's
STEPS = 64  # of the largest input, in the gradient of the first layer
REACH = 6  # windows, beyond which a window is 0
NOTHING = 40  # exp(-NOTHING) is


class Gradient:
    """Gains of all flips of R solutions of one network, which flips move on.

    Raises InvalidInputError on a device that is not there, or beyond this machine's memory.
    """

    def __init__(self, network: BinaryMLP, data: Dataset, starts: Sequence[Solution], settings: Guided, device: Device):
        self._place = place = as_device(device)
        if not network.hidden_layers and network.n_outputs == 1:  # the perceptron is a committee machine of one unit
            network = BinaryMLP(network.n_inputs, (1,), fixed_output=True)
        units = sum(layer.n_units for layer in network.layers)
        needed = 4 * len(starts) * (6 * units * data.n_patterns + 4 * network.n_weights) + 8 * data.inputs.size
        checked_memory(f"gradients of {len(starts)} networks on {data.n_patterns} patterns", needed)
        exact = torch.float32 if data.largest_sum < 2**24 else torch.float64
        x = torch.tensor(data.inputs, device=place).flatten(1).int()
        largest = max(1, int(x.abs().max()))
        self._coarse = torch.round(x.double() / max(1, largest / STEPS)).float()
        self._largest_input = float(self._coarse.abs().max())
        self._inputs = x.to(exact).T.contiguous()  # (N, P)
        self._classes = torch.tensor(data.classes, device=place)
        self._layers = network.free_layers
        stack = torch.tensor(np.stack([start.flat for start in starts]), device=place)
        sizes = [layer.n_units * layer.fan_in for layer in self._layers]
        parts = zip(stack.split(sizes, dim=1), self._layers, strict=True)
        self._weights = [part.float().reshape(len(stack), *layer.weight_shape).contiguous() for part, layer in parts]
        if network.fixed_output:
            self._weights.append(torch.ones(len(stack), *network.layers[-1].weight_shape, device=place))
        with full_precision():
            self._first = torch.matmul(self._weights[0].to(exact), self._inputs)  # (R, H, P)
        known = [start.ties or no_ties(network) for start in starts]
        ties = [np.stack([layers[k] for layers in known]) for k in range(len(network.hidden_layers))]
        self._shifts = [torch.tensor(np.where(tie < 0, -0.5, 0.5)[:, :, None], device=place).to(exact) for tie in ties]
        shapes = [(len(stack), layer.n_units, data.n_patterns) for layer in network.layers]
        self._fields = [torch.empty(shape, device=place) for shape in shapes[1:]]
        self._signs = [torch.empty(shape, device=place) for shape in shapes[:-1]]
        most = max(map(math.prod, shapes))
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
        """(R, n_weights) float32 integers: how much the count falls with a flip, in a unit of its layer's own."""
        fields, signs = [self._first, *self._fields], self._signs  # (R, H, P) of each layer
        for k, shift in enumerate(self._shifts):
            torch.add(fields[k], shift, out=signs[k]).sign_()
            torch.bmm(self._weights[k + 1], signs[k], out=fields[k + 1])
        signals, bound, gains = self._signals(fields[-1]), UNIT, list[Tensor]()
        for k in reversed(range(len(self._weights))):
            if k < len(self._layers):
                exact = _exact(signals, bound, 1 if k else self._largest_input)
                slope = _product(signals, signs[k - 1].transpose(1, 2) if k else self._coarse, exact)
                gains.append(slope.mul_(self._weights[k]).neg_().flatten(1))
            if k:
                exact = _exact(signals.transpose(1, 2), bound, 1)
                reached = _product(self._weights[k].transpose(1, 2), signals, exact)
                signals = self._factors(reached, fields[k - 1], k - 1)
                bound = FINEST if k < len(self._weights) - 1 else LEVELS * len(self._weights[k][0])
        return torch.cat(gains[::-1], dim=1).cpu().numpy()

    def _signals(self, outputs: Tensor) -> Tensor:
        """(R, outputs, P) integers up to UNIT: how much a larger output would lower the smooth count."""
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
        """Signals at hidden layer k: those that reached its signs, times the windows of its fields, rounded."""
        table, shape = self._closeness[k], fields.shape
        near, places = (memory[: fields.numel()] for memory in self._scratch)
        places.copy_(fields.view(-1)).abs_().clamp_(max=len(table) - 1)
        product = torch.index_select(table, 0, places, out=near).view(shape).mul_(reached)
        if k == len(self._weights) - 2:
            half = torch.copysign(torch.tensor(0.5, device=self._place), product)
            return product.div_(UNIT**2).add_(half).trunc_()
        least, most = product.flatten(1).aminmax(dim=1)
        return product.div_(torch.maximum(-least, most).clamp_(min=1.0).div_(FINEST)[:, None, None]).round_()

    def flip(self, run: int, places: Places) -> None:
        """These weights of a network change their signs."""
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
                steps = 2 * weights[at, None].to(self._inputs.dtype) * self._inputs[at % layer.fan_in]
                self._first[run].index_add_(0, at // layer.fan_in, steps)


def _exact(signals: Tensor, bound: float, largest: float) -> torch.dtype:
    """Floats that hold all sums over B of signals (R, A, B), at most `bound`, times integers, at most `largest`."""
    if bound * largest * signals.shape[2] < 2**24:
        return torch.float32
    sums = float(torch.linalg.vector_norm(signals, ord=1, dim=2).max())
    return torch.float32 if largest * sums < 2**24 else torch.float64


def _product(left: Tensor, right: Tensor, exact: torch.dtype) -> Tensor:
    """left (R, A, B) times right (R, B, C) or (B, C), in float32."""
    return torch.matmul(left.to(exact), right.to(exact)).float()


def _table(what: str, reach: float, largest: int) -> NDArray[np.int64]:
    """0, 1, ... up to what can occur, or matters."""
    count = min(math.ceil(min(reach, 2**40)), largest) + 1
    checked_memory(f"a table of {count} {what}", 32 * count)
    return np.arange(count)
