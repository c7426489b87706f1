"""Simulated annealing, plain and replicated."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import binland as bl
from binland.algorithms.metropolis import betas, bonuses, found, state_of, step_of
from binland.kernels.annealing import anneal
from tests.naive import annealing as twin
from tests.problems import problems, signs
from tests.sweep.small import settings as small_settings

TRAIN = bl.HiddenManifold(101, 41, seed=0).sample(130, seed=1)
MACHINES = [bl.Perceptron(101), bl.CommitteeMachine(101, 11), bl.CommitteeMachine(101, 4, (1, -1, 1, -1))]
SMALL = [
    bl.Perceptron(9),
    bl.Perceptron(8),
    bl.CommitteeMachine(3, 3),
    bl.CommitteeMachine(4, 2, (1, -1)),
]
ENERGIES = st.sampled_from(["errors", "stability"])


def replicas_of(problem, count):
    return signs(problem.rng, (count, problem.machine.n_hidden, problem.machine.n_inputs))


def tried(state, place, threshold, beta, gamma, linear, stop=False):
    """One try, at one temperature and coupling."""
    R = len(state.weights)
    coupled = bonuses(SimpleNamespace(coupling=2 * gamma, sweeps=2, replicas=R), np.ones(1))
    return anneal(np.array([[place]]), np.array([[threshold]]), np.array([beta]), coupled, linear, stop, state)


@given(
    problems(max_inputs=40, max_hidden=6, max_patterns=150),
    st.integers(1, 4),
    ENERGIES,
    st.sampled_from([0.0, 0.2, 1.0]),
    st.sampled_from([0.0, 0.3, 2.0]),
    st.sampled_from([0.0, 0.4, 2.5]),
)
def test_every_try_is_that_of_the_naive_twin(problem, R, kind, margin, beta, gamma):
    machine, patterns, rng = problem.machine, problem.patterns, problem.rng
    replicas, linear = replicas_of(problem, R), kind == "stability"
    state = state_of(machine, replicas, patterns, linear, margin)
    places, thresholds = rng.integers(0, replicas.size, 25), rng.standard_exponential(25)
    options = problem.outputs, patterns.inputs, patterns.labels, kind, margin, places, thresholds
    steps = twin.anneal(replicas, *options, np.full(25, beta), np.full(25, gamma))
    for place, threshold, (weights, energies) in zip(places, thresholds, steps, strict=True):
        assert tried(state, place, threshold, beta, gamma, linear) == 1
        assert np.array_equal(state.weights * machine.output_signs[:, None], weights)
        assert state.energies.tolist() == energies
    fresh = state_of(machine, weights.astype(np.int8), patterns, linear, margin)
    real = [np.bitwise_and(array, state.real) for array in (state.falling, state.rising, fresh.falling, fresh.rising)]
    assert np.array_equal(real[0], real[2])
    assert np.array_equal(real[1], real[3])
    for name in ("weights", "sums", "held", "missed", "energies"):
        assert np.array_equal(getattr(state, name), getattr(fresh, name)), name


def test_many_flips_over_several_registers_of_patterns():
    """Every counter at the end, at the sizes of a laptop; energies are the solutions'."""
    for machine, kind in ((bl.Perceptron(301), "stability"), (bl.CommitteeMachine(101, 21), "errors")):
        patterns, rng = bl.Patterns.random(700, machine.n_inputs, seed=1), np.random.default_rng(0)
        weights, linear = signs(rng, (2, machine.n_hidden, machine.n_inputs)), kind == "stability"
        state = state_of(machine, weights, patterns, linear, 0.2)
        places, thresholds = rng.integers(0, weights.size, (4, 5000)), rng.standard_exponential((4, 5000))
        assert anneal(places, thresholds, np.full(4, 0.1), np.zeros((4, 5)), linear, False, state) == 20_000
        _, *solutions = found(machine, state)
        now = np.array([solution.units for solution in solutions])
        assert np.mean(now != weights) > 0.3
        fresh = state_of(machine, now, patterns, linear, 0.2)
        assert np.array_equal(state.energies, fresh.energies)
        if kind == "errors":
            assert state.energies.tolist() == [solution.error_count(patterns) for solution in solutions]


# The ensemble


