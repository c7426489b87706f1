"""Replica theory: published values, limits that are known exactly, sums by other means, and Monte Carlo."""

import math
import re

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import norm

import binland as bl
from binland.errors import InvalidInputError
from binland.theory import franz_parisi, manifold, replicas
from binland.theory.gaussian import hazard, log_tail, log_two_cosh, nodes, tail
from binland.theory.iteration import fixed_point
from binland.theory.storage import storage_curve


def gauss(function, low=-12, high=12):
    """E_z by an adaptive rule of another library."""
    return quad(lambda z: function(z) * norm.pdf(z), low, high, limit=400, epsabs=1e-13)[0]


# Integrals


@pytest.mark.parametrize("width", [1, 0.1, 0.02])
def test_integrals_are_exact(width):
    z, weights = nodes(width)
    assert weights @ np.tanh((z - 0.31) / width) ** 2 == pytest.approx(
        quad(lambda x: np.tanh((x - 0.31) / width) ** 2 * norm.pdf(x), -12, 12, points=[0.31], limit=800)[0], abs=1e-9
    )
    z, weights = nodes()
    assert weights @ z**4 == pytest.approx(3, abs=1e-10)


def test_tails_hold_where_numbers_end():
    assert tail(0) == 0.5
    assert log_tail(40) == pytest.approx(norm.logsf(40), rel=1e-12)
    x = np.array([-40.0, -3, 0, 3, 40, 1e6])
    assert hazard(x) == pytest.approx(np.exp(norm.logpdf(x) - norm.logsf(x)), rel=1e-3)
    assert hazard(np.array([1e8]))[0] == pytest.approx(1e8)
    assert log_two_cosh(np.array([-800.0, 0, 800])) == pytest.approx([800, math.log(2), 800])


# Random labels


def test_the_capacity_is_that_of_krauth_and_mezard():
    assert bl.theory.capacity() == pytest.approx(0.8330786, abs=5e-8)
    there = bl.theory.random_labels(bl.theory.capacity())
    assert there.overlap == pytest.approx(0.5639491, abs=5e-8)
    assert there.parameters["overlap_conjugate"] == pytest.approx(2.576351, abs=5e-7)
    assert there.entropy == pytest.approx(0, abs=1e-11)


@pytest.mark.parametrize(("kappa", "value"), [(-0.05, 0.889409), (0.05, 0.781074), (0.1, 0.733017)])
def test_capacities_with_margin(kappa, value):
    assert bl.theory.capacity(kappa) == pytest.approx(value, abs=5e-7)


@pytest.mark.parametrize(("alpha", "kappa"), [(0.1, 0), (0.6, 0), (0.8, 0), (0.3, 0.5), (3.0, -1.0)])
def test_random_labels_solve_the_published_equations(alpha, kappa):
    typical = bl.theory.random_labels(alpha, kappa)
    q, hat = typical.overlap, typical.parameters["overlap_conjugate"]
    field = lambda z: (kappa - math.sqrt(q) * z) / math.sqrt(1 - q)  # noqa: E731
    assert q == pytest.approx(gauss(lambda z: math.tanh(math.sqrt(hat) * z) ** 2), abs=1e-9)
    force = gauss(lambda z: math.exp(2 * (norm.logpdf(field(z)) - norm.logsf(field(z)))))
    assert hat == pytest.approx(alpha / (1 - q) * force, rel=1e-7)
    spins = gauss(lambda z: math.log(2 * math.cosh(math.sqrt(hat) * z)))
    patterns = gauss(lambda z: norm.logsf(field(z)))
    assert typical.entropy == pytest.approx(spins - hat * (1 - q) / 2 + alpha * patterns, abs=1e-9)


@pytest.mark.parametrize("kappa", [-4, -1, 0, 2, 4])
def test_few_patterns_are_those_of_the_annealed_sum(kappa):
    alpha = 1e-6
    typical = bl.theory.random_labels(alpha, kappa)
    assert (math.log(2) - typical.entropy) / alpha == pytest.approx(-norm.logsf(kappa), rel=1e-4)
    assert bl.theory.random_labels(0, kappa).entropy == math.log(2)
    assert bl.theory.capacity(kappa) <= math.log(2) / -norm.logsf(kappa)  # by Jensen's inequality


