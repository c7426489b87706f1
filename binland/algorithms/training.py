"""BinaryNet: training with SGD, RSGD or ADV, one thread per run."""

import math

import numpy as np
from numpy.typing import NDArray

from binland.algorithms.binarynet import ADV, RSGD, SGD
from binland.algorithms.fixed_point import TOP, as_integers, largest_step, share_of, uniform_integers, unit_of
from binland.bits import Signs, Words, aligned, aligned_copy, as_signs, n_words, pack
from binland.callbacks import Callback, Phase, TrainingState, ended_by
from binland.checks import checked_memory, finite_float32
from binland.data import Patterns
from binland.kernels.preactivations import windows_into
from binland.kernels.training import (
    ENTRY,
    GROUP,
    LARGEST,
    PORTION,
    Examples,
    Scratch,
    State,
    StepRule,
    steps_into,
    train_epochs,
)
from binland.kernels.vectors import LANES, WIDTH
from binland.models import Machine, Replicas, Solution, check_fit, count_words
from binland.rng import Seed, generator
from binland.walks import count_into, counter_bytes, empty_counters, n_planes

Latents = NDArray[np.float32]
AT_ONCE = 6 * 10**9  # signals times latents per call of the kernel; in between Python can handle interruptions
DRAWN = 2**20  # largest number of uniform numbers drawn for a call
BYTES = 24  # bytes of memory per latent for random numbers and rows; tiles are counted separately


def train(
    machine: Machine,
    patterns: Patterns,
    algorithm: SGD,
    seed: Seed,
    start: Latents | None = None,
    callback: Callback | None = None,
) -> Solution:
    """Train a machine with BinaryNet (paper, section 3.2 and appendix B); the arguments are those of `binland.fit`.

    Returns the binary weights with latents, train-error history and, for RSGD, the replicas.
    Raises InvalidInputError if the patterns or the start do not fit the machine, if the clip is out of proportion to
    the learning rate (`fixed_point.unit_of`), or from 2^24 inputs or hidden units on, or beyond this machine's memory.
    """
    check_fit(machine, patterns)
    n_replicas = algorithm.replicas if isinstance(algorithm, RSGD) else 1
    work, tiles = f"training {machine.n_weights} weights {n_replicas} times", n_words(machine.n_inputs) * LANES
    size = BYTES * machine.n_weights + 8 * machine.n_hidden * tiles
    checked_memory(work, size * n_replicas)
    parts = _n_parts(machine, algorithm, patterns.n_patterns) * (8 * n_words(machine.n_inputs) + machine.n_hidden)
    checked_memory(work, (size + counter_bytes(machine, patterns) + parts) * n_replicas)
    label_rng, *streams = generator(seed, "fit").spawn(1 + n_replicas)
    if start is not None:
        start = finite_float32("start", start, machine.weight_shape)
    run = _Run(machine, patterns, algorithm, streams, start, callback)
    if isinstance(algorithm, ADV):
        noise = patterns.with_random_labels(label_rng)
        run.train(noise, algorithm.pretrain_learning_rate, algorithm.pretrain_epochs, False, "pretraining")
    return run.solution(run.train(patterns, algorithm.learning_rate, algorithm.epochs, algorithm.stop_at_zero_error))