@pytest.mark.parametrize("kind", ["errors", "stability"])
@pytest.mark.parametrize("machine", SMALL, ids=str)
def test_weights_are_drawn_from_boltzmanns_law(machine, kind):
    """Chi-square against all 2^n weights; false-alarm rate 1e-4 for each of these 8 and 2 below, seeds are fixed."""
    check_law(machine, 1, kind, 0.0)


@pytest.mark.parametrize("machine", [bl.Perceptron(4), bl.CommitteeMachine(2, 2)], ids=str)
def test_replicas_are_drawn_from_the_robust_ensemble(machine):
    check_law(machine, 2, "errors", 0.6)


def check_law(machine, R, kind, gamma, samples=12_000, apart=8):
    """States of a long run, some sweeps apart, which is many times their memory at this temperature."""
    patterns, rng, beta = bl.Patterns.random(12, machine.n_inputs, seed=3), np.random.default_rng(5), 0.35
    shape, linear, outputs = (R, machine.n_hidden, machine.n_inputs), kind == "stability", machine.output_signs
    state = state_of(machine, signs(rng, shape), patterns, linear, 0.3)
    coupled = bonuses(SimpleNamespace(coupling=2 * gamma, sweeps=2, replicas=R), np.ones(apart))
    n, data = state.weights.size, (outputs.astype(int), patterns.inputs, patterns.labels, kind, 0.3, beta, gamma)
    counts, powers = np.zeros(2**n), 2 ** np.arange(n)
    for _ in range(samples):
        places, thresholds = rng.integers(0, n, (apart, n)), rng.standard_exponential((apart, n))
        anneal(places, thresholds, np.full(apart, beta), coupled, linear, False, state)
        counts[int(np.sum(powers * ((state.weights * outputs[:, None]).reshape(-1) > 0)))] += 1
    states = np.array([[1 if s >> k & 1 else -1 for k in range(n)] for s in range(2**n)]).reshape(-1, *shape)
    law = np.exp([twin.log_weight(one, *data)[0] for one in states])
    expected = samples * law / law.sum()
    rare = expected < 5
    observed = np.append(counts[~rare], counts[rare].sum()) if rare.any() else counts
    expected = np.append(expected[~rare], expected[rare].sum()) if rare.any() else expected
    assert len(expected) > 40
    assert stats.chisquare(observed, expected).pvalue > 1e-4
    assert stats.chisquare(observed, np.full(len(observed), samples / len(observed))).pvalue < 1e-12  # it would tell


# fit


@pytest.mark.parametrize("energy", ["errors", "stability"])
@pytest.mark.parametrize("replicas", [1, 3, 4])
@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_a_solution_carries_what_is_known_of_it(machine, replicas, energy):
    algorithm = bl.SimulatedAnnealing(
        sweeps=30, energy=energy, replicas=replicas, records=7, stop_at_zero_error=False, temperature=0.5
    )
    solution, again, other = (bl.fit(machine, TRAIN, algorithm, seed) for seed in (1, 1, 2))
    assert solution.algorithm is algorithm
    assert solution.latents is None
    assert solution.history.shape == (7,)
    assert solution.history[-1] == solution.error(TRAIN)
    assert np.array_equal(solution.weights, again.weights)
    assert not np.array_equal(solution.weights, other.weights)
    if replicas == 1:
        assert solution.replicas is None
        return
    found = solution.replicas
    assert np.array_equal(solution.weights, np.where(found.weights.sum(axis=0, dtype=int) >= 0, 1, -1))
    assert found.history.shape == (7, replicas)
    assert np.array_equal(found.history[-1], found.errors)
    assert found.errors.tolist() == [bl.Solution(machine, weights).error(TRAIN) for weights in found.weights]
    distances = [np.mean(a != b) for k, a in enumerate(found.weights) for b in found.weights[:k]]
    assert found.spread == pytest.approx(np.mean(distances))