def test_beyond_the_capacity_theory_says_so():
    assert bl.theory.random_labels(0.9).converged
    assert "beyond the capacity" in bl.theory.random_labels(0.9).advice
    far = bl.theory.random_labels(1.5)
    assert not far.converged
    assert math.isnan(far.overlap)
    assert "followed up to" in far.advice


# Teacher and student


def test_the_transition_and_the_spinodal_of_a_binary_teacher():
    assert bl.theory.teacher_transition() == pytest.approx(1.245, abs=5e-4)
    assert bl.theory.teacher_spinodal() == pytest.approx(1.493, abs=5e-4)


@pytest.mark.parametrize("alpha", [0.2, 0.9, 1.2])
def test_students_solve_the_published_equations(alpha):
    typical = bl.theory.teacher_student(alpha)
    q, hat = typical.overlap, typical.parameters["overlap_conjugate"]
    assert typical.teacher_overlap == q
    assert q == pytest.approx(gauss(lambda z: math.tanh(math.sqrt(hat) * z + hat)), abs=1e-9)
    a = lambda z: -math.sqrt(q / (1 - q)) * z  # noqa: E731
    force = gauss(lambda z: math.exp(2 * norm.logpdf(a(z)) - norm.logsf(a(z))))
    assert hat == pytest.approx(2 * alpha / (1 - q) * force, rel=1e-7)
    spins = gauss(lambda z: math.log(2 * math.cosh(math.sqrt(hat) * z + hat))) - hat * (1 + q) / 2
    patterns = gauss(lambda z: norm.sf(a(z)) * norm.logsf(a(z)))
    assert typical.entropy == pytest.approx(spins + 2 * alpha * patterns, abs=1e-9)
    assert typical.generalization_error == pytest.approx(math.acos(q) / math.pi)


def test_the_branches_of_students():
    alone, metastable = (bl.theory.teacher_student(1.4, branch) for branch in ("equilibrium", "metastable"))
    assert (alone.overlap, alone.entropy, alone.generalization_error) == (1, 0, 0)
    assert metastable.entropy < 0 < metastable.generalization_error
    assert bl.theory.teacher_student(1.492, "metastable").converged
    assert not bl.theory.teacher_student(1.494, "metastable").converged
    assert bl.theory.teacher_student(1.2) == bl.theory.teacher_student(1.2, "metastable")


# Hidden manifold


def test_a_wide_latent_space_is_the_storage_problem():
    for alpha in (0.1, 0.5, 0.8):
        one, two = bl.theory.hidden_manifold(alpha, 1e-3), bl.theory.random_labels(alpha)
        assert one.overlap == pytest.approx(two.overlap, abs=1e-3)
        assert one.entropy == pytest.approx(two.entropy, abs=1e-3)
    assert bl.theory.hidden_manifold_capacity(1e-3) == pytest.approx(bl.theory.capacity(), abs=2e-4)


@pytest.mark.parametrize(("alpha", "alpha_t"), [(0.05, 0.3), (0.7, 1.0), (1.1, 3.0), (0.2, 30.0)])
def test_the_free_entropy_of_the_manifold_is_stationary(alpha, alpha_t):
    """All seven order parameters; the free entropy is written out again, without what the solver eliminates."""
    found = fixed_point(lambda state: manifold.update(state, alpha, alpha_t), manifold.START)
    assert found.converged
    q, p_d, p, r = found.values
    hat = manifold.conjugates(found.values, alpha, alpha_t)
    point = np.array([q, p_d, p, r, hat.q, hat.difference + hat.p, hat.p, hat.r])
    value = free_entropy(point, alpha, alpha_t)
    assert value == pytest.approx(bl.theory.hidden_manifold(alpha, alpha_t).entropy, abs=1e-8)
    for k in range(len(point)):
        step = 1e-3 * np.eye(len(point))[k] * max(abs(point[k]), 0.01)
        ups, downs = (free_entropy(point + sign * step, alpha, alpha_t) for sign in (1, -1))
        curvature = abs(ups + downs - 2 * value)
        assert abs(ups - downs) < 1e-2 * curvature + 1e-8, k


