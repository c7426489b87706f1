"""`fit` and `fit_many` for binary networks: all runs and replicas are computed in one batch."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland import algorithms as shallow
from binland.bits import Signs, as_signs
from binland.callbacks import Callback, Phase, TrainingState, passed_on
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.models import Replicas
from binland.rng import Seed, generator
from binland.training import mean_distance
from deepbridge.binary.algorithms import ADV, RSGD, Algorithm, as_deep, is_built_in
from deepbridge.binary.counting import ErrorCounter, Walk, no_ties
from deepbridge.binary.descent import Descent
from deepbridge.binary.evaluation import error_counts
from deepbridge.binary.networks import Layer, Network, check_fit
from deepbridge.binary.solutions import Latents, Solution, checked_layers
from deepbridge.common.checkpoints import checked, part
from deepbridge.common.data import Dataset, random_classes
from deepbridge.common.devices import Device, as_device, full_precision, usual
from deepbridge.common.runs import MOST_RUNS, checked_dtype, checked_seeds, hashed, identity, run_through

LARGEST_NETWORK = 10**9  # weights of all runs and replicas
LONGEST_HISTORY = 10**8  # epochs of all runs and replicas
MOST_KEPT = 2**28  # bytes of the first layer's fields that may be kept between records


def fit(
    network: Network,
    data: Dataset | Patterns,
    algorithm: shallow.Algorithm,
    seed: Seed,
    start: Latents | None = None,
    *,
    device: Device = "cpu",
    dtype: str = "float32",
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
    callback: Callback | None = None,
) -> Solution:
    """Train a binary network with BinaryNet, or with any other `Algorithm` by its own ``fit``.

    Parameters
    ----------
    network, data, algorithm, start, device, dtype, checkpoint, checkpoint_seconds, progress, callback
        As in `fit_many`.
    seed : int, SeedSequence or Generator
        Fixes everything that is drawn.

    Returns
    -------
    Solution
        The trained weights.

    Raises
    ------
    InvalidInputError, StoreError
        As `fit_many`.
    """
    return fit_many(
        network, data, algorithm, [seed], start,
        device=device, dtype=dtype, checkpoint=checkpoint, checkpoint_seconds=checkpoint_seconds, progress=progress,
        callback=callback,
    )[0]  # fmt: skip


def fit_many(
    network: Network,
    data: Dataset | Patterns,
    algorithm: shallow.Algorithm,
    seeds: Sequence[Seed],
    start: Latents | None = None,
    *,
    device: Device = "cpu",
    dtype: str = "float32",
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
    callback: Callback | None = None,
) -> list[Solution]:
    """Train several independent binary networks in one batch, one for each seed; faster on a GPU than one by one.

    The loss is the cross-entropy, binary for two classes and categorical for more, averaged over a mini-batch.
    Pre-activations are w . x / sqrt(fan-in) in every layer.

    Parameters
    ----------
    network : BinaryMLP or BinaryConvNet
        The architecture.
    data : Dataset or Patterns
        Train data.
    algorithm : Algorithm
        `SGD`, `RSGD` or `ADV`. Any other trains by its own ``fit(network, data, seed, start)``, once for every seed;
        it takes neither device nor dtype nor checkpoint, and a callback only if its ``fit`` has an argument `callback`.
    seeds : sequence of int, SeedSequence or Generator
        One for each run.
    start : sequence of array_like, optional
        Latents of each layer to begin with, for every run and replica, instead of random ones; they are clipped.
    device : str or torch.device, default "cpu"
        "cpu", "cuda", "cuda:1", ...
    dtype : {"float32", "float64"}, default "float32"
        Type of everything but the signs of the weights.
    checkpoint : str or pathlib.Path, optional
        File from which the same call goes on after an interruption. It stays at the end; then the call returns at once.
    checkpoint_seconds : float, default 300.0
        How often the checkpoint is written, in seconds.
    progress : bool, default True
        Whether to show a bar on a terminal or in a notebook.
    callback : callable, optional
        A function that is called after every epoch with a `binland.TrainingState`, which knows phase, epoch, errors of
        the runs and ``.solution(run)``. If it returns True, all runs end there; a checkpoint keeps them as they are, so
        that the same call goes on from there. It changes no number. An `Algorithm` of your own trains one run after the
        other, and the callback hears of one run at a time.

    Returns
    -------
    list of Solution
        One for each seed; a run that has not reached zero error is returned all the same.

    Raises
    ------
    InvalidInputError
        If data or start do not fit the network, device or type is unknown, the callback is no function, the
        checkpoint is of another run, an algorithm returns no solution of the network, or there are more than 10^9
        weights, 10^8 epochs or 10 000 networks in all.
    StoreError
        If a checkpoint is damaged or cannot be written at the start; later there is only a warning.

    Notes
    -----
    Results are the same for equal seeds, device (a CPU, or any GPU of the same model), dtype, number of CPU threads and
    version of torch; a checkpoint made with others is refused. Runs in one batch differ from single ones by rounding
    only.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and appendix B.
    """
    dataset = check_fit(network, data)
    deep = as_deep(algorithm)
    options = passed_on(callback, deep)
    if is_built_in(deep):
        return train_many(
            network, dataset, deep, seeds, start,
            device=device, dtype=dtype, checkpoint=checkpoint, checkpoint_seconds=checkpoint_seconds, progress=progress,
            callback=callback,
        )  # fmt: skip
    _check_default(deep, "device", device, as_device(device).type == "cpu")
    _check_default(deep, "dtype", dtype, isinstance(dtype, str) and dtype == "float32")
    _check_default(deep, "checkpoint", checkpoint, checkpoint is None)
    listed = checked_seeds(seeds, MOST_RUNS)
    for seed in listed:
        generator(seed, "fit")  # refuses an invalid seed even if the algorithm would not
    begun = None if start is None else checked_layers("start", start, network.weight_shapes, np.float32)
    return [_made_by(deep, network, deep.fit(network, dataset, seed, begun, **options)) for seed in listed]


def _check_default(algorithm: shallow.Algorithm, name: str, value: object, default: bool) -> None:
    """Raise InvalidInputError unless an argument has its default: an algorithm's own `fit` does not take it."""
    if not default:
        kind = type(algorithm).__name__
        raise InvalidInputError(
            f"{name}={shown(value)} is for SGD, RSGD and ADV, but {kind} trains by its own fit; leave {name} out, or"
            f" make it a setting of {kind}"
        )


