"""`fit` and `fit_many` for continuous networks: all runs and replicas are computed in one batch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.callbacks import Callback, TrainingState, passed_on
from binland.errors import InvalidInputError, reason, shown
from binland.rng import Seed, generator
from binland.sweep.contracts.algorithm import Algorithm
from deepbridge.common.augmentation import flipped_and_cropped
from deepbridge.common.checkpoints import checked, part
from deepbridge.common.devices import Device, as_device, full_precision, seeded, usual
from deepbridge.common.runs import MOST_RUNS, checked_dtype, checked_seeds, hashed, identity, run_through
from deepbridge.continuous.algorithms import ADV, RSGD, SGD, ContinuousAlgorithm, EntropySGD
from deepbridge.continuous.descent import Coupled, Descent, Langevin, Rule
from deepbridge.continuous.evaluation import States, scores
from deepbridge.continuous.examples import Confused, Data, Examples, as_examples
from deepbridge.continuous.networks import Network, cast, check_network
from deepbridge.continuous.probe import draws
from deepbridge.continuous.solutions import ContinuousSolution
from deepbridge.continuous.units import State, owner

BUILT_IN = (SGD, RSGD, ADV, EntropySGD)
MOST_WEIGHTS = 10**10  # of all runs and replicas
LONGEST_HISTORY = 10**8  # epochs of all runs
DEFAULTS = {"device": "cpu", "dtype": "float32", "checkpoint": None}


def fit(
    network: Network,
    data: Data,
    algorithm: Algorithm,
    seed: Seed,
    start: ContinuousSolution | None = None,
    *,
    device: Device = "cpu",
    dtype: str = "float32",
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
    callback: Callback | None = None,
) -> ContinuousSolution:
    """Train a continuous network.

    Parameters
    ----------
    network, data, algorithm, start, device, dtype, checkpoint, checkpoint_seconds, progress, callback
        As in `fit_many`.
    seed : int, SeedSequence or Generator
        Fixes everything that is drawn.

    Returns
    -------
    ContinuousSolution
        The trained weights.

    Raises
    ------
    InvalidInputError, StoreError
        As `fit_many`.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and appendix A.1.

    Examples
    --------
    >>> import deepbridge as db, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> data = rng.normal(size=(60, 10)), rng.integers(3, size=60)
    >>> db.fit(db.MLP(10, (8,), 3), data, db.continuous.RSGD(epochs=2, replicas=3), seed=0).spread > 0
    True
    """
    return fit_many(
        network, data, algorithm, [seed], start, device=device, dtype=dtype, checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds, progress=progress, callback=callback,
    )[0]  # fmt: skip


@usual()
def fit_many(
    network: Network,
    data: Data,
    algorithm: Algorithm,
    seeds: Sequence[Seed],
    start: ContinuousSolution | None = None,
    *,
    device: Device = "cpu",
    dtype: str = "float32",
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
    callback: Callback | None = None,
) -> list[ContinuousSolution]:
    """Train several independent continuous networks in one batch, one for each seed; faster on a GPU than one by one.

    The loss is the cross-entropy, binary for one output, averaged over a mini-batch.

    Parameters
    ----------
    network : Network
        The architecture.
    data : Dataset, Patterns or tuple
        Train data, or any pair of arrays or tensors (inputs, labels).
    algorithm : Algorithm
        `SGD`, `RSGD`, `ADV` or `EntropySGD` of `deepbridge.continuous`. Any other trains by its own ``fit(network,
        data, seed, start)``, once for every seed; it takes neither device nor dtype nor checkpoint, and a callback only
        if its ``fit`` has an argument `callback`.
    seeds : sequence of int, SeedSequence or Generator
        One for each run.
    start : ContinuousSolution, optional
        Weights to begin with, for every run and replica, instead of random ones.
    device : str or torch.device, default "cpu"
        "cpu", "cuda", "cuda:1", ...
    dtype : {"float32", "float64"}, default "float32"
        Type of the weights.
    checkpoint : str or pathlib.Path, optional
        File from which the same call goes on after an interruption. It stays at the end; then the call returns at once.
    checkpoint_seconds : float, default 300.0
        How often the checkpoint is written, in seconds.
    progress : bool, default True
        Whether to show a bar on a terminal or in a notebook.
    callback : callable, optional
        A function that is called after every epoch with a `binland.TrainingState`, which knows phase, epoch, errors of
        the runs and ``.solution(run)``. If it returns True, all runs end there; a checkpoint keeps them as they are, so
        that the same call goes on from there. It changes no number. Networks with dropout, and an `Algorithm` of your
        own, train one run after the other: the callback hears of one run at a time, and True ends that one.

    Returns
    -------
    list of ContinuousSolution
        One for each seed; a run that has not reached zero error is returned all the same.

    Raises
    ------
    InvalidInputError
        If data, start or algorithm do not fit the network or each other, device or type is unknown, the checkpoint is
        of another run, or the weights of a run become infinite or NaN, which ends all runs of the batch.
    StoreError
        If a checkpoint is damaged or cannot be written.

    Notes
    -----
    Results are the same for equal seeds, device, dtype, number of CPU threads and version of torch. Runs in one batch
    differ from single ones by rounding only; networks with dropout are trained one by one. The caller's gradient mode,
    default dtype and random state of torch neither matter nor change.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and appendix A.1.
    """
    check_network(network)
    examples = as_examples(network, data)
    _check_start(network, start)
    listed = checked_seeds(seeds, MOST_RUNS)
    if type(algorithm) not in BUILT_IN:
        given = {"device": str(device), "dtype": dtype, "checkpoint": checkpoint}
        _check_own(algorithm, {name: value for name, value in given.items() if value != DEFAULTS[name]})
        called = passed_on(callback, algorithm)
        return [_own(algorithm, network, data, seed, start, called) for seed in listed]
    assert isinstance(algorithm, ContinuousAlgorithm)
    if len(listed) > 1 and draws(network.template, network.example):
        if checkpoint is not None:
            raise InvalidInputError("networks with dropout are trained one by one: give a checkpoint to each `fit`")
        options: dict[str, Any] = {"device": device, "dtype": dtype, "progress": progress, "callback": callback}
        return [fit(network, data, algorithm, seed, start, **options) for seed in listed]
    return train_many(
        network, examples, algorithm, listed, start, device=device, dtype=dtype, checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds, progress=progress, callback=callback,
    )  # fmt: skip


def _check_start(network: Network, start: object) -> None:
    if start is not None and not (isinstance(start, ContinuousSolution) and start.network == network):
        raise InvalidInputError(f"start={shown(start)} is not a solution of {shown(network)}, nor None")


def _check_own(algorithm: object, given: dict[str, object]) -> None:
    """Raise InvalidInputError unless the algorithm has a `fit` of its own; given: arguments that it does not take."""
    own = type(algorithm).__dict__.get("fit") if isinstance(algorithm, BUILT_IN) else isinstance(algorithm, Algorithm)
    families = getattr(algorithm, "families", ())
    if not own or (families and not {*families} & {*ContinuousAlgorithm.families}):
        what = f", but {' and '.join(map(shown, families))}" if own else ""
        raise InvalidInputError(
            f"algorithm={shown(algorithm)} does not train continuous networks{what}: give SGD, RSGD, ADV or EntropySGD"
            " of deepbridge.continuous, or an Algorithm with a fit of its own"
        )
    for name, value in given.items():
        raise InvalidInputError(
            f"{name}={shown(value)} is for SGD, RSGD, ADV and EntropySGD, but {type(algorithm).__name__} trains by its"
            f" own fit; leave {name} out, or make it a setting of the algorithm"
        )


def _own(
    algorithm: Any, network: Network, data: Data, seed: Seed, start: Any, options: dict[str, Any]
) -> ContinuousSolution:
    """Train by an algorithm's own `fit`; raises InvalidInputError unless it returns a solution of the network."""
    generator(seed, "fit")  # a seed that is none is refused here, whatever the algorithm does with it
    found = algorithm.fit(network, data, seed, start, **options)
    if not isinstance(found, ContinuousSolution) or found.network != network:
        raise InvalidInputError(
            f"{type(algorithm).__name__}.fit gave {shown(found)}, not a solution of {shown(network)}"
        )
    return found if found.algorithm is algorithm else replace(found, algorithm=algorithm)