def free_entropy(point, alpha, alpha_t):
    q, p_d, p, r, q_hat, p_d_hat, p_hat, r_hat = point
    k_1, k_2 = 2 / math.pi, 1 - 2 / math.pi
    own, other, teacher = k_1 * p_d + k_2, k_1 * p + k_2 * q, math.sqrt(k_1) * r
    a = p_d_hat - p_hat
    delta = 1 - a * (1 - q)
    latent = -p_d_hat * p_d / 2 + p_hat * p / 2 - r_hat * r - math.log(delta) / 2
    latent += (a * q + (1 - q) * (p_hat + r_hat**2)) / (2 * delta)
    spins = gauss(lambda z: math.log(2 * math.cosh(math.sqrt(q_hat) * z))) - q_hat * (1 - q) / 2
    patterns = gauss(
        lambda z: (
            norm.sf(-teacher * z / math.sqrt(other - teacher**2)) * norm.logsf(-math.sqrt(other / (own - other)) * z)
        )
    )
    return spins + alpha / alpha_t * latent + 2 * alpha * patterns


@pytest.mark.parametrize("alpha", [0, 1e-9, 0.3, 1.0, 1.5, 3.0, 50.0])
def test_the_manifold_converges_or_says_that_it_does_not(alpha):
    for alpha_t in (1e-3, 0.1, 1.0, 3.0, 1e3):
        typical = bl.theory.hidden_manifold(alpha, alpha_t)
        if typical.converged:
            assert 0 <= typical.overlap < 1
            assert 0 < typical.generalization_error < 0.5
        else:
            assert "capacity" in typical.advice
        if alpha < 0.8:
            assert typical.converged
            assert typical.advice == ""


def test_the_manifold_agrees_with_sampled_solutions():
    """N = 1001, alpha = 0.1, alpha_T = 1: 20 manifolds, Monte Carlo at zero error.

    z-scores of q, p_d, p, r and the test error below 4.5, which one of five Gaussians exceeds with a chance of 3e-5;
    D = 100 is far from infinite, for which 2 % of each are allowed besides.
    """
    samples = np.array([sampled_overlaps(1001, 100, 100, seed) for seed in range(20)])
    mean, error = samples.mean(axis=0), samples.std(axis=0, ddof=1) / math.sqrt(len(samples))
    typical = bl.theory.hidden_manifold(100 / 1001, 1.0)
    names = ("p_d", "p", "r")
    expected = [typical.overlap, *(typical.parameters[name] for name in names), typical.generalization_error]
    assert np.all(np.abs(mean - expected) < 4.5 * error + 0.02 * np.abs(expected))
    assert np.all(error < 0.05 * np.abs(expected))


def sampled_overlaps(n, d, p, seed, chains=24, sweeps=25):
    """q, p_d, p, r and test error of solutions sampled by single flips that keep all labels, from a trained one."""
    hidden = bl.HiddenManifold(n, d, seed=seed)
    train, test = hidden.sample(p, seed=1000 + seed), hidden.sample(2000, seed=2000 + seed)
    start = bl.fit(bl.Perceptron(n), train, bl.SGD(stop_at_zero_error=True, epochs=1000), seed)
    assert start.error_count(train) == 0
    signed = (train.inputs * train.labels[:, None]).astype(np.float32)
    weights = np.tile(start.weights.astype(np.float32), (chains, 1))
    fields, rng, rows = weights @ signed.T, np.random.default_rng(seed), np.arange(chains)
    for place in rng.integers(n, size=(sweeps * n, chains)):
        moved = fields - 2 * signed[:, place].T * weights[rows, place][:, None]
        allowed = moved.min(axis=1) > 0
        fields[allowed] = moved[allowed]
        weights[rows[allowed], place[allowed]] *= -1
    latent = weights @ hidden.features / math.sqrt(n)
    pairs = np.triu_indices(chains, 1)
    wrong = np.sign(weights @ test.inputs.T) != test.labels
    both = latent @ latent.T / d
    return (
        np.mean((weights @ weights.T / n)[pairs]),
        np.mean(np.diag(both)),
        np.mean(both[pairs]),
        np.mean(latent @ hidden.teacher / d),
        wrong.mean(),
    )


# Around typical solutions


