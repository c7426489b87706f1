"""`fit`: from patterns and an algorithm to a solution, one thread per run."""

import math

import numpy as np
from numpy.typing import NDArray

from binland.algorithms import ADV, RSGD, Algorithm, check_algorithm
from binland.bits import WORD, Words, as_signs, n_words, pack
from binland.data import Patterns
from binland.errors import InvalidInputError
from binland.kernels.forward import row_distance
from binland.kernels.training import StepRule, train_epoch
from binland.models import Machine, Replicas, Solution, check_fit, count_words
from binland.rng import Seed, generator

Latents = NDArray[np.float32]


def fit(
    machine: Machine, patterns: Patterns, algorithm: Algorithm, seed: Seed, start: Latents | None = None
) -> Solution:
    """Train a machine with BinaryNet (paper, section 3.2 and appendix B).

    start: latents of shape machine.weight_shape to begin with, clipped, for every replica, instead of random ones.
    Returns the binary weights with latents, train-error history and, for RSGD, the replicas. A run that has not
    reached zero error is returned all the same: look at .error or .history.
    Raises InvalidInputError if the patterns or the start do not fit the machine.
    """
    check_fit(machine, patterns)
    check_algorithm(algorithm)
    n_replicas = algorithm.replicas if isinstance(algorithm, RSGD) else 1
    label_rng, *streams = generator(seed, "fit").spawn(1 + n_replicas)
    state = _State(machine, patterns, algorithm, streams, start)
    if isinstance(algorithm, ADV):
        noise = patterns.with_random_labels(label_rng)
        for epoch in range(algorithm.pretrain_epochs):
            state.train(noise, algorithm.pretrain_learning_rate, epoch)
    history = []
    for epoch in range(algorithm.epochs):
        state.train(patterns, algorithm.learning_rate, epoch)
        history.append(state.error_counts())
        if algorithm.stop_at_zero_error and history[-1][0] == 0:
            break
    return state.solution(np.array(history, np.int64).reshape(-1, 1 + n_replicas) / patterns.n_patterns)


class _State:
    """Latents (R, H, 64 W) and packed signs of the replicas of one run; R = 1 but for RSGD."""

    def __init__(
        self,
        machine: Machine,
        patterns: Patterns,
        algorithm: Algorithm,
        streams: list[np.random.Generator],
        start: Latents | None,
    ):
        self.machine, self.patterns, self.algorithm, self.streams = machine, patterns, algorithm, streams
        n, h = machine.n_inputs, machine.n_hidden
        self.latents = np.zeros((len(streams), h, WORD * n_words(n)), np.float32)
        if start is None:
            width = algorithm.init_bound(n, h)
            for replica, rng in zip(self.latents, streams, strict=True):
                replica[:, :n] = rng.uniform(-width, width, (h, n))
        else:
            self.latents[:, :, :n] = _checked_start(machine, start)
        np.clip(self.latents, -algorithm.clip, algorithm.clip, out=self.latents)
        self.words = pack(self.latents[:, :, :n])

    def train(self, patterns: Patterns, learning_rate: float, epoch: int) -> None:
        """One epoch on patterns with the inputs of self.patterns."""
        algorithm, machine = self.algorithm, self.machine
        order = np.stack([rng.permutation(patterns.n_patterns) for rng in self.streams])
        rule = StepRule(
            np.float32(learning_rate),
            _window(machine, algorithm.ste_window),
            np.float32(algorithm.clip),
            float(algorithm.output_scale),
            machine.linear,
        )
        train_epoch(
            self.latents,
            self.words,
            self.patterns.padded,
            self.patterns.words,
            np.array(patterns.labels),
            machine.output_signs,
            machine.n_inputs,
            order,
            algorithm.batch_size,
            rule,
            self._pulls(learning_rate, epoch),
        )

    def _pulls(self, learning_rate: float, epoch: int) -> NDArray[np.float32]:
        """Coupling in the gradient step, after a mini-batch, after an epoch; at most one is not zero."""
        pulls = np.zeros(3, np.float32)
        if isinstance(self.algorithm, RSGD):
            forms = ("in_gradient", "after_batch", "after_epoch")
            pulls[forms.index(self.algorithm.coupling_form)] = learning_rate * self.algorithm.pull(epoch)
        return pulls

    def centre(self) -> Latents:
        """Mean of the replicas' latents, (H, N)."""
        return self.latents.mean(axis=0)[:, : self.machine.n_inputs]

    def error_counts(self) -> list[int]:
        """Errors of the centre, then of each replica (of the run alone, twice, if there is one)."""
        replicas = [count_words(self.machine, words, self.patterns) for words in self.words]
        centre = replicas[0] if len(replicas) == 1 else count_words(self.machine, pack(self.centre()), self.patterns)
        return [centre, *replicas]

    def solution(self, history: NDArray[np.float64]) -> Solution:
        """The centre of the replicas as a solution; history (epochs, 1 + R)."""
        shape = self.machine.weight_shape
        replicas = None
        if isinstance(self.algorithm, RSGD):
            signs = as_signs(self.latents[:, :, : self.machine.n_inputs])
            replicas = Replicas(
                weights=signs.reshape(-1, *shape),
                errors=np.array(self.error_counts()[1:]) / self.patterns.n_patterns,
                history=history[:, 1:],
                spread=_mean_distance(self.words, self.machine.n_weights),
            )
        latents = np.ascontiguousarray(self.centre()).reshape(shape)
        return Solution(self.machine, as_signs(latents), latents, history[:, 0], replicas, self.algorithm)


def _window(machine: Machine, ste_window: float) -> int:
    """The largest |w . x| whose pre-activation |w . x| / sqrt(N) passes gradient; all of them for the perceptron."""
    n = machine.n_inputs
    root = math.sqrt(n)
    if machine.linear or ste_window >= root:
        return n
    candidate = math.floor(ste_window * root) + 1
    while candidate / root > ste_window:
        candidate -= 1
    return candidate


def _checked_start(machine: Machine, start: Latents) -> Latents:
    try:
        latents = np.asarray(start, np.float32)
    except (TypeError, ValueError):
        raise InvalidInputError(f"start of type {type(start).__name__} is not an array of numbers") from None
    if latents.shape != machine.weight_shape or not np.all(np.isfinite(latents)):
        raise InvalidInputError(
            f"start of shape {latents.shape} is not a finite array of shape {machine.weight_shape}, as {machine} needs"
        )
    return latents.reshape(machine.n_hidden, machine.n_inputs)


def _mean_distance(words: Words, n_weights: int) -> float:
    """Mean Hamming distance between two of the replicas (R, H, W), as a fraction; 0 for one replica."""
    flat = words.reshape(len(words), -1)
    pairs = [(a, b) for a in range(len(flat)) for b in range(a)]
    return float(np.mean([row_distance(flat[a], flat[b]) for a, b in pairs])) / n_weights if pairs else 0.0
