"""Guided orders of the flips between deep networks, for several pairs at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from binland.guided import Stages, checked_gains
from binland.orders import Guided, Places
from deepbridge.binary.fields import Fields
from deepbridge.binary.gradient import Gradient
from deepbridge.binary.networks import Network
from deepbridge.binary.solutions import Solution
from deepbridge.common.data import Dataset
from deepbridge.common.devices import Device

Pair = tuple[Solution, Solution]


def guided_orders(pairs: Sequence[Pair], data: Dataset, settings: Guided, device: Device) -> list[Places]:
    """Flat indices (d,) of the weights that differ, in guided order, for each pair of solutions of one network.

    Pairs take less time together than one by one. Raises InvalidInputError if the device is not there or memory does
    not suffice.
    """
    network = pairs[0][0].network
    paths = [_stages(pair, data, settings) for pair in pairs]
    if settings.guide is not None:
        for path, (start, _) in zip(paths, pairs, strict=True):
            _ask(path, start, data, settings)
        return [path.order for path in paths]
    starts = [start for start, _ in pairs]
    gradient = Gradient(network, data, starts, settings, device)
    layers = layer_of_weights(network)
    while any(path.left.size for path in paths):
        gains = gradient.gains()
        for run, path in enumerate(paths):
            if path.left.size:
                gradient.flip(run, path.step(balanced(gains[run, path.left], layers[path.left])))
    return [path.order for path in paths]


def _stages(pair: Pair, data: Dataset, settings: Guided) -> Stages:
    start, end = pair
    with_ties = Solution(end.network, end.weights, None, start.ties)  # of the start, as single flips are followed
    places = np.flatnonzero(start.flat != end.flat)
    return Stages(Fields(start, data), places, settings, with_ties.error_count(data))


def _ask(path: Stages, start: Solution, data: Dataset, settings: Guided) -> None:
    """Follow the gains of the user's guide."""
    guide, weights = settings.guide, start.flat.copy()
    assert guide is not None
    while path.left.size:
        here = Solution(start.network, start.network.split(weights), None, start.ties)
        gains = guide(here, path.left.copy(), data)
        weights[path.step(checked_gains(guide, gains, len(path.left)))] *= -1


def layer_of_weights(network: Network) -> NDArray[np.int64]:
    """Number of the layer of every weight, (n_weights,)."""
    return np.repeat(np.arange(len(network.weight_shapes)), [np.prod(shape) for shape in network.weight_shapes])


def balanced(gains: NDArray[np.float32], layers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Gains (d,) divided by their standard deviation in their layer, if that is not 0; layers (d,): of each weight."""
    out = gains.astype(np.float64)
    for layer in np.unique(layers):
        here = layers == layer
        out[here] /= out[here].std() or 1.0
    return out