@pytest.mark.parametrize(("alpha", "distance"), [(0.4, 0.1), (0.6, 0.25), (0.3, 0.02)])
def test_the_entropy_around_a_typical_solution_is_stationary(alpha, distance):
    typical = bl.theory.random_labels(alpha)
    equations = franz_parisi.Equations(
        alpha, 0.0, typical.overlap, typical.parameters["overlap_conjugate"], 1 - 2 * distance
    )
    q, r = fixed_point(equations.update, equations.start()).values
    q_hat, r_hat = equations.conjugates(q, r)
    point = np.array([q, r, q_hat, r_hat, equations.pull(q_hat, r_hat)])
    value = equations.entropy(*point)
    assert value == bl.theory.local_entropy(alpha, distance).entropy
    for k in range(5):
        step = 1e-3 * np.eye(5)[k] * point[k]
        ups, downs = equations.entropy(*(point + step)), equations.entropy(*(point - step))
        assert abs(ups - downs) < 2e-2 * abs(ups + downs - 2 * value) + 1e-9, k


def test_patterns_around_a_typical_solution_by_another_integral():
    """The mean over a pattern as an integral over u above its bound and omega, not as one over omega and z."""
    equations = franz_parisi.Equations(0.5, 0.1, 0.3, 0.6, 0.7)
    q, r = 0.6, 0.28

    def given(z):
        a = (0.1 - math.sqrt(0.3) * z) / math.sqrt(0.7)
        along, with_u = r / math.sqrt(0.3), (0.7 - r) / math.sqrt(0.7)
        rest = math.sqrt(q - along**2 - with_u**2)
        inner = lambda v, u: (  # noqa: E731
            norm.pdf(u) * norm.pdf(v) * norm.logsf((0.1 - along * z - with_u * u - rest * v) / math.sqrt(1 - q))
        )
        return dblquad(inner, a, 9, -8, 8, epsabs=1e-7)[0] / norm.sf(a)

    z = np.linspace(-6, 6, 13)  # equal steps of a Gaussian are exact to 1e-8
    sums = sum(norm.pdf(one) * given(one) for one in z) * (z[1] - z[0])
    assert equations.energy(q, r) == pytest.approx(sums, abs=1e-5)


@pytest.mark.parametrize(("kappa", "distance", "expected"), [(2.0, 0.1, 0.104473), (4.0, 0.08, 0.134959)])
def test_local_entropies_with_large_margins(kappa, distance, expected):
    """Near capacity, where the law of the fields is far from its Gaussian; values with half the step."""
    alpha = 0.9 * bl.theory.capacity(kappa)
    found = bl.theory.local_entropy(alpha, distance, kappa)
    assert found.entropy == pytest.approx(expected, abs=2e-6)
    assert found.entropy < bl.theory.random_labels(alpha, kappa).entropy


@pytest.mark.parametrize(("kappa", "share", "distance"), [(0.0, 0.9, 0.001), (1.0, 0.9, 0.5), (4.0, 0.99, 0.1)])
def test_local_entropies_that_are_not_resolved_are_not_told(kappa, share, distance):
    found = bl.theory.local_entropy(share * bl.theory.capacity(kappa), distance, kappa)
    assert not found.converged
    assert math.isnan(found.entropy)
    assert "out of reach" in found.advice


def test_local_entropies_are_bounded_and_typical_solutions_isolated():
    typical = bl.theory.random_labels(0.4)
    around = [bl.theory.local_entropy(0.4, distance) for distance in (0.002, 0.05, 0.2, 0.35)]
    assert all(one.converged for one in around)
    assert all(one.entropy < min(one.bound, typical.entropy) for one in around)
    assert around[0].entropy < 0 < around[1].entropy < around[2].entropy < around[3].entropy
    assert around[3].entropy == pytest.approx(typical.entropy, abs=2e-3)  # where most solutions are
    assert not bl.theory.local_entropy(0.9, 0.1).converged


# Coupled replicas


@pytest.mark.parametrize("y", [2, 3, 7])
def test_replicas_at_the_distance_of_typical_solutions_are_not_coupled(y):
    typical = bl.theory.random_labels(0.5)
    far = bl.theory.coupled_replicas(0.5, y, (1 - typical.overlap) / 2)
    assert far.coupling == pytest.approx(0, abs=1e-6)
    assert far.entropy == pytest.approx(typical.entropy, abs=1e-8)
    assert far.outer_overlap == pytest.approx(typical.overlap, abs=1e-6)
    assert far.overlap == pytest.approx(typical.overlap)


