"""What trainings of all deep networks share: checks of seeds and types, identity of a run, loop with progress bar."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from binland.bar import Bar
from binland.callbacks import Callback, TrainingState, ended_by
from binland.checks import one_of, positive, true_or_false
from binland.errors import InvalidInputError, shown
from binland.rng import Seed
from binland.stamp import code_stamp
from deepbridge.common.checkpoints import Checkpoint
from deepbridge.common.devices import full_precision, model, usual
from deepbridge.common.stamp import stamp
from deepbridge.log import logger

DTYPES = {"float32": torch.float32, "float64": torch.float64}
MOST_RUNS = 10_000


class Runs(Protocol):
    """A training of one or more runs, epoch by epoch."""

    @property
    def epochs(self) -> int:
        """Number of epochs in all."""
        ...

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        ...

    @property
    def done(self) -> int:
        """Number of epochs done."""
        ...

    def epoch(self) -> None:
        """Do one epoch."""
        ...

    def standing(self) -> TrainingState:
        """What a callback is told of the epoch that was the last."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that changes, for a checkpoint."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state; raises KeyError, TypeError or ValueError if it does not fit these runs."""
        ...


def checked_dtype(dtype: object) -> torch.dtype:
    """The torch.dtype with this name; raises InvalidInputError if it is not "float32" or "float64"."""
    return DTYPES[one_of("dtype", dtype, tuple(DTYPES))]


def checked_seeds(seeds: Sequence[Seed], most: int) -> list[Seed]:
    """A list of the seeds; raises InvalidInputError unless there are 1 to `most`."""
    text = isinstance(seeds, (str, bytes, bytearray))
    try:
        listed = [] if text else list(islice(seeds, most + 1))
    except TypeError:  # also raised by arrays without axes, which claim to be iterable
        listed = []
    if 1 <= len(listed) <= most:
        return listed
    raise InvalidInputError(f"seeds={shown(seeds)} is not a list of 1 to {most}; give one seed per run")


def identity(streams: list[list[np.random.Generator]], place: torch.device, dtype: str, **more: str) -> dict[str, str]:
    """What determines the results of a training, long parts hashed; streams: before anything is drawn."""
    states = json.dumps([[rng.bit_generator.state for rng in run] for run in streams], default=np.ndarray.tolist)
    settings = {"device": model(place), "dtype": dtype}
    if place.type == "cpu":
        settings["threads"] = str(torch.get_num_threads())
    seeds = hashlib.sha256(states.encode()).hexdigest()
    return {"seeds": seeds, "code": code_stamp(stamp()), **settings, **more}


def hashed(arrays: Iterable[NDArray[Any]]) -> str:
    """One hash of several arrays."""
    return "".join(hashlib.sha256(np.ascontiguousarray(array).data).hexdigest() for array in arrays)


def run_through(
    runs: Runs,
    place: torch.device,
    checkpoint: str | Path | None,
    seconds: float,
    identity: dict[str, str],
    progress: bool,
    callback: Callback | None = None,
    word: str = "training",
) -> None:
    """All epochs, from where a checkpoint stands, with a bar on a terminal or in a notebook.

    identity: of the training, for the checkpoint. callback: is told of each of them, and ends the loop by True. word:
    what it is called on the bar and in logs.
    """
    saved = Checkpoint(checkpoint, positive("checkpoint_seconds", seconds, zero=True), identity)
    saved.restore(runs.restore, place)
    true_or_false("progress", progress)
    logger.debug("%s begins at epoch %d of %d on %s", word, runs.done, runs.epochs, place)
    bar = Bar(description=word, total=runs.epochs, completed=runs.done, wanted=progress, transient=True)
    with full_precision() if callback is None else nullcontext(), bar:  # once is faster
        while not runs.finished:
            with usual(), full_precision():  # for each epoch anew, since a callback may have changed settings of torch
                runs.epoch()
            saved.keep(runs.state)
            bar.update(completed=runs.done)
            if callback is not None:
                with _kept():
                    ended = ended_by(callback, runs.standing())
                if ended:
                    break
        saved.keep(runs.state, now=True)
    logger.debug("%s ends at epoch %d of %d", word, runs.done, runs.epochs)


@contextmanager
def _kept() -> Iterator[None]:
    """Context after which settings of torch on which numbers depend, and which no epoch sets, are as before."""
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
