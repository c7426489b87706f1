"""Where an epoch of BinaryNet goes: `python benchmarks/training_parts.py [--tiny]`.

The kernel's own parts with a clock between them: shares of live patterns (a split signal counts as several), flips in
a mini-batch, and the median time of each part of a mini-batch, at some epochs of a run. Beside them the bound: the
16-bit additions of the tables and of their entries that live patterns ask for, three operations more per latent (as
32 bits, added, its sign) and the coupling's eight, at the rate of a loop of additions that does nothing else on this
machine (`peaks.py`).
"""

import argparse
import ctypes
import statistics

import numba
import numpy as np
from peaks import measure
from rich.console import Console
from rich.table import Table

import binland as bl
from binland.algorithms import training
from binland.algorithms.binarynet import ADV, RSGD, SGD
from binland.kernels import preactivations
from binland.kernels import training as kernels
from binland.kernels.walk import shuffle_into
from binland.rng import generator

_clock_gettime = ctypes.CDLL(None).clock_gettime
_clock_gettime.argtypes, _clock_gettime.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_int
MONOTONIC = 1


@numba.njit
def _now(stamp):
    _clock_gettime(MONOTONIC, stamp.ctypes)
    return stamp[0] * 1e9 + stamp[1]


@numba.njit
def _epoch(state, examples, outputs, n_inputs, order, batch_size, rule, shares, scratch, counts, nanoseconds):
    """`kernels.train_epoch` with a clock; counts (batches, 2): live patterns, flips; nanoseconds (batches, 3)."""
    replicas, n_patterns = order.shape
    stamp = np.empty(2, np.int64)
    for number, start in enumerate(range(0, n_patterns, batch_size)):
        end = start + batch_size >= n_patterns
        before = state.words.copy()
        began = _now(stamp)
        for r in range(replicas):
            batch = order[r, start : start + batch_size]
            kernels.look(batch, rule.steps[1 if end else 0], outputs, n_inputs, examples, rule, state, r, scratch)
            scratch.reaches[r] = min(scratch.reaches[r], rule.clip) + scratch.moves[r]
            counts[number, 0] += scratch.ends[r, scratch.n_portions[r] - 1] if scratch.n_portions[r] else 0
        nanoseconds[number, 0] = _now(stamp) - began
        share = max(shares[1], shares[2] if end else 0)
        for tile in range(state.latents.shape[0]):
            latents = state.latents[tile]
            began = _now(stamp)
            kernels.move(outputs, n_inputs, rule, np.int32(0), latents, state.words, tile, scratch)
            nanoseconds[number, 1] += _now(stamp) - began
            if share > 0:
                began, present = _now(stamp), kernels.columns(n_inputs, tile)
                kernels.couple(latents, share, present, state.words, tile)
                nanoseconds[number, 2] += _now(stamp) - began
        for r in range(replicas):
            counts[number, 1] += preactivations.n_flips(before[r], state.words[r])
    for r in range(replicas):  # as every epoch ends, which counts errors
        preactivations.follow_flips(outputs, examples.rows, rule.edges, state, r)


def rows(name, algorithm, machine, patterns, epochs, peaks):
    """One line for each of some epochs (phases of ADV one after the other)."""
    replicas = algorithm.replicas if isinstance(algorithm, RSGD) else 1
    labels, *streams = generator(0, "fit").spawn(1 + replicas)
    run = training._Run(machine, patterns, algorithm, streams, None)
    phases = [("", patterns, algorithm.learning_rate, algorithm.epochs)]
    if isinstance(algorithm, ADV):
        noise = patterns.with_random_labels(labels)
        phases.insert(0, (" random labels", noise, algorithm.pretrain_learning_rate, algorithm.pretrain_epochs))
    for phase, data, rate, total in phases:
        examples, rule = training._examples(patterns, data), run._rule(rate)
        for epoch in range(total):
            order, shares = np.tile(np.arange(data.n_patterns), (replicas, 1)), run._shares(rate, epoch)
            for row, rng in zip(order, streams, strict=True):
                shuffle_into(rng.random(data.n_patterns), row)
            fixed = (run.state, examples, machine.output_signs, machine.n_inputs, order, algorithm.batch_size, rule)
            if epoch not in epochs and epoch != total - 1:
                kernels.train_epoch(*fixed, shares, run.scratch)
                for r in range(replicas):
                    preactivations.follow_flips(machine.output_signs, patterns.rows, run.edges, run.state, r)
                continue
            n_batches = -(-data.n_patterns // algorithm.batch_size)
            counts, nanoseconds = np.zeros((n_batches, 2), np.int64), np.zeros((n_batches, 3))
            _epoch(*fixed, shares, run.scratch, counts, nanoseconds)
            whole = slice(0, max(1, n_batches - 1))  # the last one may be short
            live, flips = counts[whole].mean(axis=0) / replicas
            times = [statistics.median(part) / 1e3 for part in nanoseconds[whole].T]
            each = (live / 4 * (machine.n_hidden + 16) / 2 + 3 * machine.n_hidden) * machine.n_inputs
            coupling = 8 * machine.n_weights * replicas if shares.any() else 0
            bound = 1e6 * (replicas * each + coupling) / peaks["additions"]
            yield [
                name + phase, str(epoch), f"{live / min(algorithm.batch_size, data.n_patterns):.3f}", f"{flips:.1f}",
                *(f"{t:.1f}" for t in times), f"{sum(times):.1f}", f"{bound:.1f}", f"{bound / sum(times):.2f}",
            ]  # fmt: skip


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description="parts of an epoch")
    parser.add_argument("--tiny", action="store_true", help="small sizes: that it works, not how fast")
    tiny = parser.parse_args().tiny
    peaks, console = measure(), Console(width=None if Console().is_terminal else 160)
    for n, h, p, d in [(101, 11, 151, 51)] if tiny else [(1001, 101, 1503, 501), (2001, 101, 1503, 501)]:
        patterns = bl.HiddenManifold(n, d, seed=0).sample(p, seed=1)
        machine = bl.CommitteeMachine(n, h)
        table = Table(
            "algorithm", "epoch", "live", "flips", "forward", "step", "couple", "sum", "bound", "of it", box=None
        )
        table.title = (
            f"N = {n}, H = {h}, P = {p}; per replica: live patterns of a batch, flips; microseconds of a batch"
        )
        for name, algorithm in {
            "SGD": SGD(),
            "SGD, logit / sqrt(H)": SGD(output_scale=h**-0.5),
            "RSGD": RSGD(),
            "RSGD, logit / sqrt(H)": RSGD(output_scale=h**-0.5),
            "ADV": ADV(),
        }.items():
            for row in rows(name, algorithm, machine, patterns, (0, 1, 2, 5, 10, 20, 50, 100), peaks):
                table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main()