@usual()
def train_many(
    network: Network,
    data: Data | Examples,
    algorithm: ContinuousAlgorithm,
    seeds: Sequence[Seed],
    start: ContinuousSolution | None = None,
    *,
    device: Device = "cpu",
    dtype: str = "float32",
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
    callback: Callback | None = None,
) -> list[ContinuousSolution]:
    """`fit_many` for the built-in algorithms."""
    if not isinstance(network, Network):
        raise InvalidInputError(
            f"{type(algorithm).__name__} of deepbridge.continuous trains continuous networks, not {shown(network)}: for"
            " a binary one give SGD, RSGD or ADV of deepbridge"
        )
    examples = data if isinstance(data, Examples) else as_examples(network, data)
    _check_start(network, start)
    if start is not None and isinstance(algorithm, RSGD) and algorithm.coupling is None and algorithm.replicas > 1:
        raise InvalidInputError(
            "coupling=None needs the distance of the replicas, but all begin at the start; set the coupling of RSGD"
        )
    kind, place = checked_dtype(dtype), as_device(device)
    many = len(seeds) * algorithm.n_replicas
    if many * network.n_weights > MOST_WEIGHTS or many > MOST_RUNS:
        raise InvalidInputError(
            f"{many} networks of {network.n_weights} weights are more than 10^10, or 10 000; take less"
        )
    if algorithm.epochs * len(seeds) > LONGEST_HISTORY:
        raise InvalidInputError(f"epochs={algorithm.epochs} of {len(seeds)} runs are more than 10^8; take less")
    streams = [generator(seed, "fit").spawn(2 + algorithm.n_replicas) for seed in seeds]
    passed_on(callback, algorithm)
    known = {}
    if checkpoint is not None:
        known = identity(streams, place, dtype, **_identity(network, examples, algorithm, start))
    with full_precision():
        training = Training(network, examples, algorithm, streams, start, place, kind)
    run_through(training, place, checkpoint, checkpoint_seconds, known, progress, callback)
    return [training.solution(run) for run in range(len(seeds))]