@pytest.mark.parametrize(("alpha", "y", "distance"), [(0.4, 2, 0.1), (0.6, 3, 0.05), (0.5, 6, 0.2)])
def test_the_free_entropy_of_replicas_is_stationary(alpha, y, distance):
    found = bl.theory.coupled_replicas(alpha, y, distance)
    gamma = found.coupling

    def phi(inner, outer, inner_hat, outer_hat):
        equations = replicas.Equations(alpha, 0.0, y, inner)
        pull = gamma / y + inner_hat - outer_hat
        pairs = -y * (y - 1) / 2 * inner_hat * inner + y**2 / 2 * outer_hat * outer - y * inner_hat / 2
        return pairs + equations.spins(pull, outer_hat)[0] + alpha * equations.energetic(outer)[0]

    hats = replicas.Equations(alpha, 0.0, y, found.overlap).conjugates(found.outer_overlap)
    point = np.array([found.overlap, found.outer_overlap, *hats])
    value = phi(*point)
    assert value == pytest.approx(found.free_entropy, abs=1e-10)
    for k in range(4):
        step = 1e-4 * np.eye(4)[k] * point[k]
        ups, downs = phi(*(point + step)), phi(*(point - step))
        assert abs(ups - downs) < 2e-2 * abs(ups + downs - 2 * value) + 1e-9, k


# Beside enumeration


def extrapolated(value, alpha, problems):
    """Mean over problems of value(all solutions) / N, from two sizes to infinity, linear in 1 / N; its standard error.

    Problems without a solution are left out: at alpha = 1/3 and N >= 15 fewer than one in a thousand.
    """
    means, errors = {}, {}
    for n, count in problems.items():
        values = []
        for seed in range(count):
            every = bl.enumerate_solutions(
                bl.Perceptron(n), bl.Patterns.random(round(alpha * n), n, seed=1000 * n + seed)
            )
            if every.count:
                values.append(value(every) / n)
        means[n], errors[n] = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
    small, large = problems
    step = large - small
    return (
        (large * means[large] - small * means[small]) / step,
        math.hypot(large * errors[large], small * errors[small]) / step,
    )


@pytest.mark.slow
@pytest.mark.parametrize("distance", [0.05, 0.1, 0.2])
def test_two_replicas_agree_with_all_pairs_of_solutions(distance):
    """ln(sum over all pairs of solutions of the weight) / N, from N = 15 and 21; z-score below 4: chance 6e-5."""
    theory = bl.theory.coupled_replicas(1 / 3, 2, distance)

    def free_entropy(every):
        n, pairs = every.n_weights, np.asarray(every.pair_distances(), float)
        return math.log(np.sum(pairs * np.exp(-theory.coupling * np.arange(n + 1)))) + n * theory.coupling

    value, error = extrapolated(free_entropy, 1 / 3, {15: 750, 21: 150})
    assert abs(value - theory.free_entropy) < 4 * error
    assert error < 0.02


@pytest.mark.slow
def test_three_replicas_agree_with_all_triples_of_solutions():
    """From N = 9 and 15; the sum over three solutions is the trace of a matrix cubed. z-score below 4."""
    theory = bl.theory.coupled_replicas(1 / 3, 3, 0.1)

    def free_entropy(every):
        n = every.n_weights
        weights = every.weights(every.solutions).reshape(every.count, n).astype(float)
        two = np.exp(theory.coupling / 3 * (weights @ weights.T - n))  # gamma / (2 y) of a square, twice the product
        return math.log(np.sum((two @ two) * two)) + 1.5 * n * theory.coupling

    value, error = extrapolated(free_entropy, 1 / 3, {9: 1000, 15: 100})
    assert abs(value - theory.free_entropy) < 4 * error
    assert error < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("distance", [0.1, 0.2, 0.3])
