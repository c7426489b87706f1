"""Mini-batches by number, so that a resumed run sees those of the uninterrupted one."""

import numpy as np
import torch
from torch import Tensor

from binland.rng import Seed, generator


class Batches:
    """Mini-batches of all patterns: step s has batch s of an endless row of epochs, each in its own random order.

    key: number of the random stream. per_epoch: number of batches of an epoch; the last one may have fewer patterns.
    """

    def __init__(self, n_patterns: int, batch_size: int, seed: Seed, purpose: str):
        self._count, self._size = n_patterns, min(batch_size, n_patterns)
        self.key = int(generator(seed, purpose).integers(2**63))
        self.per_epoch = -(-n_patterns // self._size)
        self._epoch, self._orders = -1, dict[int, Tensor]()  # those of one epoch are kept

    def _order(self, stream: int, epoch: int) -> Tensor:
        """The order of the patterns in an epoch of a row."""
        if epoch != self._epoch:
            self._epoch, self._orders = epoch, {}
        if stream not in self._orders:
            drawn = np.random.default_rng([self.key, stream, epoch]).permutation(self._count)
            self._orders[stream] = torch.from_numpy(drawn)
        return self._orders[stream]

    def __getitem__(self, step: int) -> Tensor | None:
        """(B,) numbers of patterns of a step; None if a batch holds all of them."""
        return self.of(step, 0)

    def of(self, step: int, stream: int) -> Tensor | None:
        """The batch of a step in one of several independent rows of epochs."""
        if self.per_epoch == 1:
            return None
        epoch, k = divmod(step, self.per_epoch)
        return self._order(stream, epoch)[k * self._size : (k + 1) * self._size]

    def each(self, step: int, streams: int) -> Tensor | None:
        """(streams, B): the batches of a step in all rows."""
        if self.per_epoch == 1:
            return None
        return torch.stack([self._single(step, stream) for stream in range(streams)])

    def _single(self, step: int, stream: int) -> Tensor:
        batch = self.of(step, stream)
        assert batch is not None
        return batch
