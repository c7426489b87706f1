"""Simulated annealing: from patterns and settings to a solution, one thread per run."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from binland.algorithms.annealing import SimulatedAnnealing
from binland.algorithms.training import Latents, mean_distance
from binland.bits import WORD, Signs, Words, aligned_copy, as_signs, blocks, random_signs
from binland.callbacks import Callback, TrainingState, ended_by
from binland.checks import checked_memory, finite_float32
from binland.data import Patterns
from binland.kernels.annealing import State, anneal
from binland.kernels.vectors import WIDTH
from binland.models import Machine, Replicas, Solution, check_fit
from binland.rng import Seed, generator
from binland.theory.gaussian import log_two_cosh

AT_ONCE = 2**16  # tries whose random numbers are drawn together
COLDEST = 1e-300  # replaces the temperature 0, to divide by it
BYTES = 48  # bytes of memory per weight, per random number of it, and per counter of a unit


def run(
    machine: Machine,
    patterns: Patterns,
    algorithm: SimulatedAnnealing,
    seed: Seed,
    start: Latents | None = None,
    callback: Callback | None = None,
) -> Solution:
    """Anneal a machine; the arguments are those of `binland.fit`. callback: called at every record of the history.

    Raises InvalidInputError if the patterns or the start do not fit the machine, or beyond this machine's memory.
    """
    check_fit(machine, patterns)
    start_rng, *streams = generator(seed, "fit").spawn(3)
    weights = _first(machine, patterns, algorithm, start_rng, start)
    state = state_of(machine, weights, patterns, algorithm.energy == "stability", algorithm.margin)
    history: list[list[int]] = []

    def solution(_: int = 0) -> Solution:
        counts = np.array(history, np.int64).reshape(-1, 1 + len(weights))
        return replace(_solution(machine, state, patterns, counts), algorithm=algorithm)

    for first, last in _stretches(algorithm):
        for sweeps in _portions(first, last, weights.size):
            if not _anneal(state, algorithm, sweeps, streams):
                break
        history.append([one.error_count(patterns) for one in found(machine, state)])
        if callback is not None:
            errors = np.array(history[-1:]) / patterns.n_patterns
            replicas = errors[:, 1:] if algorithm.replicas > 1 else None
            told = TrainingState("training", last, algorithm.sweeps, errors[:, 0], replicas, solution)
            if ended_by(callback, told):
                break
        if algorithm.stop_at_zero_error and history[-1][0] == 0:
            break
    return solution()


def _first(
    machine: Machine,
    patterns: Patterns,
    algorithm: SimulatedAnnealing,
    rng: np.random.Generator,
    start: Latents | None,
) -> Signs:
    """Initial weights (R, H, N): random, or the signs of the start. Memory is checked first."""
    shape = (algorithm.replicas, machine.n_hidden, machine.n_inputs)
    what = f"annealing {machine.n_weights} weights {algorithm.replicas} times on {patterns.n_patterns} patterns"
    counters = machine.n_hidden * (patterns.n_patterns + WORD * WIDTH)
    checked_memory(what, BYTES * algorithm.replicas * (counters + machine.n_weights))
    if start is None:
        return random_signs(rng, shape)
    return np.broadcast_to(as_signs(finite_float32("start", start, machine.weight_shape)).reshape(shape[1:]), shape)


def _stretches(algorithm: SimulatedAnnealing) -> Iterator[tuple[int, int]]:
    """Range of sweeps between two records: the first sweep, and the one after the last."""
    count = algorithm.n_records
    for k in range(count):
        yield algorithm.sweeps * k // count, algorithm.sweeps * (k + 1) // count


def _portions(first: int, last: int, size: int) -> Iterator[NDArray[np.int64]]:
    """The sweeps of a range in portions whose random numbers are drawn together."""
    step = max(1, AT_ONCE // size)
    for begin in range(first, last, step):
        yield np.arange(begin, min(begin + step, last))


def _anneal(
    state: State, algorithm: SimulatedAnnealing, sweeps: NDArray[np.int64], streams: list[np.random.Generator]
) -> bool:
    """Make some sweeps; returns False if zero energy ended them early."""
    place_rng, threshold_rng = streams
    tries = (len(sweeps), state.weights.size)
    linear = algorithm.energy == "stability"
    made = anneal(
        place_rng.integers(state.weights.size, size=tries),
        threshold_rng.standard_exponential(tries),
        betas(algorithm, sweeps, step_of(state, linear)),
        bonuses(algorithm, sweeps),
        linear,
        algorithm.stop_at_zero_error and algorithm.replicas == 1,
        state,
    )
    return bool(made == math.prod(tries))


def step_of(state: State, linear: bool) -> float:
    """Energy of one integer step: 1 for errors, 2 / sqrt(N) or 2 / sqrt(H) for stabilities."""
    _, h, n = state.weights.shape
    return 2 / math.sqrt(n if h == 1 else h) if linear else 1.0


def betas(algorithm: SimulatedAnnealing, sweeps: NDArray[np.int64], step: float) -> NDArray[np.float64]:
    """Inverse temperature of each sweep, per integer step of the energy."""
    done = sweeps / max(algorithm.sweeps, 1)
    temperatures = algorithm.temperature * (1 - done) + algorithm.final_temperature * done
    return step / np.maximum(temperatures, COLDEST)


def bonuses(algorithm: SimulatedAnnealing, sweeps: NDArray[np.int64]) -> NDArray[np.float64]:
    """ln cosh(gamma (k - 2)) - ln cosh(gamma k) for k = -R, ..., R, at the gamma of each sweep: (S, 2 R + 1)."""
    gamma = algorithm.coupling * (sweeps / max(algorithm.sweeps, 1))[:, None]
    k = np.arange(-algorithm.replicas, algorithm.replicas + 1)
    return _log_cosh(gamma * (k - 2)) - _log_cosh(gamma * k)


def _log_cosh(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return log_two_cosh(x) - math.log(2)


def state_of(machine: Machine, weights: Signs, patterns: Patterns, linear: bool, margin: float = 0.0) -> State:
    """State of the kernel for replicas (R, H, N) int8 of a machine, computed from scratch.

    linear: the energy is "stability" with that margin; else it is the number of errors.
    """
    outputs, n, h = machine.output_signs, machine.n_inputs, machine.n_hidden
    lack = steps(margin, n if h == 1 else h) if linear else 0
    counters = [_counters(machine, one, patterns) for one in _solutions(machine, weights)]
    fields = np.array([some for some, _ in counters]) - (lack if h == 1 else 0)
    votes = np.array([some for _, some in counters]) - (lack if h > 1 else 0)
    top = fields[:, 0] if h == 1 else votes
    energies = np.maximum(-top, 0).sum(axis=1) if linear else np.count_nonzero(top < 0, axis=1)
    every = np.ones(patterns.n_patterns)
    falling, rising = critical(fields, linear and h == 1)
    held, missed = critical(votes, linear) if h > 1 else (np.tile(every, (len(weights), 1)),) * 2
    turned = np.array(weights * outputs[:, None], np.int8)
    return State(
        rows=_packed(patterns.inputs.T * patterns.labels),
        real=_packed(every),
        weights=turned,
        sums=turned.sum(axis=0, dtype=np.int64).reshape(-1),
        fields=_sliced(fields, (n + 2 * lack).bit_length()),
        falling=_packed(falling),
        rising=_packed(rising),
        votes=_sliced(votes, (h + 2 * lack).bit_length()),
        held=_packed(held),
        missed=_packed(missed),
        energies=energies.astype(np.int64),
    )


def steps(margin: float, size: int) -> int:
    """Number of integer steps from the smallest positive sum of `size` signs to the margin, in units of sqrt(size)."""
    return max(0, math.ceil((margin * math.sqrt(size) - 1) / 2))


def _counters(machine: Machine, solution: Solution, patterns: Patterns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counters of the units (H, P) and of the machine (P,): negative where the vote is against the label.

    An output weight or label of -1 is applied as the complement ~c = -c - 1, so that ties (0) change sides with it.
    """
    n, h = machine.n_inputs, machine.n_hidden
    agreeing = (solution.preactivations(patterns).astype(np.int64) + n) // 2 - (n + 1) // 2
    positive = np.where(machine.output_signs[:, None] > 0, agreeing, ~agreeing)
    votes = np.count_nonzero(positive >= 0, axis=0) - (h + 1) // 2
    return np.where(patterns.labels > 0, positive, ~positive), np.where(patterns.labels > 0, votes, ~votes)


