import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
from binland.algorithms import training
from binland.algorithms.binarynet import SGD
from binland.bits import pack
from binland.kernels import preactivations
from binland.kernels import training as kernels
from binland.kernels.walk import n_errors
from tests.problems import problems, signs


def expected(problem, weights, window):
    """Levels (P,) and windows (P, H) of weights (H, N), by a product of matrices."""
    machine, inputs = problem.machine, problem.patterns.inputs.astype(np.int64)
    fields = inputs @ weights.T.astype(np.int64)
    if machine.linear:
        return (fields[:, 0] + machine.n_inputs) // 2, np.abs(fields) <= machine.n_inputs
    outputs = np.array(machine.output_signs)
    votes = outputs * np.where(fields >= 0, 1, -1)
    return np.sum(votes > 0, axis=1), np.abs(fields) / math.sqrt(machine.n_inputs) <= window


def bits(words, places):
    """Bits of words (any, H) at places (B,), as (B, H) bool."""
    return (words[places >> 6] >> (places & 63).astype(np.uint64)[:, None] & np.uint64(1)).astype(bool)


@settings(max_examples=30)
@given(problems(max_patterns=600), st.sampled_from([0.2, 1.0, 2.5, math.inf]), st.integers(0, 40))
def test_counters_that_follow_flips_and_those_computed_anew_are_right(problem, window, flips):
    machine, patterns, rng = problem.machine, problem.patterns, problem.rng
    run = training._Run(machine, patterns, SGD(ste_window=window), [rng], None)
    outputs = machine.output_signs
    weights = np.where(run.integers()[0] >= 0, 1, -1)
    batch = rng.permutation(patterns.n_patterns)
    for _ in range(3):
        for place in rng.integers(0, weights.size, flips):
            weights.flat[place] *= -1
        run.state.words[0] = pack(weights)
        levels, inside = expected(problem, weights, window)
        preactivations.follow_flips(outputs, patterns.rows, run.edges, run.state, 0)
        counters, most = (
            (run.state.fields[0, :, 0], machine.n_inputs) if machine.linear else (run.state.votes[0], machine.n_hidden)
        )
        found = np.empty(len(batch), np.int64)
        preactivations.levels_into(counters, batch, most, found)
        assert np.array_equal(found, levels[batch])
        assert np.array_equal(bits(run.state.inside[0], batch), inside[batch])
        wrong = (2 * levels >= most) != (patterns.labels > 0)
        blocks = zip(run.state.votes[0], patterns.negative, patterns.real, strict=True)
        assert sum(n_errors(*block) for block in blocks) == np.sum(wrong)
        scratch = training._scratch(machine, 1, len(batch), len(batch))
        preactivations.arrange(patterns.words, batch, scratch.stacks)
        preactivations.compute(
            run.state.words[0], scratch.stacks, outputs, machine.n_inputs, run.window, machine.linear, scratch.levels,
            scratch.inside,
        )  # fmt: skip
        assert np.array_equal(scratch.levels[: len(batch)], levels[batch])
        assert np.array_equal(bits(scratch.inside, np.arange(len(batch))), inside[batch])


def test_a_run_does_not_depend_on_which_way_is_taken(monkeypatch):
    """In plain Python, where the choice can be forced."""
    machine, patterns = bl.CommitteeMachine(65, 7), bl.Patterns.random(300, 65, seed=0)
    run = training._Run(machine, patterns, SGD(batch_size=70), [np.random.default_rng(1)], None)
    examples, rule, batch = training._examples(patterns, patterns), run._rule(1.0), np.arange(5, 75)
    look, ways = kernels.look.py_func, []
    for following in (True, False):
        run.state.words[0] = pack(signs(np.random.default_rng(2), (7, 65)))
        run.state.inside[0] ^= np.uint64(0) if following else ~np.uint64(0)  # not to be read if computed anew
        monkeypatch.setitem(look.__globals__, "worth_following", lambda *_, chosen=following: chosen)
        look(batch, rule.steps[0], machine.output_signs, 65, examples, rule, run.state, 0, run.scratch)
        live = int(run.scratch.ends[0, run.scratch.n_portions[0] - 1])
        assert live > 20
        ways.append((run.scratch.steps[0, :live].tolist(), run.scratch.places[0, : -(-live // 4)].tolist()))
    assert ways[0] == ways[1]
