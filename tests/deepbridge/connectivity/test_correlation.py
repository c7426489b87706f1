"""Rank correlations against definitions, and the table of measures."""

import numpy as np
import pytest
from scipy import stats

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge import connectivity
from deepbridge.connectivity import flatness_table, granulated_kendall, rank_correlation
from tests.deepbridge.continuous.problems import blobs
from tests.naive import flatness as naive


@pytest.mark.parametrize(("method", "theirs"), [("kendall", stats.kendalltau), ("spearman", stats.spearmanr)])
def test_coefficients_are_those_of_scipy(method, theirs):
    rng = np.random.default_rng(0)
    x, y = rng.integers(5, size=20), rng.standard_normal(20)
    found, expected = rank_correlation(x, y, method, draws=50), theirs(x, y)
    assert (found.value, found.p_value) == (expected.statistic, expected.pvalue)
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.interval == rank_correlation(x, y, method, draws=50).interval


def test_intervals_cover_the_truth_of_normal_pairs():
    """Kendall's tau of normal pairs with correlation r is 2 arcsin(r) / pi."""
    rng, inside = np.random.default_rng(1), 0
    for k in range(60):
        x = rng.standard_normal(40)
        y = 0.6 * x + 0.8 * rng.standard_normal(40)
        low, high = rank_correlation(x, y, draws=100, seed=k).interval
        inside += low <= 2 * np.arcsin(0.6) / np.pi <= high
    assert inside >= 50  # 57 are expected, and 50 or fewer have probability below 0.01 at 95 percent


@pytest.mark.parametrize("seed", range(3))
def test_granulated_coefficient_by_its_definition(seed):
    rng = np.random.default_rng(seed)
    rows = [(width, rate, depth) for width in (8, 16, 32) for rate in (0.1, 0.2) for depth in "abc"]
    rows = [rows[k] for k in rng.permutation(len(rows))[:14]]
    x, y = rng.integers(6, size=14), rng.standard_normal(14)
    axes = []
    for axis in range(3):
        taus = []
        for fixed in {row[:axis] + row[axis + 1 :] for row in rows}:
            group = [k for k, row in enumerate(rows) if row[:axis] + row[axis + 1 :] == fixed]
            if len(group) > 1:
                taus.append(naive.tau_a(x[group], y[group]))
        axes.append(np.mean(taus))
    found = granulated_kendall(x, y, rows)
    np.testing.assert_allclose(found.axes, axes)
    assert found.value == pytest.approx(np.mean(axes))


def test_a_measure_that_only_follows_the_width_has_no_granulated_correlation_elsewhere():
    rows = [(width, rate) for width in (1, 2, 3) for rate in (1, 2)]
    found = granulated_kendall([w for w, _ in rows], [w + r / 10 for w, r in rows], rows)
    assert found.axes.tolist() == [1, 0]
    assert found.groups.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rank_correlation([1, 2], [1, 2]), "at least 3 numbers"),
        (lambda: rank_correlation([1, 2, 3], [1, 2]), "two rows"),
        (lambda: rank_correlation([1, 1, 1], [1, 2, 3]), "all values are 1"),
        (lambda: rank_correlation([1, 2, 3], [0, 0, 0]), "all test_errors are 0"),
        (lambda: rank_correlation([1, np.nan, 3], [0, 1, 0]), "not all finite"),
        (lambda: rank_correlation([1, 2, 3], [0, 1, 0], "pearson"), "method='pearson'"),
        (lambda: rank_correlation([1, 2, 3], [0, 1, 0], confidence=1), "confidence=1"),
        (lambda: granulated_kendall([1, 2], [1, 2], [(1, 1)]), "one row of hyperparameters"),
        (lambda: granulated_kendall([1, 2], [1, 2], [(1, 1), (2, 2)]), "no two networks"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_a_table_has_what_the_functions_give():
    train, test = blobs(seed=0), blobs(n_patterns=50, seed=0)
    network = db.MLP(8, (6,), 3)
    found = db.fit_many(network, train, db.continuous.SGD(epochs=5), seeds=[0, 1], progress=False)
    there = db.landscape(network, train, test, dtype="float64")
    table = flatness_table(there, found)
    assert list(table.columns)[:5] == ["norm", "loss", "error", "test_loss", "test_error"]
    assert set(table.seconds) == set(table.columns) - {"norm", "loss", "error", "test_loss", "test_error"}
    assert all(column.shape == (2,) and np.isfinite(column).all() for column in table.columns.values())
    for k, one in enumerate(found):
        assert table.columns["error"][k] == one.error(train)
        assert table.columns["test_error"][k] == one.error(test)
        assert table.columns["sam"][k] == connectivity.sam_sharpness(there, one)
        assert table.columns["fisher_rao"][k] == connectivity.fisher_rao(there, one)
    assert table.records["trace"].shape == (2,)
    assert table.n_solutions == 2
    again = flatness_table(there, found, ["volume", "trace"])
    np.testing.assert_array_equal(again.columns["volume"], table.columns["volume"])
    np.testing.assert_array_equal(again.columns["trace"], table.columns["trace"])


def test_binary_networks_have_the_measures_without_a_hessian_and_own_ones():
    train = bl.Patterns.random(30, 15, seed=0)
    network = db.BinaryMLP(15, (7,))
    found = db.fit_many(network, train, db.SGD(epochs=5), seeds=[0, 1], progress=False)
    there = db.landscape(network, train)

    def volume(landscape, one, seed):
        return db.hamming_volume(one, train, [0.02], 0.5, 20, seed).log_volume

    table = flatness_table(there, found, {"hamming": volume})
    assert np.isfinite(table.columns["hamming"]).all()
    assert np.isnan(table.columns["test_error"]).all()
    with pytest.raises(InvalidInputError, match="no Hessian"):
        flatness_table(there, found, ["trace"])
    with pytest.raises(InvalidInputError, match="measure 'depth' is not one of"):
        flatness_table(there, found, ["depth"])
    with pytest.raises(InvalidInputError, match="not a list of at least one solution"):
        flatness_table(there, [])


def test_networks_that_differ_in_the_seed_only_are_no_pair():
    rows = [(16, 0.1), (16, 0.1), (32, 0.1), (32, 0.1)]
    found = granulated_kendall([1, 2, 3, 4], [1, 2, 4, 3], rows)
    assert found.axes[0] == 1
    assert np.isnan(found.axes[1])
    assert found.groups.tolist() == [1, 0]
    with pytest.raises(InvalidInputError, match="no two networks"):
        granulated_kendall([1, 2], [1, 2], [(1, 1), (1, 1)])


@pytest.mark.parametrize(
    ("solutions", "measures", "message"),
    [
        (None, ["sam"], "solutions=None"),
        ([[1.0]], None, "measures=None"),
        ([[1.0]], {"loss": lambda *given: 1.0}, "its name is one of"),
        ([[1.0]], {1: lambda *given: 1.0}, "measure 1"),
        ([[1.0]], {"mine": 5}, "no function"),
        ([[1.0]], {"mine": lambda *given: "much"}, "returns 'much', not a number"),
    ],
)
def test_tables_that_are_refused(solutions, measures, message):
    bowl = db.connectivity.Function(lambda x: x.square().sum(), size=1)
    with pytest.raises(InvalidInputError, match=message):
        flatness_table(bowl, solutions, measures)