def _made_by(algorithm: shallow.Algorithm, network: Network, found: object) -> Solution:
    """The solution that an algorithm returned, marked with the algorithm; InvalidInputError if it is not a solution."""
    if not isinstance(found, Solution) or found.network != network:
        raise InvalidInputError(
            f"{type(algorithm).__name__}.fit gave {shown(found)}, not a solution of {shown(network)}; return"
            " Solution(network, weights)"
        )
    return found if found.algorithm is algorithm else replace(found, algorithm=algorithm)


def train_many(
    network: Network,
    data: Dataset | Patterns,
    algorithm: Algorithm,
    seeds: Sequence[Seed],
    start: Latents | None = None,
    *,
    device: Device = "cpu",
    dtype: str = "float32",
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
    callback: Callback | None = None,
) -> list[Solution]:
    """`fit_many` for SGD, RSGD and ADV of this package, and for subclasses that call their `fit`."""
    dataset = check_fit(network, data)
    kind = checked_dtype(dtype)
    n_replicas = algorithm.replicas if isinstance(algorithm, RSGD) else 1
    seeds = checked_seeds(seeds, _most_runs(network, algorithm, n_replicas))
    streams = [generator(seed, "fit").spawn(1 + n_replicas) for seed in seeds]
    place = as_device(device)
    begun = None if start is None else checked_layers("start", start, network.weight_shapes, np.float64)
    known = (
        identity(streams, place, dtype, **_identity(network, dataset, algorithm, begun))
        if checkpoint is not None
        else {}
    )
    runs = _Runs(network, dataset, algorithm, streams, begun, place, kind)
    run_through(runs, place, checkpoint, checkpoint_seconds, known, progress, callback)
    return [runs.solution(k) for k in range(len(seeds))]


