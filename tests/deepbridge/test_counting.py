import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import deepbridge as db
from binland.bits import aligned
from deepbridge.binary import batched, counting, kernels
from deepbridge.binary.counting import ErrorCounter, Walk, error_counts, no_ties, predicted_classes
from tests.deepbridge.problems import Problem, naive_classes, naive_errors, networks, perceptrons, random_data
from tests.problems import signs


def random_walk(problem, lengths):
    """A walk with ties that change, and the solution at each of its points."""
    network, rng = problem.network, problem.rng
    start = problem.solution()
    ties = tuple(
        signs(rng, (len(lengths), layer.n_units))
        if network.symmetry(k).sign_reversal
        else np.ones(layer.n_units, np.int8)
        for k, layer in enumerate(network.hidden_layers)
    )
    stretches = [rng.permutation(network.n_weights)[: min(n, network.n_weights)] for n in lengths]
    walk = Walk(start.flat, np.concatenate(stretches), np.cumsum([len(s) for s in stretches]), ties)
    weights, visited = start.flat.copy(), []
    for t, flips in enumerate(stretches):
        weights[flips] *= -1
        now = [np.broadcast_to(layer, (len(lengths), layer.shape[-1]))[t] for layer in ties]
        visited.append(db.Solution(network, network.split(weights.copy()), ties=tuple(now)))
    return walk, visited


@given(networks, st.lists(st.integers(0, 60), min_size=1, max_size=5))
def test_every_point_of_a_walk_is_evaluated_as_from_scratch(problem, lengths):
    walk, visited = random_walk(problem, lengths)
    expected = [naive_classes(solution, problem.data.inputs) for solution in visited]
    assert np.array_equal(predicted_classes(problem.network, problem.data, walk), expected)
    counts = [naive_errors(solution, problem.data) for solution in visited]
    assert np.array_equal(error_counts(problem.network, problem.data, walk), counts)
    assert [solution.error_count(problem.data) for solution in visited] == counts