def test_fit_is_the_naive_run():
    """Start, places, thresholds, temperatures and couplings, all drawn and scheduled as documented."""
    machine, patterns = bl.Perceptron(15), bl.Patterns.random(20, 15, seed=0)
    settings = {"temperature": 0.7, "final_temperature": 0.3, "stop_at_zero_error": False}
    algorithm = bl.SimulatedAnnealing(sweeps=4, replicas=3, coupling=1.5, **settings)
    solution = bl.fit(machine, patterns, algorithm, seed=8)
    start_rng, place_rng, threshold_rng = np.random.default_rng([8, int.from_bytes(b"fit", "big")]).spawn(3)
    begin = 2 * start_rng.integers(0, 2, (3, 1, 15), np.int8) - 1
    places, thresholds = place_rng.integers(45, size=180), threshold_rng.standard_exponential(180)
    sweep = np.repeat(np.arange(4), 45)
    beta, gamma = 2 / np.sqrt(15) / (0.7 - 0.4 * sweep / 4), 1.5 * sweep / 4
    data = np.ones(1, int), patterns.inputs, patterns.labels, "stability", algorithm.margin
    *_, (weights, _) = twin.anneal(begin, *data, places, thresholds, beta, gamma)
    assert np.array_equal(solution.replicas.weights, weights[:, 0])


def test_records_change_nothing_but_the_history():
    runs = [
        bl.fit(MACHINES[1], TRAIN, bl.SimulatedAnnealing(sweeps=60, records=records, stop_at_zero_error=False), 0)
        for records in (1, 7, 60, 100)
    ]
    assert [len(run.history) for run in runs] == [1, 7, 60, 60]
    assert all(np.array_equal(run.weights, runs[0].weights) for run in runs)
    assert runs[1].history.tolist() == runs[2].history[[60 * k // 7 - 1 for k in range(1, 8)]].tolist()


def test_a_run_ends_where_there_is_no_error():
    patterns = bl.Patterns.random(60, 201, seed=0)
    solution = bl.fit(bl.Perceptron(201), patterns, bl.SimulatedAnnealing(sweeps=2000), 0)
    assert solution.error(patterns) == 0
    assert len(solution.history) < 100
    assert np.all(solution.history[:-1] > 0)
    plain = bl.SimulatedAnnealing(sweeps=2000, energy="errors", temperature=0.3, records=1)
    first = bl.fit(MACHINES[1], TRAIN, plain, 0)
    assert first.error(TRAIN) == 0
    state = state_of(MACHINES[1], first.units[None], TRAIN, False)
    assert tried(state, 0, 1e9, 0.0, 0.0, False, stop=True) == 0  # nothing is tried at zero energy


def test_a_start_is_where_a_cold_run_begins():
    start = bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=3), 0)
    settings = {"temperature": 0, "final_temperature": 0, "energy": "errors", "stop_at_zero_error": False}
    cold = bl.SimulatedAnnealing(sweeps=5, records=5, **settings)
    solution = bl.fit(MACHINES[1], TRAIN, cold, 0, start=start.latents)
    assert np.all(np.diff([start.error(TRAIN), *solution.history]) <= 0)  # at zero temperature no flip costs energy
    assert bl.hamming(solution, start) < 0.4
    unmoved = bl.fit(MACHINES[1], TRAIN, bl.SimulatedAnnealing(sweeps=0, replicas=3), 0, start=start.latents)
    assert np.array_equal(unmoved.weights, start.weights)
    assert unmoved.replicas.spread == 0
    assert unmoved.replicas.errors.tolist() == 3 * [start.error(TRAIN)]


def test_coupling_draws_replicas_together():
    """Free ones stay apart, and the coupling takes most of it."""
    spreads = [
        bl.fit(
            bl.Perceptron(101),
            TRAIN,
            bl.SimulatedAnnealing(sweeps=400, replicas=3, coupling=coupling, stop_at_zero_error=False),
            0,
        ).replicas.spread
        for coupling in (0.0, 4.0)
    ]
    assert spreads[0] > 0.2
    assert spreads[1] < 0.5 * spreads[0]


def test_one_replica_feels_no_coupling():
    plain, coupled = (
        bl.fit(MACHINES[0], TRAIN, bl.SimulatedAnnealing(sweeps=50, coupling=coupling), 0) for coupling in (0.0, 5.0)
    )
    assert np.array_equal(plain.weights, coupled.weights)