class _Run:
    """State of one run: latents in tiles, packed signs and counters of its R replicas (R = 1 except for RSGD)."""

    def __init__(
        self,
        machine: Machine,
        patterns: Patterns,
        algorithm: SGD,
        streams: list[np.random.Generator],
        start: Latents | None,
        callback: Callback | None = None,
    ):
        self.machine, self.patterns, self.algorithm, self.streams = machine, patterns, algorithm, streams
        self.callback, self.ended = callback, False  # by the callback
        self.unit = unit_of(machine, algorithm, patterns.n_patterns)
        self.clip = math.floor(algorithm.clip / self.unit)
        self.window = _window(machine, algorithm.ste_window)
        self.edges = _edges(machine.n_inputs, self.window)
        latents = self._first(start)
        self.state = _state(machine, patterns, latents)
        size, parts = min(algorithm.batch_size, patterns.n_patterns), _n_parts(machine, algorithm, patterns.n_patterns)
        self.scratch = _scratch(machine, len(streams), size, parts)
        work = parts * -(-patterns.n_patterns // size) * self.state.latents.size  # an epoch's
        drawn = len(streams) * patterns.n_patterns
        self.at_once = max(1, min(DRAWN // drawn, AT_ONCE // work)) if callback is None else 1  # epochs
        weights = as_signs(latents)
        for s in range(len(self.state.words)):  # the centre starts as a replica, and is updated
            self._start_counters(s, weights[s % len(streams)])

    def _start_counters(self, s: int, weights: Signs) -> None:
        """Compute counters, votes and windows of machine s from its weights (H, N)."""
        state, outputs = self.state, self.machine.output_signs
        count_into(weights, outputs, self.patterns, state.fields[s], state.signs[s], state.votes[s])
        units = np.arange(len(outputs), dtype=np.int64)
        for v, fields in enumerate(state.fields[s]):
            windows_into(fields, outputs, units, self.edges, state.inside[s, v * WIDTH : (v + 1) * WIDTH])

    def _first(self, start: Latents | None) -> NDArray[np.int32]:
        """Initial latents (R, H, N), in units."""
        n, h = self.machine.n_inputs, self.machine.n_hidden
        latents = np.empty((len(self.streams), h, n), np.int32)
        width = self.algorithm.init_bound(n, h)
        for replica, rng in zip(latents, self.streams, strict=True):
            if start is None:
                replica[:] = uniform_integers(rng, width, (h, n), self.unit, self.clip)
            else:
                replica[:] = as_integers(start.reshape(h, n), self.unit, self.clip)
        return latents

    def train(
        self, patterns: Patterns, learning_rate: float, epochs: int, stop: bool, phase: Phase = "training"
    ) -> NDArray[np.float64]:
        """Train on patterns that have the inputs of self.patterns; `stop` ends after the first epoch without an error.

        Returns train errors (epochs, 1 + R) after every epoch, of the centre and of each replica.
        """
        machine, n, replicas = self.machine, patterns.n_patterns, len(self.streams)
        rule, examples = self._rule(learning_rate), _examples(self.patterns, patterns)
        order = np.empty((replicas, n), np.int64)
        records = [np.empty((0, len(self.state.words)), np.int64)]
        for first in range(0, 0 if self.ended else epochs, self.at_once):
            some = range(first, min(first + self.at_once, epochs))
            uniforms = np.stack([rng.random((len(some), n)) for rng in self.streams])
            shares = np.array([self._shares(learning_rate, epoch) for epoch in some])
            errors = np.empty((len(some), len(self.state.words)), np.int64)
            done = train_epochs(
                self.state, examples, machine.output_signs, machine.n_inputs, uniforms, self.algorithm.batch_size, rule,
                shares, stop, self.scratch, order, errors,
            )  # fmt: skip
            records.append(errors[:done])
            self.ended = self._ended_by_callback(records, phase, epochs)
            if self.ended or (stop and errors[done - 1, 0] == 0):
                break
        return self._fractions(records)

    def _fractions(self, records: list[NDArray[np.int64]]) -> NDArray[np.float64]:
        """(epochs, 1 + R) train errors from counts (epochs, S)."""
        counts = np.concatenate(records)
        return (counts if len(self.streams) > 1 else counts.repeat(2, axis=1)) / self.patterns.n_patterns

    def _ended_by_callback(self, records: list[NDArray[np.int64]], phase: Phase, epochs: int) -> bool:
        """Tell the callback, if there is one, of the last epoch; of random labels it hears no errors."""
        if self.callback is None:
            return False
        known = records if phase == "training" else records[:1]
        last = self._fractions(records[-1:]) if phase == "training" else np.full((1, 1 + len(self.streams)), np.nan)
        replicas = last[:, 1:] if isinstance(self.algorithm, RSGD) else None
        return ended_by(
            self.callback,
            TrainingState(
                phase, len(records) - 1, epochs, last[:, 0], replicas, lambda _: self.solution(self._fractions(known))
            ),
        )

    def _rule(self, learning_rate: float) -> StepRule:
        return StepRule(self.clip, self.window, self.machine.linear, self.edges, self._steps(learning_rate))

    def _steps(self, learning_rate: float) -> NDArray[np.int32]:
        """Step sizes in units, by the level of the output, for patterns of a whole batch and of the last one."""
        machine, algorithm, p = self.machine, self.algorithm, self.patterns.n_patterns
        root = math.sqrt(machine.n_inputs)
        batch = min(algorithm.batch_size, p)
        slope = algorithm.output_scale / root if machine.linear else algorithm.output_scale
        steps = np.empty((2, 1 + (machine.n_inputs if machine.linear else machine.n_hidden)), np.int32)
        for row, size in zip(steps, (batch, p % batch or batch), strict=True):
            steps_into(learning_rate * algorithm.output_scale / (root * size * self.unit), slope, row)
        return steps

    def _shares(self, learning_rate: float, epoch: int) -> NDArray[np.int32]:
        """Coupling strengths in the gradient step, after a mini-batch, after an epoch; at most one is not zero."""
        shares, replicas = np.zeros(3, np.int32), len(self.streams)
        if isinstance(self.algorithm, RSGD) and replicas > 1:
            forms = ("in_gradient", "after_batch", "after_epoch")
            shares[forms.index(self.algorithm.coupling_form)] = share_of(learning_rate, self.algorithm, epoch)
        return shares

    def integers(self) -> NDArray[np.int32]:
        """Latents (R, H, N), in units."""
        rows = self.state.latents.transpose(1, 2, 0, 3).reshape(len(self.streams), self.machine.n_hidden, -1)
        return np.array(rows[..., : self.machine.n_inputs], order="C")

    def solution(self, history: NDArray[np.float64]) -> Solution:
        """The centre of the replicas as a solution; history: (epochs, 1 + R) train errors."""
        shape = self.machine.weight_shape
        latents = self.integers()
        replicas = None
        if isinstance(self.algorithm, RSGD):
            signs, words = as_signs(latents), self.state.words[: len(latents)]
            errors = [count_words(self.machine, one, self.patterns) for one in words]
            replicas = Replicas(
                weights=signs.reshape(-1, *shape),
                errors=np.array(errors) / self.patterns.n_patterns,
                history=history[:, 1:],
                spread=mean_distance(signs),
            )
        centre = latents.sum(axis=0, dtype=np.int64).reshape(shape) * (self.unit / len(latents))
        centre = centre.astype(np.float32)
        return Solution(self.machine, as_signs(centre), centre, history[:, 0], replicas, self.algorithm)


def _examples(inputs: Patterns, labels: Patterns) -> Examples:
    """The inputs of some patterns with the labels of others that have the same inputs."""
    return Examples(inputs.words, inputs.rows, labels.negative, inputs.real, np.array(labels.labels))


def _state(machine: Machine, patterns: Patterns, latents: NDArray[np.int32]) -> State:
    """State of the kernel: latents (R, H, N) in tiles, and buffers for counters."""
    replicas, h, n = latents.shape
    padded = np.zeros((replicas, h, -(-n // LANES) * LANES), np.int32)
    padded[..., :n] = latents
    machines = replicas + (replicas > 1)
    words = pack(latents[np.arange(machines) % replicas])
    fields, signs, votes = empty_counters(machine, patterns, machines)
    return State(
        latents=aligned_copy(padded.reshape(replicas, h, -1, LANES).transpose(2, 0, 1, 3)),
        words=words,
        standing=words.copy(),
        fields=fields,
        signs=signs,
        votes=votes,
        inside=aligned((machines, signs.shape[1] * WIDTH, h), np.uint64),
    )


def _n_parts(machine: Machine, algorithm: SGD, n_patterns: int) -> int:
    """Number of places for the signals of a batch in parts of at most LARGEST, with empty ones to fill groups."""
    size = min(algorithm.batch_size, n_patterns)
    most = size + largest_step(machine, algorithm) / unit_of(machine, algorithm, n_patterns)  # each is rounded
    return size + math.ceil(most / LARGEST) + GROUP


def _scratch(machine: Machine, replicas: int, batch_size: int, parts: int) -> Scratch:
    """Buffers for batches of up to batch_size patterns, whose signals are split into up to `parts` parts."""
    h, w, stacks = machine.n_hidden, n_words(machine.n_inputs), -(-batch_size // WIDTH)
    return Scratch(
        ends=np.zeros((replicas, -(-parts // GROUP) + 1), np.int64),
        n_portions=np.zeros(replicas, np.int64),
        moves=np.zeros(replicas, np.int64),
        reaches=np.full(replicas, TOP),
        words=aligned((replicas, w, parts), np.uint64),
        steps=aligned((replicas, parts), np.int16),
        places=aligned((replicas, -(-parts // GROUP), h), np.uint16),
        levels=aligned((stacks * WIDTH,), np.int64),
        stacks=aligned((stacks, w, WIDTH), np.uint64),
        inside=aligned((-(-stacks * WIDTH // 64), h), np.uint64),
        tables=aligned((replicas * PORTION * ENTRY,), np.int16),
        wide=np.zeros(replicas, np.bool_),
        wide_tables=aligned((replicas * PORTION * ENTRY,), np.int32),
    )


def _window(machine: Machine, ste_window: float) -> int:
    """The largest |w . x| for which |w . x| / sqrt(N) passes gradient; N for the perceptron."""
    n = machine.n_inputs
    root = math.sqrt(n)
    if machine.linear or ste_window >= root:
        return n
    candidate = math.floor(ste_window * root) + 1
    while candidate / root > ste_window:
        candidate -= 1
    return candidate


def _edges(n_inputs: int, window: int) -> Words:
    """Ends of the straight-through window in the form that `lanes.window` reads, (2, 2, n, WIDTH).

    First axis: units with output weight +1, and those with -1, whose counters are complemented. Second: lower and upper
    end. Each of the n digits is a word of all ones or all zeros; the sign digit and the whole lower end are inverted.
    """
    middle, n = (n_inputs + 1) // 2, n_planes(n_inputs)
    lowest, highest = (n_inputs - window + 1) // 2 - middle, (n_inputs + window) // 2 - middle
    ends = np.array([[~lowest, highest], [highest, ~lowest]]) ^ (1 << (n - 1))
    edges = aligned((2, 2, n, WIDTH), np.uint64)
    edges[:] = (-(ends[..., None] >> np.arange(n) & 1)).view(np.uint64)[..., None]
    return edges


def mean_distance(signs: Signs) -> float:
    """Mean Hamming distance between two of the replicas (R, ...), as a fraction; 0 for one replica."""
    pairs = [(a, b) for a in range(len(signs)) for b in range(a)]
    return float(np.mean([np.mean(signs[a] != signs[b]) for a, b in pairs])) if pairs else 0.0