def critical(counters: NDArray[np.int64], linear: bool) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """1 where the energy grows if a counter falls, and 1 where it shrinks if a counter rises; elsewhere -1."""
    falling, rising = (counters <= 0, counters < 0) if linear else (counters == 0, counters == -1)
    return 2 * falling.astype(np.int8) - 1, 2 * rising.astype(np.int8) - 1


def _packed(signs: NDArray[np.generic]) -> Words:
    """Signs (..., P) packed into words (..., B), B a multiple of WIDTH, padded with 0."""
    words = blocks(signs, WIDTH)
    return aligned_copy(words.reshape(*words.shape[:-2], -1))


def _sliced(values: NDArray[np.int64], n: int) -> Words:
    """Integers (..., P) as bit planes (..., n, B) in two's complement."""
    return aligned_copy(np.stack([_packed((values >> j & 1) - 1) for j in range(n)], axis=-2))


def _solutions(machine: Machine, weights: Signs) -> list[Solution]:
    return [Solution(machine, one.reshape(machine.weight_shape)) for one in weights]


def found(machine: Machine, state: State) -> list[Solution]:
    """The centre and then the replicas, as solutions."""
    centre = as_signs(machine.output_signs * state.sums.reshape(machine.n_hidden, -1).T).T
    return _solutions(machine, np.array([centre, *state.weights * machine.output_signs[:, None]]))


def _solution(machine: Machine, state: State, patterns: Patterns, history: NDArray[np.int64]) -> Solution:
    """The centre with its history, and the replicas if there are several; history: (records, 1 + R) error counts."""
    centre, *others = found(machine, state)
    errors, replicas = history / patterns.n_patterns, None
    if len(others) > 1:
        weights = np.array([one.weights for one in others])
        last = np.array([one.error(patterns) for one in others])
        replicas = Replicas(weights, last, errors[:, 1:], mean_distance(weights))
    return Solution(machine, centre.weights, None, errors[:, 0], replicas)
