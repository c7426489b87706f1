"""BinaryNet: from patterns and the settings of SGD, RSGD or ADV to a solution, one thread per run."""

import math

import numpy as np
from numpy.typing import NDArray

from binland.algorithms.binarynet import ADV, RSGD, SGD
from binland.bits import Signs, aligned, aligned_copy, as_signs, n_words, pack
from binland.checks import checked_memory, finite_float32
from binland.data import Patterns
from binland.kernels.training import ENTRY, GROUP, PORTION, TILE, Scratch, StepRule, centre_into, train_epoch
from binland.kernels.vectors import WIDTH
from binland.models import Machine, Replicas, Solution, check_fit, count_words
from binland.rng import Seed, generator
from binland.walks import Counters

Latents = NDArray[np.float32]
BYTES = 16  # of memory for every latent: random numbers, rows, tiles


def train(machine: Machine, patterns: Patterns, algorithm: SGD, seed: Seed, start: Latents | None = None) -> Solution:
    """Train a machine with BinaryNet (paper, section 3.2 and appendix B); the arguments are those of `binland.fit`.

    Returns the binary weights with latents, train-error history and, for RSGD, the replicas.
    Raises InvalidInputError if the patterns or the start do not fit the machine, or beyond 2^24 inputs or hidden units
    or this machine's memory.
    """
    check_fit(machine, patterns)
    n_replicas = algorithm.replicas if isinstance(algorithm, RSGD) else 1
    checked_memory(f"training {machine.n_weights} weights {n_replicas} times", BYTES * machine.n_weights * n_replicas)
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
    """Latents, tile by tile, and packed signs of the replicas of one run; R = 1 but for RSGD."""

    def __init__(
        self,
        machine: Machine,
        patterns: Patterns,
        algorithm: SGD,
        streams: list[np.random.Generator],
        start: Latents | None,
    ):
        self.machine, self.patterns, self.algorithm, self.streams = machine, patterns, algorithm, streams
        n, h, replicas = machine.n_inputs, machine.n_hidden, len(streams)
        latents = np.empty((replicas, h, n), np.float32)
        if start is None:
            width = algorithm.init_bound(n, h)
            for replica, rng in zip(latents, streams, strict=True):
                replica[:] = rng.uniform(-width, width, (h, n))
        else:
            latents[:] = finite_float32("start", start, machine.weight_shape).reshape(h, n)
        np.clip(latents, -algorithm.clip, algorithm.clip, out=latents)
        self.words = pack(latents)
        padded = np.zeros((replicas, h, -(-n // TILE) * TILE), np.float32)
        padded[..., :n] = latents
        self.tiles = aligned_copy(padded.reshape(replicas, h, -1, TILE).transpose(2, 0, 1, 3))
        first = as_signs(latents[0])  # where the counters begin is indifferent: they follow
        self.counters = [Counters(machine, first, patterns) for _ in range(replicas + (replicas > 1))]
        self.scratch = _scratch(machine, replicas, min(algorithm.batch_size, patterns.n_patterns))

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
            self.tiles,
            self.words,
            self.patterns.words,
            np.array(patterns.labels),
            machine.output_signs,
            machine.n_inputs,
            order,
            algorithm.batch_size,
            rule,
            self._pulls(learning_rate, epoch),
            self.scratch,
        )

    def _pulls(self, learning_rate: float, epoch: int) -> NDArray[np.float32]:
        """Coupling in the gradient step, after a mini-batch, after an epoch; at most one is not zero."""
        pulls = np.zeros(3, np.float32)
        if isinstance(self.algorithm, RSGD):
            forms = ("in_gradient", "after_batch", "after_epoch")
            pulls[forms.index(self.algorithm.coupling_form)] = learning_rate * self.algorithm.pull(epoch)
        return pulls

    def latents(self) -> Latents:
        """(R, H, N)"""
        rows = self.tiles.transpose(1, 2, 0, 3).reshape(*self.words.shape[:2], -1)
        return np.array(rows[..., : self.machine.n_inputs], order="C")

    def error_counts(self) -> list[int]:
        """Errors of the centre, then of each replica (of the run alone, twice, if there is one)."""
        if len(self.words) == 1:
            return 2 * [self.counters[0].move_to(self.words[0])]
        centre = np.zeros_like(self.words[0])
        centre_into(self.tiles, self.machine.n_inputs, centre)
        return [counters.move_to(words) for counters, words in zip(self.counters, [centre, *self.words], strict=True)]

    def solution(self, history: NDArray[np.float64]) -> Solution:
        """The centre of the replicas as a solution; history (epochs, 1 + R)."""
        shape = self.machine.weight_shape
        latents = self.latents()
        replicas = None
        if isinstance(self.algorithm, RSGD):
            signs = as_signs(latents)
            replicas = Replicas(
                weights=signs.reshape(-1, *shape),
                errors=np.array([count_words(self.machine, words, self.patterns) for words in self.words])
                / self.patterns.n_patterns,
                history=history[:, 1:],
                spread=mean_distance(signs),
            )
        centre = latents.mean(axis=0).reshape(shape)
        return Solution(self.machine, as_signs(centre), centre, history[:, 0], replicas, self.algorithm)


def _scratch(machine: Machine, replicas: int, batch_size: int) -> Scratch:
    """Buffers for batches of up to batch_size patterns."""
    groups = -(-batch_size // (GROUP * PORTION)) * PORTION
    registers = -(-groups // WIDTH)
    h = machine.n_hidden
    return Scratch(
        words=aligned((replicas, n_words(machine.n_inputs), registers, GROUP, WIDTH), np.uint64),
        places=aligned((replicas, h, registers * WIDTH), np.uint16),
        fields=aligned((registers, GROUP, WIDTH), np.int64),
        signals=aligned((replicas, GROUP * groups), np.float32),
        tables=aligned((PORTION * ENTRY,), np.float32),
        sums=aligned((h * TILE,), np.float32),
        rates=aligned((h,), np.float32),
    )


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


def mean_distance(signs: Signs) -> float:
    """Mean Hamming distance between two of the replicas (R, ...), as a fraction; 0 for one replica."""
    pairs = [(a, b) for a in range(len(signs)) for b in range(a)]
    return float(np.mean([np.mean(signs[a] != signs[b]) for a, b in pairs])) if pairs else 0.0
