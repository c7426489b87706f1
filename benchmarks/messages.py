"""Messages per second, and focusing BP beside NumPy: `python benchmarks/messages.py [--tiny] [--repeat 7]`.

One thread, in seconds of CPU time, so that other work on the machine counts little. The bound of a sweep is its
arithmetic, counted in the loops of `kernels/messages.py`, over the rate of a loop that does nothing else; memory (16
bytes for a message that is read and written) is measured beside it. The NumPy twin makes the messages of the published
equations, two normal tails for each, in the same schedule; both are checked to solve the instance.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numba
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import log_ndtr

import binland as bl
from binland.kernels.messages import LANES
from binland.messages import Messages

# Of a message: difference, tanh (27 for e^x, 4 for the quotient), x m and m^2 with their sums, message, maximum.
OPERATIONS = 1 + 31 + 4 + 9 + 2
SIZES = [(bl.Perceptron(2001), 1200), (bl.Perceptron(201), 120), (bl.CommitteeMachine(501, 5), 1002)]
TINY = [(bl.Perceptron(101), 60), (bl.CommitteeMachine(33, 3), 30)]


@numba.njit(error_model="numpy")
def _run_polynomials(values, rounds):
    """rounds of 39 operations on floats in the level 1 cache: four polynomials side by side."""
    for _ in range(rounds):
        for i in range(values.shape[0]):
            x = values[i]
            a, b, c, d = x, x + 0.1, x + 0.2, x + 0.3
            for _ in range(4):
                a, b, c, d = a * x + 0.1, b * x + 0.2, c * x + 0.3, d * x + 0.4
            values[i] = 0.1 * ((a + b) + (c + d))


@numba.njit
def _run_memory(values):
    for i in range(values.shape[0]):
        values[i] += 1.0


def best(call: Callable[[], object], repeat: int) -> float:
    """Least seconds of a call, after one that is not counted."""
    return min(seconds(call, repeat))


def seconds(call: Callable[[], object], repeat: int) -> list[float]:
    """Of each call, after one that is not counted."""
    call()
    found = []
    for _ in range(repeat):
        began = time.thread_time()
        call()
        found.append(time.thread_time() - began)
    return found


def peaks(repeat: int) -> tuple[float, float]:
    """float64 operations per second from the level 1 cache, and bytes read and written per second in memory."""
    values, large = np.full(1024, 0.5), np.zeros(2**23)
    rounds = 2000
    arithmetic = 39 * len(values) * rounds / best(lambda: _run_polynomials(values, rounds), repeat)
    return arithmetic, 16 * len(large) / best(lambda: _run_memory(large), repeat)


def sweeps(sizes: list[tuple[bl.Perceptron | bl.CommitteeMachine, int]], repeat: int, console: Console) -> None:
    """Messages per second of one sweep, beside the bounds."""
    arithmetic, memory = peaks(repeat)
    table = Table("machine", "P", "messages / s", "best", "bound: operations", "bound: memory", box=None)
    for machine, count in sizes:
        patterns = bl.Patterns.random(count, machine.n_inputs, 0)
        messages = Messages(machine, patterns, "gaussian", np.random.default_rng(0), 0.01)
        taken = seconds(messages.sweep, repeat)
        made = count * machine.n_weights
        filled = -(-machine.n_inputs // LANES) * LANES / machine.n_inputs
        bounds = [arithmetic / OPERATIONS / filled, memory / 16 / filled]
        rates = [made / statistics.median(taken), made / min(taken), *bounds]
        table.add_row(str(machine), str(count), *(f"{rate / 1e6:.0f} M" for rate in rates))
    console.print(f"Peaks on one thread: {arithmetic / 1e9:.1f} G operations / s, {memory / 1e9:.1f} GB / s.")
    console.print(table)


def focusing_in_numpy(patterns: bl.Patterns, steps: int, seed: int) -> bl.Solution:
    """The published equations, a pattern at a time; the schedule of `bl.FBP`."""
    focusing = bl.FBP(steps=steps)
    stays, rng, n = focusing.damping, np.random.default_rng(seed), patterns.n_inputs
    inputs, labels = patterns.inputs.astype(float), patterns.labels.astype(float)
    messages, fields = rng.uniform(-0.01, 0.01, inputs.shape), np.zeros(n)
    totals = messages.sum(axis=0)
    for gamma, replicas in focusing.schedule():
        coupled = np.tanh(gamma)
        # Weights between patterns, in random order: all that follow one pattern at once.
        after = rng.integers(0, len(inputs), n)
        for place, p in enumerate(rng.permutation(len(inputs))):
            x = inputs[p]
            cavity = totals - messages[p]
            m = np.tanh(cavity)
            mean, width = m @ x, np.sum(1 - m**2)
            without, root = mean - x * m, np.sqrt(width - (1 - m**2))
            plus, minus = (log_ndtr(labels[p] * (without + sign) / root) for sign in (1, -1))
            new = x * (plus - minus) / 2
            messages[p] = stays * messages[p] + (1 - stays) * new
            totals = cavity + messages[p]
            chosen = np.flatnonzero(after == place)
            free = totals[chosen] - fields[chosen]
            replica = np.arctanh(np.tanh(free) * coupled)  # of one other
            new = np.arctanh(np.tanh((replicas - 1) * replica) * coupled)
            fields[chosen] = stays * fields[chosen] + (1 - stays) * new
            totals[chosen] = free + fields[chosen]
        solution = bl.Solution(bl.Perceptron(n), np.where(totals >= 0, 1, -1))
        if solution.error_count(patterns) == 0:
            break
    return solution


def focusing(n_inputs: int, alpha: float, console: Console) -> None:
    """Ours and the twin on one instance, each to its end."""
    patterns = bl.Patterns.random(round(alpha * n_inputs), n_inputs, 0)
    machine = bl.Perceptron(n_inputs)
    bl.fit(machine, patterns, bl.FBP(steps=1), 0)  # compiles
    took = []
    for solve in (lambda: bl.fit(machine, patterns, bl.FBP(), 0), lambda: focusing_in_numpy(patterns, 100, 0)):
        began = time.thread_time()
        errors = solve().error_count(patterns)
        took.append(time.thread_time() - began)
        assert errors == 0, "not solved"
    console.print(
        f"Focusing BP, N = {n_inputs}, alpha = {alpha}: {took[0]:.3g} s; NumPy {took[1]:.3g} s; ratio"
        f" {took[1] / took[0]:.1f}. Both solve it."
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="messages per second, and focusing BP beside NumPy")
    parser.add_argument("--tiny", action="store_true", help="small sizes: that it works, not how fast")
    parser.add_argument("--repeat", type=int, default=7)
    arguments = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 160)
    sweeps(TINY if arguments.tiny else SIZES, arguments.repeat, console)
    focusing(*((201, 0.5) if arguments.tiny else (2001, 0.6)), console)


if __name__ == "__main__":
    main()