class _Runs:
    """All runs and replicas at once; the first axis of every array is R = runs x replicas."""

    def __init__(
        self,
        network: Network,
        data: Dataset,
        algorithm: Algorithm,
        streams: list[list[np.random.Generator]],
        start: Latents | None,
        device: torch.device,
        dtype: torch.dtype,
    ):
        self.network, self.data, self.algorithm, self.device = network, data, algorithm, device
        self._streams = [replica for _, *replicas in streams for replica in replicas]
        self._runs, self._replicas = len(streams), len(streams[0]) - 1
        self._pretrained = algorithm.pretrain_epochs if isinstance(algorithm, ADV) else 0
        noise = [random_classes(data, labels) if self._pretrained else data.classes for labels, *_ in streams]
        layers = _stacked(network, algorithm, self._streams, start)
        latents = [torch.tensor(layer, dtype=dtype, device=device) for layer in layers]
        self._descent = Descent(network, latents, algorithm, self._replicas, data)
        self._labels = torch.tensor(data.classes, device=device).expand(len(self._streams), -1)
        self._noise = torch.tensor(np.repeat(noise, self._replicas, axis=0), device=device)
        self._epoch = 0
        self.epochs = self._pretrained + algorithm.epochs
        self._history = np.full((algorithm.epochs, self._runs, 1 + self._replicas), np.nan)
        self._stopped: dict[int, list[Tensor]] = {}  # runs that ended early, and the latents they ended with

    @property
    def finished(self) -> bool:
        """Whether all epochs are over, or all runs have stopped at zero error."""
        return self._epoch == self.epochs or len(self._stopped) == self._runs

    @property
    def done(self) -> int:
        """Number of epochs done."""
        return self._epoch

    def epoch(self) -> None:
        """One epoch of all runs, and a record of their errors if it is due."""
        epoch, algorithm = self._epoch - self._pretrained, self.algorithm
        labels = self._noise if epoch < 0 else self._labels
        self._descent.begin_epoch(self._epoch, self._pretrained)
        for batch in torch.tensor(self._orders(), device=self.device).split(algorithm.batch_size, dim=1):
            self._descent.step(labels.gather(1, batch), batch)
        self._descent.end_epoch()
        self._epoch += 1
        if epoch >= 0 and ((epoch + 1) % algorithm.history_every == 0 or epoch + 1 == algorithm.epochs):
            self._look(epoch)

    def standing(self) -> TrainingState:
        """What a callback is told of the epoch that was the last; NaN where nobody looked."""
        trained = self._epoch - self._pretrained
        if trained <= 0:
            unknown = np.full((self._runs, 1 + self._replicas), np.nan)
            return self._told("pretraining", self._epoch, self._pretrained, unknown)
        errors = self._history[trained - 1].copy()
        for run in self._stopped:
            errors[run] = self._last(run)
        return self._told("training", trained, self.algorithm.epochs, errors)

    def _last(self, run: int) -> NDArray[np.float64]:
        """The last recorded errors of a run: centre, then replicas."""
        known = self._history[:, run]
        return np.asarray(known[~np.isnan(known[:, 0])][-1])

    def _told(self, phase: Phase, epoch: int, n_epochs: int, errors: NDArray[np.float64]) -> TrainingState:
        replicas = errors[:, 1:] if isinstance(self.algorithm, RSGD) else None
        return TrainingState(phase, epoch, n_epochs, errors[:, 0], replicas, self.solution)

    def _look(self, epoch: int) -> None:
        """Record the errors of every run that has not stopped: centre, then replicas."""
        for run in set(range(self._runs)) - set(self._stopped):
            latents = self._latents_of(run)
            weights = _flat(latents)
            if self._replicas > 1:
                weights = np.concatenate([_flat(layer.mean(0, keepdim=True) for layer in latents), weights])
            counts = self._errors(weights) if self._counter is None else self._errors_since(run, weights)
            self._history[epoch, run] = counts / self.data.n_patterns
            if self.algorithm.stop_at_zero_error and counts[0] == 0:
                self._stopped[run] = [layer.clone() for layer in latents]

    @cached_property
    def _counter(self) -> ErrorCounter | None:
        """Counts errors from what has changed since the last record; None on a GPU or where memory does not suffice."""
        networks = self._runs * (1 + self._replicas if self._replicas > 1 else 1)
        small = ErrorCounter.bytes_kept(self.network, self.data, networks) <= MOST_KEPT
        return ErrorCounter(self.network, self.data) if small and self.device.type == "cpu" else None

    def _errors_since(self, run: int, weights: Signs) -> NDArray[np.int64]:
        """Errors of the networks (T, n_weights) of a run, from what has changed since the last record."""
        assert self._counter is not None
        return np.array([self._counter.error_count((run, k), one) for k, one in enumerate(weights)])

    def _errors(self, weights: Signs) -> NDArray[np.int64]:
        """Errors of several networks (T, n_weights)."""
        walk = Walk.through(weights, no_ties(self.network))
        return error_counts(self.network, self.data, walk, self.device)

    def _latents_of(self, run: int) -> list[Tensor]:
        """(replicas, *weight_shape) of each layer."""
        if run in self._stopped:
            return self._stopped[run]
        return [layer[run * self._replicas : (run + 1) * self._replicas] for layer in self._descent.latents]

    @usual()
    @full_precision()
    def solution(self, run: int) -> Solution:
        """The centre of the replicas of a run."""
        replicas = [layer.cpu().numpy().astype(np.float32) for layer in self._latents_of(run)]
        centre = tuple(layer.mean(axis=0) for layer in replicas)
        history = self._history[:, run].copy()
        found = None
        if isinstance(self.algorithm, RSGD):
            weights = tuple(as_signs(layer) for layer in replicas)
            flat = np.concatenate([layer.reshape(self._replicas, -1) for layer in weights], axis=1)
            counts = self._errors(flat)
            found = Replicas(weights, counts / self.data.n_patterns, history[:, 1:], mean_distance(flat))
        signs = tuple(as_signs(layer) for layer in centre)
        return Solution(self.network, signs, centre, (), history[:, 0], found, self.algorithm)

    def state(self) -> dict[str, Any]:
        """Everything that changes, for a checkpoint. Random streams are left out: they draw one order in each epoch."""
        return {
            "epoch": self._epoch,
            "history": torch.tensor(self._history, device=self.device),
            "stopped": self._stopped,
            "descent": self._descent.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint; raises KeyError, TypeError or ValueError if it does not fit these runs."""
        epoch, stopped = part(state, "epoch", int), part(state, "stopped", dict)
        if not 0 <= epoch <= self.epochs:
            raise ValueError(f"epoch {shown(epoch)} of {self.epochs}")
        if not all(type(run) is int and 0 <= run < self._runs for run in stopped):
            raise ValueError(f"runs {shown(stopped)} of {self._runs}")
        like = torch.tensor(self._history, device=self.device)
        self._history[:] = checked("history", state["history"], like, low=0, unknown=True).cpu().numpy()
        for run, layers in stopped.items():
            for kept, layer in zip(layers, self._latents_of(run), strict=True):
                checked("latents", kept, layer)
        self._descent.restore(part(state, "descent", dict), epoch, self._pretrained)
        self._epoch, self._stopped = epoch, stopped
        for _ in range(epoch):
            self._orders()

    def _orders(self) -> NDArray[np.int64]:
        """(R, P) orders of the patterns in the next epoch."""
        return np.stack([rng.permutation(self.data.n_patterns) for rng in self._streams])


def _most_runs(network: Network, algorithm: Algorithm, replicas: int) -> int:
    """Number of runs that fit into memory; raises InvalidInputError if none does."""
    most = min(LARGEST_NETWORK // network.n_weights, LONGEST_HISTORY // max(1, algorithm.epochs), MOST_RUNS) // replicas
    if most < 1:
        raise InvalidInputError(
            f"{network.n_weights} weights, {algorithm.epochs} epochs, {replicas} replicas do not fit into memory:"
            f" 10^9 weights, 10^8 epochs and {MOST_RUNS} replicas, all together; take less"
        )
    return most


def _stacked(
    network: Network, algorithm: Algorithm, streams: list[np.random.Generator], start: Latents | None
) -> list[NDArray[Any]]:
    """Initial latents (R, *weight_shape) of each layer: drawn, or the start for every run; clipped."""
    if start is None:
        drawn = [[_drawn(layer, algorithm, rng) for layer in network.free_layers] for rng in streams]
        layers = [np.stack(layer) for layer in zip(*drawn, strict=True)]
    else:
        layers = [np.repeat(layer[None], len(streams), axis=0) for layer in start]
    return [np.clip(layer, -algorithm.clip, algorithm.clip) for layer in layers]


def _drawn(layer: Layer, algorithm: Algorithm, rng: np.random.Generator) -> NDArray[np.float64]:
    """Initial latents of one network, from Xavier's uniform distribution."""
    bound = algorithm.init_bound(layer.fan_in, layer.fan_out)
    return rng.uniform(-bound, bound, layer.weight_shape)


def _flat(layers: Iterable[Tensor]) -> Signs:
    """Signs (R, n_weights) of latents (R, *weight_shape) of each layer."""
    return np.concatenate([as_signs(layer.cpu().numpy()).reshape(len(layer), -1) for layer in layers], axis=1)


def _identity(network: Network, data: Dataset, algorithm: Algorithm, start: Latents | None) -> dict[str, str]:
    """What else determines the results of a training."""
    return {
        "data": repr((data.scale, data.n_classes)) + hashed([data.inputs, data.labels]),
        "start": hashed(start or ()),
        "network": repr(network),
        "algorithm": repr(algorithm),
    }
