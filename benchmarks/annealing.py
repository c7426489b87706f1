"""Tries of simulated annealing a second, beside NumPy: `python benchmarks/annealing.py [--tiny] [--repeat 25]`.

A perceptron and the paper's committee machine, at a high and a low temperature, in states that were annealed to it. The
loop in NumPy does what one would write: int16 fields of all patterns, the change of the energy from those of one unit,
an update if the try is accepted. Both make the same tries with the same random numbers, and are checked to end in the
same weights. One thread, in one process, taking turns; medians. The bound counts the bits that a try looks at (a row
and four masks, of which two are counted) at the measured rate of comparing and counting; of accepted tries it
counts the logic of all planes.
"""

import argparse
import platform
import statistics
from dataclasses import dataclass

import numpy as np
from peaks import measure
from rich.console import Console
from rich.table import Table
from turns import in_turns, spread

import binland as bl
from binland.algorithms.metropolis import found, state_of
from binland.kernels.annealing import State, anneal


@dataclass
class Case:
    """A machine at a temperature, per step of its energy."""

    machine: bl.Perceptron | bl.CommitteeMachine
    patterns: bl.Patterns
    linear: bool
    temperature: float

    def tries(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Places, thresholds, inverse temperatures and bonuses, as the kernel takes them."""
        rng = np.random.default_rng(seed)
        places, thresholds = rng.integers(self.machine.n_weights, size=(1, count)), rng.standard_exponential((1, count))
        return places, thresholds, np.array([1 / self.temperature]), np.zeros((1, 3))

    def begin(self, sweeps: int) -> State:
        """A state that was cooled to the temperature."""
        shape = (1, self.machine.n_hidden, self.machine.n_inputs)
        signs = (2 * np.random.default_rng(0).integers(0, 2, shape) - 1).astype(np.int8)
        state = state_of(self.machine, signs, self.patterns, self.linear)
        for k in range(sweeps):
            places, thresholds, betas, bonuses = self.tries(self.machine.n_weights, k)
            anneal(places, thresholds, betas * (k + 1) / sweeps, bonuses, self.linear, False, state)
        return state

    def loop(self, start: bl.Solution, count: int, seed: int) -> tuple[np.ndarray, int]:
        """Weights and accepted tries, in NumPy. Odd sizes, output weights +1."""
        places, thresholds, betas, _ = self.tries(count, seed)
        weights, labels = start.units.astype(np.int16), self.patterns.labels.astype(np.int16)
        inputs = np.ascontiguousarray(self.patterns.inputs.T.astype(np.int16) * labels)
        fields, accepted, n = weights @ inputs, 0, weights.shape[1]
        votes = np.sum(np.sign(fields), axis=0)
        alone, linear = len(weights) == 1, self.linear

        def lack(total: np.ndarray) -> int:
            return int(np.sum(np.where(total < 0, (1 - total) // 2, 0))) if linear else int(np.count_nonzero(total < 0))

        energy = lack(fields[0] if alone else votes)
        for place, threshold in zip(places[0].tolist(), thresholds[0].tolist(), strict=True):
            h, i = divmod(place, n)
            field = fields[h] - 2 * weights[h, i] * inputs[i]
            total = field if alone else votes + np.sign(field) - np.sign(fields[h])
            after = lack(total)
            if betas[0] * (after - energy) <= threshold:
                fields[h], votes, energy, weights[h, i] = field, total, after, -weights[h, i]
                accepted += 1
        return weights, accepted


def bound(case: Case, state: State, rate: float, peaks: dict[str, float]) -> float:
    """Seconds of a try, of which a share is accepted."""
    bits = 64 * state.rows.shape[1]
    planes = state.fields.shape[2] + (state.votes.shape[1] if case.machine.n_hidden > 1 else 0)
    return bits * (2 / peaks["distances"] + rate * 6 * planes / peaks["logic"])


def cases(tiny: bool) -> list[tuple[str, Case]]:
    """Sizes and temperatures."""
    n, p = (201, 120) if tiny else (2001, 1200)
    storage, perceptron = bl.Patterns.random(p, n, seed=0), bl.Perceptron(n)
    n, d, p, h = (101, 51, 153, 11) if tiny else (1001, 501, 1503, 101)
    manifold, committee = bl.HiddenManifold(n, d, seed=0).sample(p, seed=1), bl.CommitteeMachine(n, h)
    return [
        ("perceptron, stability, hot", Case(perceptron, storage, True, 10.0)),
        ("perceptron, stability, cold", Case(perceptron, storage, True, 0.5)),
        ("perceptron, errors, hot", Case(perceptron, storage, False, 3.0)),
        ("perceptron, errors, cold", Case(perceptron, storage, False, 0.3)),
        ("committee, errors, hot", Case(committee, manifold, False, 3.0)),
        ("committee, errors, cold", Case(committee, manifold, False, 0.2)),
        ("committee, stability, cold", Case(committee, manifold, True, 0.2)),
    ]


def main() -> None:
    """Check, time, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second")
    parser.add_argument("--repeat", type=int, default=25)
    given = parser.parse_args()
    console, peaks = Console(width=130), measure()
    console.print(f"{platform.processor() or platform.machine()}, NumPy {np.__version__}, one thread")
    table = Table(title="tries of simulated annealing")
    for name in ("", "N, H, P", "accepted", "a try", "tries a second", "of the bound", "NumPy, a try", "NumPy / ours"):
        table.add_column(name)
    few, many = (200, 20_000) if given.tiny else (500, 20_000)
    for name, case in cases(given.tiny):
        state = case.begin(3 if given.tiny else 20)
        start = found(case.machine, state)[0]
        weights, accepted = case.loop(start, few, 7)
        anneal(*case.tries(few, 7), case.linear, False, state)
        assert np.array_equal(found(case.machine, state)[0].units, weights), "NumPy ends elsewhere"
        tries = case.tries(many, 8)
        ours, theirs = in_turns(
            given.repeat,
            lambda tries=tries, case=case, state=state: anneal(*tries, case.linear, False, state),
            lambda case=case, start=start: case.loop(start, few, 7),
        )
        one, other = statistics.median(ours) / many, statistics.median(theirs) / few
        share = bound(case, state, accepted / few, peaks) / one
        machine = case.machine
        size = f"{machine.n_inputs}, {machine.n_hidden}, {case.patterns.n_patterns}"
        times = f"{1e9 * one:.1f} ns", f"{1 / one:.3g}", f"{share:.2f}", f"{1e6 * other:.1f} us", f"{other / one:.0f}"
        table.add_row(name, size, f"{100 * accepted / few:.1f} %", *times)
    console.print(table)
    rng = np.random.default_rng(0)
    (drawn,) = in_turns(given.repeat, lambda: (rng.integers(2001, size=many), rng.standard_exponential(many)))
    console.print(f"the random numbers of {many} tries, which are not in these times: {spread(drawn)}")


if __name__ == "__main__":
    main()