@given(networks, st.lists(st.tuples(st.integers(0, 1), st.sampled_from((0, 1, 9, 10**6))), min_size=1, max_size=6))
def test_networks_are_followed_from_look_to_look(problem, looks):
    network, rng = problem.network, problem.rng
    counter = ErrorCounter(network, problem.data)
    weights = [problem.solution().flat.copy() for _ in range(2)]
    for name, flips in looks:
        weights[name][rng.permutation(network.n_weights)[: min(flips, network.n_weights // 2 + 1)]] *= -1
        solution = db.Solution(network, network.split(weights[name].copy()))
        assert counter.error_count(name, solution.flat) == naive_errors(solution, problem.data)


@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 3), st.integers(1, 40), st.integers(0, 2**32))
def test_sums_from_tables_are_exact_against_int64(n, units, groups, patterns, seed):
    rng = np.random.default_rng(seed)
    largest = int(rng.choice([1, 300, 2**15 - 1]))
    inputs = rng.integers(-largest - 1, largest + 1, (patterns, n)).astype(np.int16)
    size = -(-patterns // counting.STEP) * counting.STEP
    x = np.zeros((n + 1, size), np.int16)
    kernels.lay_out(inputs, x)
    assert np.array_equal(x[:n, :patterns], inputs.T)
    weights = signs(rng, (units, n))
    padded = np.zeros((units, -(-n // 4) * 4), np.int64)
    padded[:, :n] = weights > 0
    codes = (padded.reshape(units, -1, 4) @ [1, 2, 4, 8]).astype(np.uint8)
    places = np.minimum(np.arange(padded.shape[1]), n) * size
    tables = aligned((groups, 16, 4 * counting.WIDTH), np.uint64)
    fields = np.full((units, size // 2), 2**63, np.uint64)
    kernels.sum_by_tables(x.reshape(-1), places, codes, tables, fields)
    expected = weights.astype(np.int64) @ inputs.T.astype(np.int64)
    assert np.array_equal(fields.view(np.int32)[:, :patterns], expected)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("units", [counting.FEW - 1, counting.FEW, 40])
def test_sums_are_taken_anew_after_many_flips_as_they_are_followed_after_few(units, threads):
    rng = np.random.default_rng(units)
    network = db.BinaryMLP(37, (units, 5), 3)
    data = random_data(rng, (37,), 3, 1100)  # several blocks
    start, size = signs(rng, network.n_weights), network.weight_shapes[0][0] * 37
    lengths = [3, 0, size // counting.MANY, size // counting.MANY + 1, size, 2, size // 2]
    stretches = [rng.permutation(size)[:length] for length in lengths]
    walk = Walk(start, np.concatenate(stretches), np.cumsum(lengths), no_ties(network))
    weights, expected = start.copy(), []
    for flips in stretches:
        weights[flips] *= -1
        expected.append(naive_errors(db.Solution(network, network.split(weights.copy())), data))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert error_counts(network, data, walk).tolist() == expected
    finally:
        torch.set_num_threads(before)


@settings(max_examples=25)
@given(networks, st.lists(st.integers(0, 60), min_size=1, max_size=4), st.sampled_from(batched.ARITHMETICS))
def test_all_points_in_one_batch_have_the_errors_of_one_by_one(problem, lengths, arithmetic):
    walk, visited = random_walk(problem, lengths)
    counts = [naive_errors(solution, problem.data) for solution in visited]
    for memory in (None, 1):  # all at once, or a point at a time
        found = batched.error_counts(problem.network, problem.data, walk, "cpu", arithmetic, memory)
        assert np.array_equal(found, counts)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@given(networks, st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_a_gpu_counts_the_same_errors(problem, lengths):
    walk, visited = random_walk(problem, lengths)
    counts = [naive_errors(solution, problem.data) for solution in visited]
    for arithmetic in batched.ARITHMETICS:
        assert np.array_equal(batched.error_counts(problem.network, problem.data, walk, "cuda", arithmetic), counts)


@pytest.mark.parametrize("arithmetic", batched.ARITHMETICS)
@pytest.mark.parametrize(
    ("rows", "n", "units"), [(1, 1, 1), (40, 784, 10), (33, 1001, 129), (5, 4096, 7), (64, 9999, 16)]
)
def test_products_of_signs_are_exact_against_int64(arithmetic, rows, n, units):
    rng = np.random.default_rng(n)
    x, w = signs(rng, (2, rows, n)), signs(rng, (2, units, n))
    w[0, : units // 2] = x[0, 0]  # sums as large as they get
    w[1, 0], w[1, 0, : n // 2] = x[1, 0], -x[1, 0, : n // 2]  # and as small
    truth = x.astype(np.int64) @ w.astype(np.int64).swapaxes(1, 2)
    found = batched.product(torch.tensor(x), torch.tensor(w), arithmetic).to(torch.float64).numpy()
    if arithmetic == "bfloat16":
        assert np.array_equal(np.sign(found), np.sign(truth))
        assert np.array_equal(found, torch.tensor(truth).to(torch.bfloat16).to(torch.float64).numpy())
    else:
        assert np.array_equal(found, truth)


@pytest.mark.slow
def test_the_fastest_arithmetic_is_one_of_them():
    assert batched.fastest("cpu") in batched.ARITHMETICS


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_large_inputs_and_several_blocks(threads):
    rng = np.random.default_rng(0)
    network = db.BinaryMLP(300, (70, 5), 4)
    data = random_data(rng, (300,), 4, 3 * counting.DENSE_BLOCK // 2 + 1, largest=32767)
    assert data.largest_sum > 2**22
    problem = Problem(network, data, rng)
    walk, visited = random_walk(problem, [0, 10, 3000])
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = error_counts(network, data, walk)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found, [naive_errors(solution, data) for solution in visited])
    assert np.array_equal(batched.error_counts(network, data, walk, "cpu"), found)


def test_sums_beyond_24_bits_are_exact_in_a_batch():
    """Sums of up to 10^9 on the way to 0 or -1, which float32 misses in any order of addition."""
    rng = np.random.default_rng(1)
    n = 60_000
    network = db.BinaryMLP(n, (3,))
    inputs = rng.integers(32001, 32767, (20, n)).astype(np.int16)
    inputs[:, n // 2 :] = -rng.permuted(inputs[:, : n // 2], axis=1)
    inputs[:, -1] -= rng.integers(0, 2, 20).astype(np.int16)
    data = db.Dataset(inputs, 2 * rng.integers(0, 2, 20) - 1, 2)
    single = np.ones((3, n), np.float32) @ inputs.astype(np.float32).T
    assert np.any((single[0] >= 0) != (inputs.sum(axis=1, dtype=np.int64) >= 0))
    ones = db.Solution(network, [np.ones((3, n), np.int8), np.ones((1, 3), np.int8)])
    walk = Walk.through([ones.flat, -ones.flat], no_ties(network))
    expected = [naive_errors(ones, data), naive_errors(db.Solution(network, [-w for w in ones.weights]), data)]
    assert np.array_equal(error_counts(network, data, walk), expected)
    assert np.array_equal(batched.error_counts(network, data, walk, "cpu"), expected)


@given(perceptrons(max_layers=2), st.integers(2, 4))
def test_a_walk_through_given_networks_visits_them(problem, count):
    solutions = [problem.solution() for _ in range(count)]
    walk = Walk.through([s.flat for s in solutions], no_ties(problem.network))
    counts = error_counts(problem.network, problem.data, walk)
    assert np.array_equal(counts, [s.error_count(problem.data) for s in solutions])


@pytest.mark.parametrize("arithmetic", batched.ARITHMETICS)
def test_the_largest_of_outputs_that_differ_little(arithmetic):
    """All hidden units agree, and outputs are sums from 991 to 997, which bfloat16 rounds to 992 and 996."""
    rng = np.random.default_rng(3)
    data = db.Dataset(np.ones((50, 3), np.int16), rng.integers(4, size=50), 4)
    weights = [np.ones((1001, 3)), np.ones((4, 1001))]
    for c, minus in enumerate((4, 3, 2, 5)):
        weights[1][c, rng.permutation(1001)[:minus]] = -1
    sums = torch.tensor(weights[1].sum(axis=1))
    assert len(set(sums.to(torch.bfloat16).tolist())) < len(set(sums.tolist()))
    assert sums.to(torch.bfloat16).argmax() != sums.argmax()
    solution = db.Solution(db.BinaryMLP(3, (1001,), 4), weights)
    walk = Walk.standing(solution.flat, solution.ties)
    assert batched.error_counts(solution.network, data, walk, "cpu", arithmetic)[0] == naive_errors(solution, data)
    assert solution.error_count(data) == naive_errors(solution, data)


def test_patterns_and_points_in_several_parts(monkeypatch):
    monkeypatch.setattr(batched, "PATTERNS", 7)
    rng = np.random.default_rng(4)
    problem = Problem(db.BinaryMLP(9, (6, 5), 3), random_data(rng, (9,), 3, 40), rng)
    walk, visited = random_walk(problem, [0, 3, 20, 5])
    expected = [naive_errors(solution, problem.data) for solution in visited]
    for memory in (None, 3000, 1):
        assert np.array_equal(batched.error_counts(problem.network, problem.data, walk, "cpu", None, memory), expected)


def test_precision_that_a_user_has_lowered_is_raised_and_put_back(monkeypatch):
    rng = np.random.default_rng(5)
    data = random_data(rng, (600,), 2, 300, largest=3000)
    solution = Problem(db.BinaryMLP(600, (33,)), data, rng).solution()
    walk = Walk.standing(solution.flat, solution.ties)
    inside = []

    def classes(*arguments):
        inside.append(torch.get_float32_matmul_precision())
        return original(*arguments)

    original = batched._classes
    monkeypatch.setattr(batched, "_classes", classes)
    torch.set_float32_matmul_precision("medium")
    try:
        found = batched.error_counts(solution.network, data, walk, "cpu", "float32")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert inside == ["highest"]
    assert found[0] == naive_errors(solution, data)


def test_arrays_that_are_kept_cannot_be_changed():
    rng = np.random.default_rng(0)
    data = random_data(rng, (6,), 3, 30)
    solution = Problem(db.BinaryMLP(6, (3,), 3), data, rng).solution()
    for array in (solution.flat, *solution.weights, *solution.ties, data.inputs, data.labels, data.classes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_predictions_are_labels():
    rng = np.random.default_rng(0)
    data = random_data(rng, (6,), 2, 30)
    solution = Problem(db.BinaryMLP(6, (3,)), data, rng).solution()
    predicted = solution.predict(data.inputs)
    assert set(predicted) <= {-1, 1}
    assert np.array_equal(predicted != data.labels, naive_classes(solution, data.inputs) != data.classes)
    data = random_data(rng, (6,), 3, 30)
    solution = Problem(db.BinaryMLP(6, (3,), 3), data, rng).solution()
    assert np.array_equal(solution.predict(data.inputs), naive_classes(solution, data.inputs))