def test_replicas_solve_what_single_runs_with_as_many_tries_do_not():
    """Random labels, N = 201, alpha = 0.6, number of errors as energy: the robust ensemble at work. Seeds are fixed."""
    problems = [bl.Patterns.random(100, 201, seed=seed) for seed in range(4)]
    settings = {"energy": "errors", "temperature": 1.0}
    single = [
        bl.fit(bl.Perceptron(201), data, bl.SimulatedAnnealing(sweeps=7000, **settings), 0).error_count(data)
        for data in problems
    ]
    replicated = [
        bl.fit(bl.Perceptron(201), data, bl.SimulatedAnnealing(sweeps=1000, replicas=7, **settings), 0).error_count(
            data
        )
        for data in problems
    ]
    assert sum(replicated) < sum(single)


def test_midpoints_can_be_annealed():
    cold = bl.SimulatedAnnealing(sweeps=20, energy="errors", temperature=0.2)
    a, b = (bl.fit(MACHINES[1], TRAIN, cold, seed) for seed in (0, 1))
    path = bl.optimized_path(a, b, TRAIN, cold)
    assert path.midpoint.algorithm == cold


def test_temperatures_and_couplings_are_linear():
    algorithm = bl.SimulatedAnnealing(sweeps=10, temperature=0.4, final_temperature=0, coupling=3.0, replicas=2)
    assert betas(algorithm, np.arange(10), 0.5) == pytest.approx(0.5 / (0.4 * (1 - np.arange(10) / 10)))
    gain = bonuses(algorithm, np.array([5]))[0]
    assert gain[2 + 2] == pytest.approx(np.log(np.cosh(0) / np.cosh(3.0)))  # of two that agree, one leaves
    assert gain[2 + 0] == pytest.approx(np.log(np.cosh(3.0) / np.cosh(0)))
    assert (
        step_of(state_of(bl.Perceptron(9), np.ones((1, 1, 9), np.int8), bl.Patterns.random(3, 9, 0), True), True)
        == 2 / 3
    )


def test_settings_say_how_long_runs_take():
    algorithm = bl.SimulatedAnnealing(sweeps=50, records=20)
    assert (algorithm.n_records, algorithm.n_steps, algorithm.families) == (20, 50, ("perceptron", "committee"))
    assert (algorithm.shortened(7).n_records, algorithm.shortened(7).n_steps) == (7, 7)
    assert algorithm.shortened(100) == algorithm


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sweeps": -1}, "sweeps=-1 is not an integer of at least 0"),
        ({"replicas": 0}, "replicas=0"),
        ({"records": 0}, "records=0"),
        ({"temperature": -1}, "temperature=-1 is not a number from .* or 0"),
        ({"final_temperature": "cold"}, "final_temperature='cold'"),
        ({"margin": float("nan")}, "margin=nan"),
        ({"coupling": float("inf")}, "coupling=inf"),
        ({"energy": "fields"}, "energy='fields' is not one of 'stability', 'errors'"),
        ({"stop_at_zero_error": 1}, "stop_at_zero_error=1 is not true or false"),
    ],
)
def test_bad_settings_are_refused_in_one_line(settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        bl.SimulatedAnnealing(**settings)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_into_memory_is_refused():
    with pytest.raises(ValueError, match=r"annealing 101 weights 2000000000 times on 130 patterns would take"):
        bl.fit(MACHINES[0], TRAIN, bl.SimulatedAnnealing(replicas=2 * 10**9), 0)


def test_a_sweep_trains_by_it(tmp_path):
    algorithms = {"SimulatedAnnealing": {"sweeps": 20, "replicas": 3, "records": 5}, "SGD": {"epochs": 2}}
    results = bl.run_sweep(small_settings(algorithms=algorithms), tmp_path / "annealed.h5", report=lambda _: None)
    data = bl.load_results(results.path)
    found = data.sel(algorithm="SimulatedAnnealing", n_inputs=31, disorder=0, solution=1)
    solution = bl.load_solution(results.path, n_inputs=31, algorithm="SimulatedAnnealing", solution=1)
    assert solution.algorithm == bl.SimulatedAnnealing(**algorithms["SimulatedAnnealing"])
    _, train, _ = bl.load_problem(results.path, n_inputs=31)
    assert float(found["train_error"]) == solution.error(train)