def test_solutions_around_typical_ones_agree_with_all_that_there_are(distance):
    """ln(sum over all solutions of exp(field along a random one)) / N; z-score below 4.

    The field g that brings them to this distance d is half the slope of the entropy S, the sum then S + g (1 - 2 d).
    """
    ahead, behind = (bl.theory.local_entropy(1 / 3, distance + step).entropy for step in (1e-4, -1e-4))
    field = (ahead - behind) / 4e-4

    def free_entropy(every):
        chosen = np.random.default_rng(every.count).integers(every.count, size=20)
        numbers = np.array([every.distances(every.solution(int(k))) for k in chosen], float)
        agreeing = every.n_weights - 2 * np.arange(every.n_weights + 1)
        return np.mean(np.log(numbers @ np.exp(field * agreeing)))

    value, error = extrapolated(free_entropy, 1 / 3, {15: 600, 21: 150})
    expected = bl.theory.local_entropy(1 / 3, distance).entropy + field * (1 - 2 * distance)
    assert abs(value - expected) < 4 * error
    assert error < 0.01


def test_many_replicas_lie_in_dense_regions_and_too_many_in_none():
    near = [bl.theory.coupled_replicas(0.4, y, 0.02) for y in (2, 7)]
    assert all(one.entropy > bl.theory.local_entropy(0.4, 0.02).entropy for one in near)
    assert all(one.external_entropy > 0 and one.advice == "" for one in near)
    crowd = bl.theory.coupled_replicas(0.8, 7, 0.05)
    assert crowd.external_entropy < 0
    assert "fewer replicas" in crowd.advice
    assert not bl.theory.coupled_replicas(0.6, 2, 0.4).converged


@pytest.mark.parametrize(("alpha", "y", "distance", "kappa"), [(1e-5, 30, 0.002, 3.7), (0.6, 30, 0.1, 0.0)])
def test_replicas_never_have_more_solutions_than_there_are(alpha, y, distance, kappa):
    found = bl.theory.coupled_replicas(alpha, y, distance, kappa)
    assert not found.converged or found.entropy <= bl.theory.random_labels(alpha, kappa).entropy + 1e-8


# Hardly any patterns


@pytest.mark.parametrize("alpha", [5e-324, 1e-30, 1e-15, 1e-9])
def test_hardly_any_patterns_are_almost_none(alpha):
    for kappa in (-4, 0, 4):
        typical = bl.theory.random_labels(alpha, kappa)
        assert typical.converged
        assert typical.overlap == pytest.approx(alpha * hazard(kappa) ** 2, rel=1e-6)
        assert typical.entropy == pytest.approx(math.log(2), abs=1e-6)
        assert bl.spherical.overlap(alpha, kappa) == pytest.approx(alpha * hazard(kappa) ** 2, rel=1e-6)
    student = bl.theory.teacher_student(alpha)
    assert student.entropy == pytest.approx(math.log(2), abs=1e-6)
    assert student.generalization_error == pytest.approx(0.5, abs=1e-6)
    assert bl.theory.hidden_manifold(alpha, 3.0).entropy == pytest.approx(math.log(2), abs=1e-6)
    assert bl.spherical.maximum_margin(alpha) > 1000


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bl.theory.capacity("x"), "kappa='x' is not a number from -4 to 4"),
        (lambda: bl.theory.capacity(5), "kappa=5 is not a number from -4 to 4"),
        (lambda: bl.theory.random_labels(-0.1), "alpha=-0.1 is not a number from 0 to 1e+06"),
        (lambda: bl.theory.random_labels(math.nan), "alpha=nan is not a number from 0 to 1e+06"),
        (lambda: bl.theory.teacher_student(1, "both"), "branch='both' is not one of 'equilibrium', 'metastable'"),
        (lambda: bl.theory.hidden_manifold(0.5, 0), "alpha_T=0 is not a number from 0.001 to 1000"),
        (lambda: bl.theory.hidden_manifold_capacity([3]), "alpha_T=[3] is not a number from 0.001 to 1000"),
        (lambda: bl.theory.hidden_manifold_capacity(1e4), "alpha_T=10000.0 is not a number from 0.001 to 1000"),
        (lambda: bl.theory.local_entropy(0.5, 0.6), "distance=0.6 is not a number from 0.001 to 0.5"),
        (lambda: bl.theory.coupled_replicas(0.5, 1, 0.1), "n_replicas=1 is not an integer of at least 2"),
        (lambda: bl.theory.coupled_replicas(0.5, 500, 0.1), "n_replicas=500 is more than 50"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(InvalidInputError, match="^" + re.escape(message)) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_a_curve_is_computed_once():
    assert storage_curve(0.0) is storage_curve(0.0)