class Training:
    """A training in progress, of all runs and replicas; the first axis of every tensor is R = runs x replicas.

    done, epochs: that are over, and in all (of both phases of ADV). history: (epochs, runs) train errors, NaN where
    nobody looked.
    """

    def __init__(
        self,
        network: Network,
        examples: Examples,
        algorithm: ContinuousAlgorithm,
        streams: list[list[np.random.Generator]],
        start: ContinuousSolution | None,
        device: torch.device,
        dtype: torch.dtype,
    ):
        self.network, self.algorithm, self._device = network, algorithm, device
        self._examples = examples.to(device, dtype)
        self._runs, self._replicas = len(streams), algorithm.n_replicas
        self._orders = [replica for _, _, *replicas in streams for replica in replicas]
        firsts = [_first(network, rng, start, dtype) for rng in self._orders]
        stacked = {name: torch.stack([first[name] for first in firsts]).to(device) for name in firsts[0]}
        self._descent = Descent(network, stacked, algorithm, self._replicas)
        self._pretrained = algorithm.pretrain_epochs if isinstance(algorithm, ADV) else 0
        self._confused = self._adversarial([labels for labels, *_ in streams]) if self._pretrained else None
        self._torch_rngs = [torch.Generator().manual_seed(int(rng.integers(2**63))) for _, rng, *_ in streams]
        self._views = [int(rng.integers(2**63)) for _, rng, *_ in streams]  # keys of what is drawn for augmentation
        self._check_augmentation()
        self._draws = draws(network.template, network.example)
        self._try_batches()
        self._rule = self._chosen_rule()
        self.epochs = self._pretrained + algorithm.epochs
        self.done = 0
        self._learnt: dict[int, list[Tensor]] = {}  # runs that know their random labels, and how they ended
        self.history = np.full((algorithm.epochs, self._runs), np.nan)

    def _check_augmentation(self) -> None:
        """Raise InvalidInputError if augmentation is asked for and the inputs are no images."""
        if self.algorithm.augmentation != "none" and len(self.network.input_shape) != 3:
            raise InvalidInputError(
                f"augmentation={shown(self.algorithm.augmentation)} is for images (channels, height, width), but"
                f" {shown(self.network)} reads inputs of shape {self.network.input_shape}; leave it out"
            )

    def _adversarial(self, rngs: list[np.random.Generator]) -> Confused:
        assert isinstance(self.algorithm, ADV)
        return Confused(self._examples, max(2, self.network.n_outputs), self.algorithm.zeroed, rngs)

    def _try_batches(self) -> None:
        """Raise InvalidInputError unless the network can be trained on a full batch and on the last one."""
        size = min(self.algorithm.batch_size, len(self._examples))
        for count in sorted({size, len(self._examples) % size or size}, reverse=True):
            try:
                with seeded(0, self._device):
                    self._descent.try_batch(self._examples.inputs[:count])
            except (RuntimeError, ValueError) as error:  # a user's forward may fail in any way
                advice = "; set batch_size so that the last batch of an epoch has more" if count == 1 else ""
                raise InvalidInputError(
                    f"{shown(self.network)} cannot be trained on a batch of {count} ({reason(error)}){advice}"
                ) from None

    def _chosen_rule(self) -> Rule:
        if isinstance(self.algorithm, RSGD):
            return Coupled(self.algorithm, self._descent, self._losses())
        if isinstance(self.algorithm, EntropySGD):
            return Langevin(self.algorithm, self._descent, self._torch_rngs)
        return Rule(self.algorithm, self._descent)

    def _losses(self) -> Tensor:
        """(runs,) mean train loss of the replicas at the start."""
        found = scores(self.network, States(self._each()), self._examples, self._device).losses
        return torch.tensor(found.reshape(self._runs, self._replicas).mean(1), device=self._device)

    def _each(self) -> list[State]:
        tensors = {**self._descent.parameters, **self._descent.buffers}
        return [{name: t.detach()[k] for name, t in tensors.items()} for k in range(self._runs * self._replicas)]

    @property
    def finished(self) -> bool:
        """Whether all epochs are over."""
        return self.done == self.epochs

    def epoch(self) -> None:
        """One epoch of all runs, and a record of their errors if due; raises InvalidInputError if a run diverged."""
        epoch = self.done - self._pretrained
        if epoch < 0:
            self._pretrain(last=epoch == -1)
        else:
            self._train(epoch)
        self._check_finite()
        self.done += 1
        last = epoch + 1 == self.algorithm.epochs
        if epoch >= 0 and ((epoch + 1) % self.algorithm.history_every == 0 or last):
            self._look(epoch)

    def _train(self, epoch: int) -> None:
        """Mini-batches of the true data."""
        batches = self._batches()
        for k, batch in enumerate(batches):
            inputs = self._seen(self._examples.inputs[batch], epoch, k)
            gradients, _ = self._gradients(inputs, self._examples.classes[batch])
            self._rule.step(gradients, epoch, (epoch + k / len(batches)) / self.algorithm.epochs)
        if epoch + 1 == self.algorithm.epochs:
            self._rule.finish()

    def _seen(self, inputs: Tensor, epoch: int, k: int) -> Tensor:
        """The k-th mini-batch (R, B, ...) of an epoch as the networks see it."""
        if self.algorithm.augmentation == "none":
            return inputs
        keys = [key for key in self._views for _ in range(self._replicas)]
        rngs = [np.random.default_rng([key, epoch, k, r % self._replicas]) for r, key in enumerate(keys)]
        return torch.stack([flipped_and_cropped(images, rng) for images, rng in zip(inputs, rngs, strict=True)])

    def _gradients(self, inputs: Tensor, classes: Tensor) -> tuple[list[Tensor], Tensor]:
        if not self._draws:
            return self._descent.gradients(inputs, classes)
        with seeded(int(torch.randint(2**62, (), generator=self._torch_rngs[0])), self._device):
            return self._descent.gradients(inputs, classes)

    def _pretrain(self, last: bool) -> None:
        """One epoch on random labels, unless all runs have learned them; after the last, runs return to that point."""
        assert isinstance(self.algorithm, ADV)
        assert self._confused is not None
        batches = self._batches()  # drawn even if not needed, so that orders do not depend on other runs
        if len(self._learnt) < self._runs:
            wrong = torch.zeros(self._runs, dtype=torch.int64, device=self._device)
            for batch in batches:
                gradients, missed = self._gradients(*self._confused.batch(batch))
                self._descent.step(gradients, self.algorithm.pretrain_learning_rate)
                wrong += missed
            allowed = self.algorithm.pretrain_error * len(self._examples)
            for run in range(self._runs):
                if run not in self._learnt and int(wrong[run]) <= allowed:  # errors counted during the epoch
                    self._learnt[run] = [tensor.detach()[run].clone() for tensor in self._changing]
        if last:
            self._return_to_learnt()

    @torch.no_grad()
    def _return_to_learnt(self) -> None:
        for run, kept in self._learnt.items():
            for tensor, one in zip(self._changing, kept, strict=True):
                tensor[run] = one
        self._learnt = {}

    def _check_finite(self) -> None:
        """Raise InvalidInputError if a run has weights that are not finite, unless it will return to learned ones."""
        first = self.done < self._pretrained
        runs = [run for run in self._diverged() if not (first and run in self._learnt)]
        if runs:
            rates = ("pretrain_learning_rate",) if first else ("learning_rate", "inner_learning_rate")
            given = [f"{name}={getattr(self.algorithm, name):g}" for name in rates if hasattr(self.algorithm, name)]
            which = "" if self._runs == 1 else f" of seeds[{runs[0]}]"
            raise InvalidInputError(
                f"the training{which} diverged in epoch {self.done + 1} of {self.epochs}: weights are infinite or no"
                f" numbers; lower {' or '.join(given)}, and see that the inputs are of unit size"
            )

    def _diverged(self) -> list[int]:
        """Numbers of the runs with a weight or statistic that is not finite."""
        finite = torch.ones(self._runs, dtype=torch.bool, device=self._device)
        for tensor in self._changing:
            finite &= tensor.detach().isfinite().reshape(self._runs, -1).all(1)
        return (~finite).nonzero().flatten().tolist()

    @property
    def _changing(self) -> list[Tensor]:
        return [*self._descent.parameters.values(), *self._descent.buffers.values()]

    def _batches(self) -> list[Tensor]:
        """The mini-batches of an epoch, (R, B) indices of patterns each."""
        return list(torch.from_numpy(self._next_orders()).to(self._device).split(self.algorithm.batch_size, dim=1))

    def _next_orders(self) -> NDArray[np.int64]:
        """Orders of the patterns in the next epoch, (R, P)."""
        return np.stack([rng.permutation(len(self._examples)) for rng in self._orders])

    def _look(self, epoch: int) -> None:
        states = States([self._rule.centre(run) for run in range(self._runs)])
        found = scores(self.network, states, self._examples, self._device)
        self.history[epoch] = found.errors / len(self._examples)

    @usual()
    @full_precision()
    def solution(self, run: int) -> ContinuousSolution:
        """The current solution of a run; for RSGD the mean of its replicas."""
        state = {name: tensor.cpu() for name, tensor in self._rule.centre(run).items()}
        spread = None
        if isinstance(self.algorithm, RSGD):
            spread = float(self._descent.squared_distances(slice(run, run + 1)).sqrt())
        return ContinuousSolution(self.network, state, self.history[:, run].copy(), spread, self.algorithm)

    def standing(self) -> TrainingState:
        """What a callback is told of the epoch that was the last; NaN where nobody looked."""
        trained = self.done - self._pretrained
        if trained <= 0:
            unknown = np.full(self._runs, np.nan)
            return TrainingState("pretraining", self.done, self._pretrained, unknown, None, self.solution)
        errors = self.history[trained - 1].copy()
        return TrainingState("training", trained, self.algorithm.epochs, errors, None, self.solution)

    def state(self) -> dict[str, Any]:
        """Everything that changes, for a checkpoint. Orders are left out: one is drawn in each epoch."""
        return {
            "done": self.done,
            "history": torch.tensor(self.history, device=self._device),
            "learnt": self._learnt,
            "tensors": [tensor.detach() for tensor in self._changing],
            "momenta": self._descent.momenta,
            "rule": self._rule.state(),
            "noise": torch.stack([rng.get_state() for rng in self._torch_rngs]),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint; raises KeyError, TypeError or ValueError if it does not fit these runs."""
        done, learnt = part(state, "done", int), part(state, "learnt", dict)
        if not 0 <= done <= self.epochs or not all(type(run) is int and 0 <= run < self._runs for run in learnt):
            raise ValueError(f"epoch {shown(done)} of {self.epochs}, runs {shown(list(learnt))} of {self._runs}")
        like = torch.tensor(self.history, device=self._device)
        history = checked("history", state["history"], like, low=0, unknown=True).cpu().numpy()
        for kept in learnt.values():
            _checked_all("learnt", kept, [tensor.detach()[0] for tensor in self._changing])
        tensors = _checked_all("tensors", state["tensors"], [tensor.detach() for tensor in self._changing])
        momenta = _checked_all("momenta", state["momenta"], self._descent.momenta)
        like = torch.stack([rng.get_state() for rng in self._torch_rngs]).to(self._device)
        noise = checked("noise", state["noise"], like).cpu()
        self._rule.restore(part(state, "rule", dict))
        for rng, row in zip(self._torch_rngs, noise, strict=True):
            _set_state(rng, row)
        with torch.no_grad():
            for mine, other in zip([*self._changing, *self._descent.momenta], [*tensors, *momenta], strict=True):
                mine.copy_(other)
        self.done, self._learnt, self.history[:] = done, learnt, history
        for _ in range(done):
            self._next_orders()


def _set_state(rng: torch.Generator, state: Tensor) -> None:
    """Set the state of a torch generator; raises ValueError if it is not one.

    It is copied, because torch reads a row of a matrix from the beginning of the matrix.
    """
    try:
        rng.set_state(state.clone())
    except RuntimeError as error:
        raise ValueError(f"noise: {reason(error)}") from None


def _checked_all(name: str, found: Any, like: Sequence[Tensor]) -> list[Tensor]:
    return [checked(name, one, other) for one, other in zip(found, like, strict=True)]


def _first(network: Network, rng: np.random.Generator, start: ContinuousSolution | None, dtype: torch.dtype) -> State:
    """Initial weights: the start's, or drawn."""
    if start is not None:
        return {name: tensor.clone() for name, tensor in cast(start.state, dtype).items()}
    return network.initial(rng, dtype)


def _identity(
    network: Network, examples: Examples, algorithm: ContinuousAlgorithm, start: ContinuousSolution | None
) -> dict[str, str]:
    """What else determines the results of a training."""
    begun = [] if start is None else [tensor.numpy() for tensor in start.state.values()]
    reset = {owner(name) for name in network.trained}  # modules that are initialised anew, buffers included
    kept = [tensor for name, tensor in network.template.named_buffers() if owner(name) not in reset]
    return {
        "data": hashed([examples.inputs.numpy(), examples.classes.numpy()]),
        "start": hashed(begun),
        "constants": hashed([tensor.numpy() for tensor in (*network.constants.values(), *kept)]),
        "network": f"{network!r} {network.shapes} {network.trained}",
        "algorithm": repr(algorithm),
    }
