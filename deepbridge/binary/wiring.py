"""Which inputs each position of a layer reads: one table for convolutions and fully connected layers."""

import numpy as np
from numpy.typing import NDArray

from deepbridge.binary.networks import Conv, Network


def wiring(network: Network) -> tuple[NDArray[np.int64], ...]:
    """Which input each weight of a unit reads at each of Q positions, for every layer (fan-in, Q).

    Positions are ordered window by window of the max-pool, row by row in a window; those that fill no whole window are
    left out. Inputs of the first layer are numbered as (channels, height, width), those of the others as (height,
    width, channels). A fully connected layer is a filter as large as its input, with one position.
    """
    first = network.layers[0]
    before = (first.channels, first.height, first.width) if isinstance(first, Conv) else (first.fan_in, 1, 1)
    tables: list[NDArray[np.int64]] = []
    for layer in network.layers:
        channels, height, width = before
        sides = (layer.size, layer.size) if isinstance(layer, Conv) else (height, width)
        row, column, r, c = np.indices((*layer.pooled_shape, layer.pool, layer.pool)).reshape(4, 1, -1)
        channel, i, j = np.indices((channels, *sides)).reshape(3, -1, 1)
        place = (row * layer.pool + r + i) * width + column * layer.pool + c + j
        tables.append(place * channels + channel if tables else channel * height * width + place)
        before = (layer.n_units, *layer.pooled_shape)
    return tuple(tables)
