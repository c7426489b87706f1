"""Hessians by products against dense ones and curvlinops; eigenvalues, traces and densities of known matrices."""

import numpy as np
import pytest
import torch
from torch import nn

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge import connectivity
from tests.deepbridge.continuous.problems import EVERY, NETWORKS, data, solution
from tests.naive import flatness as naive

curvlinops = pytest.importorskip("curvlinops")
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def landscape(name, n_patterns=30, **options):
    return db.landscape(NETWORKS[name], data(name, 0, n_patterns), dtype="float64", **options)


def module_and_data(there, point):
    """The network at a point with its batch-norm statistics, and the train data, as torch has them."""
    return there.solution(point).to_module().double(), there.train.inputs, there.train.classes


def bowl(eigenvalues, seed=0):
    """A quadratic function with these eigenvalues along random axes, and its matrix."""
    n = len(eigenvalues)
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))
    matrix = torch.from_numpy(axes @ np.diag(eigenvalues) @ axes.T)
    return connectivity.Function(lambda x: x @ matrix @ x / 2, n), matrix.numpy()


@pytest.mark.parametrize("name", ["mlp", "binary", "lenet"])
def test_products_are_those_of_the_dense_matrix(name):
    there = landscape(name)
    point = there.point(solution(name, 0))
    loss, flat = naive.module_loss(*module_and_data(there, point))
    assert torch.equal(flat, point)
    dense = naive.hessian(loss, flat)
    columns = torch.randn(there.size, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = connectivity.hessian(there, point) @ columns
    np.testing.assert_allclose(found.numpy(), dense @ columns.numpy(), rtol=1e-9, atol=1e-10 * np.abs(dense).max())


@pytest.mark.parametrize("name", EVERY)
def test_products_are_those_of_curvlinops(name):
    there = landscape(name)
    point = there.point(solution(name, 0))
    module, inputs, classes = module_and_data(there, point)
    module.eval()
    loss = nn.CrossEntropyLoss() if there.network.n_outputs > 1 else nn.BCEWithLogitsLoss()
    labels = classes if there.network.n_outputs > 1 else classes[:, None].double()
    parameters = [tensor for tensor in module.parameters() if tensor.requires_grad]
    theirs = curvlinops.HessianLinearOperator(
        module, loss, parameters, [(inputs, labels)], check_deterministic=False, num_data=len(inputs)
    )
    vectors = torch.randn(2, there.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = (theirs @ vectors.T).T
    found = there.hessian_products(point, vectors)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("name", ["mlp", "vgg16"])
def test_parts_of_the_data_and_graphs_that_are_made_anew_change_nothing(name, monkeypatch):
    there = landscape(name)
    point = there.point(solution(name, 0))
    vectors = torch.randn(2, there.size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    whole = there.hessian_products(point, vectors)
    monkeypatch.setattr("deepbridge.continuous.landscape.PART", 7)
    in_parts = there.hessian_products(point, vectors)
    monkeypatch.setattr("deepbridge.continuous.landscape.KEPT", 0)
    anew = there.hessian_products(point, vectors)
    torch.testing.assert_close(in_parts, whole, rtol=1e-9, atol=1e-9 * float(whole.abs().max()))
    assert torch.equal(anew, in_parts)


def test_functions_have_hessians_where_they_are_not_quadratic():
    there = connectivity.Function(lambda x: (x[0] ** 2 - 1) ** 2 + x[0] * x[1].sin(), size=2)
    point = there.point([0.3, 0.7])
    dense = naive.hessian(there._function, point)
    np.testing.assert_allclose((connectivity.hessian(there, point) @ torch.eye(2).double()).numpy(), dense, rtol=1e-12)
    assert there.curvature(there.point([0.0, 0.0]))(torch.ones(1, 2).double()).shape == (1, 2)


def test_linear_functions_have_none_but_zero():
    there = connectivity.Function(lambda x: x.sum(), size=3)
    assert (connectivity.hessian(there, np.zeros(3)) @ torch.ones(3)).tolist() == [0, 0, 0]


def test_a_step_function_is_refused():
    train = bl.Patterns.random(10, 7, seed=0)
    there = db.landscape(db.BinaryMLP(7, (3,)), train)
    with pytest.raises(InvalidInputError, match="no Hessian"):
        connectivity.hessian(there, np.ones(there.size))
    with pytest.raises(InvalidInputError, match="no differentiable outputs"):
        connectivity.fisher_rao(there, np.ones(there.size))


@pytest.mark.parametrize("n", [5, 120])
@pytest.mark.parametrize(
    ("which", "expected"), [("largest", [-1, -2, -3]), ("smallest", [2, 1, 0]), ("both", [-1, -2, 0])]
)
def test_eigenvalues_of_known_matrices(n, which, expected):
    eigenvalues = np.linspace(-1, 4, n)
    there, matrix = bowl(eigenvalues)
    found = connectivity.hessian_eigenvalues(there, np.ones(n), 3, which)
    np.testing.assert_allclose(found.values, eigenvalues[expected], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1)
    np.testing.assert_allclose(found.vectors @ matrix, found.values[:, None] * found.vectors, atol=1e-2)
    assert (found.residuals < 1e-2).all()
    assert found.largest == found.values[0]


def test_residuals_bound_the_distance_to_an_eigenvalue():
    there, matrix = bowl(np.random.default_rng(3).standard_normal(150))
    found = connectivity.hessian_eigenvalues(there, np.zeros(150), 5, tolerance=1e-2)
    gaps = np.abs(found.values[:, None] - np.linalg.eigvalsh(matrix)).min(axis=1)
    assert (gaps <= found.residuals + 1e-12).all()


def test_eigenvalues_of_a_network_are_those_of_the_dense_matrix():
    there = landscape("lenet")
    point = there.point(solution("lenet", 0))
    loss, flat = naive.module_loss(*module_and_data(there, point))
    exact = np.linalg.eigvalsh(naive.hessian(loss, flat))[::-1]
    found = connectivity.hessian_eigenvalues(there, point, 4)
    np.testing.assert_allclose(found.values, exact[:4], rtol=1e-6)
    again = connectivity.hessian_eigenvalues(there, point, 4)
    np.testing.assert_array_equal(found.vectors, again.vectors)
    single = connectivity.hessian_eigenvalues(db.landscape(NETWORKS["lenet"], data("lenet", 0, 30)), point, 4)
    np.testing.assert_allclose(single.values, exact[:4], rtol=1e-4)


def test_eigenvalues_do_not_depend_on_the_order_of_units():
    there = landscape("mlp")
    one = solution("mlp", 0)
    other = db.align(one, solution("mlp", 1)).solution
    assert not np.array_equal(there.point(one), there.point(other))
    a, b = (connectivity.hessian_eigenvalues(there, net, 5).values for net in (one, other))
    np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_traces_of_known_matrices(method):
    eigenvalues = np.concatenate([[50, 20], np.linspace(-1, 1, 98)])
    there, _ = bowl(eigenvalues)
    found = [connectivity.hessian_trace(there, np.ones(100), 60, method, seed) for seed in range(20)]
    off = [(one.value - eigenvalues.sum()) / one.error for one in found]
    assert np.mean(np.abs(off) < 3) > 0.85  # Student's t with 19 or 59 degrees of freedom
    assert (
        abs(np.mean([one.value for one in found]) - eigenvalues.sum()) < 4 * np.mean([o.error for o in found]) / 20**0.5
    )
    assert {one.products for one in found} == {60}


def test_the_trace_of_a_diagonal_is_exact_and_hutch_plus_plus_is_better_with_outliers():
    there = connectivity.Function(lambda x: (torch.arange(1, 51) * x**2).sum() / 2, size=50)
    assert connectivity.hessian_trace(there, np.zeros(50), 2).value == 1275
    outliers, _ = bowl(np.concatenate([[1000, 500], np.linspace(0, 0.1, 98)]))
    plain, better = (connectivity.hessian_trace(outliers, np.zeros(100), 30, m) for m in ("hutchinson", "hutch++"))
    assert better.error < plain.error / 100
    assert better.value == pytest.approx(1504.9, abs=1)


def test_estimators_of_curvlinops_take_our_operator():
    there, _ = bowl(np.linspace(0, 1, 90))
    matrix = connectivity.hessian(there, np.zeros(90))
    torch.manual_seed(0)
    assert float(curvlinops.hutchinson_trace(matrix, 80)) == pytest.approx(45, abs=3)
    assert float(curvlinops.hutchpp_trace(matrix, 60)) == pytest.approx(45, abs=3)
    assert float(curvlinops.xtrace(matrix, 60)) == pytest.approx(45, abs=3)


def test_the_spectral_density_has_the_moments_of_the_spectrum():
    eigenvalues = np.concatenate([np.zeros(150), np.full(150, 4.0)])
    there, _ = bowl(eigenvalues)
    state = torch.random.get_rng_state()
    found = connectivity.spectral_density(there, np.zeros(300), draws=20, steps=8)
    assert torch.equal(state, torch.random.get_rng_state())
    step = found.eigenvalues[1] - found.eigenvalues[0]
    inside = found.density * step
    assert inside.sum() == pytest.approx(1, abs=0.25)  # half of the two Gaussians at the ends may be cut
    low = inside[found.eigenvalues < 2].sum() / inside.sum()
    assert low == pytest.approx(0.5, abs=0.05)
    again = connectivity.spectral_density(there, np.zeros(300), draws=20, steps=8)
    np.testing.assert_array_equal(found.density, again.density)


def test_a_density_in_float32():
    there = db.landscape(NETWORKS["lenet"], data("lenet", 0, 30))
    found = connectivity.spectral_density(there, solution("lenet", 0), steps=20, points=50)
    assert found.density.shape == (50,)
    assert np.isfinite(found.density).all()


def test_directions_are_eigenvectors_of_norm_one_or_at_the_norms_of_filters():
    there = landscape("lenet")
    one = solution("lenet", 0)
    unit = connectivity.hessian_directions(there, one, 2)
    np.testing.assert_allclose(unit @ unit.T, np.eye(2), atol=1e-8)
    scaled = connectivity.hessian_directions(there, one, 2, scale="filter")
    filters, point = there.filters.numpy(), there.point(one).numpy()
    assert (scaled[:, filters < 0] == 0).all()
    for k in range(filters.max() + 1):
        here = filters == k
        np.testing.assert_allclose(np.linalg.norm(scaled[:, here], axis=1), np.linalg.norm(point[here]))
        cosines = (scaled[:, here] * unit[:, here]).sum(1)
        np.testing.assert_allclose(
            cosines, np.linalg.norm(scaled[:, here], axis=1) * np.linalg.norm(unit[:, here], axis=1)
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: connectivity.hessian_eigenvalues(f, [0, 0], 3), "count=3 is more than 2"),
        (lambda f: connectivity.hessian_eigenvalues(f, [0, 0], 1, "middle"), "which='middle'"),
        (lambda f: connectivity.hessian_trace(f, [0, 0], 1), "draws=1"),
        (lambda f: connectivity.hessian_trace(f, [0, 0], 5, "hutch++"), "draws=5"),
        (lambda f: connectivity.hessian([0], [0, 0]), "not a landscape"),
        (lambda f: connectivity.hessian(f, [0, 0]) @ torch.ones(3), "not the shape"),
        (lambda f: connectivity.hessian_directions(f, [0, 0], 2, "layer"), "scale='layer'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call(connectivity.Function(lambda x: (x**2).sum(), 2))


@pytest.mark.parametrize("seed", range(6))
def test_products_and_fisher_forms_of_random_networks(seed):
    rng = np.random.default_rng(seed)
    hidden = tuple(rng.integers(1, 6, size=rng.integers(1, 4)).tolist())
    n_inputs, n_outputs, count = int(rng.integers(1, 6)), int(rng.choice([1, 3, 4])), int(rng.integers(1, 9))
    network = db.MLP(n_inputs, hidden, n_outputs)
    arrays = rng.standard_normal((count, n_inputs)), rng.integers(max(2, n_outputs), size=count)
    there = db.landscape(network, arrays, dtype="float64")
    point = there.point(rng.standard_normal(there.size))
    module, inputs, classes = module_and_data(there, point)
    loss, flat = naive.module_loss(module, inputs, classes)
    dense = naive.hessian(loss, flat)
    found = there.hessian_products(point, torch.eye(there.size, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(found, dense, atol=1e-10 * max(1, np.abs(dense).max()))
    form = point.numpy() @ naive.fisher(module, inputs) @ point.numpy()
    assert connectivity.fisher_rao(there, point) == pytest.approx(form, rel=1e-8, abs=1e-12)


def test_on_a_toroid_it_is_the_flat_hessian_of_the_normalised_network():
    curved, flat = landscape("mlp", geometry="toroid"), landscape("mlp")
    one = solution("mlp", 0)
    a, b = (
        connectivity.hessian_eigenvalues(curved, one, 3),
        connectivity.hessian_eigenvalues(flat, db.normalize(one), 3),
    )
    np.testing.assert_allclose(a.values, b.values, rtol=1e-6)


@pytest.mark.parametrize("size", [10, 100])
def test_a_hessian_of_zeros_has_eigenvalues_zero(size):
    plane = db.connectivity.Function(lambda x: x.sum(), size=size)
    found = db.connectivity.hessian_eigenvalues(plane, np.ones(size), 2)
    assert found.values.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(2), atol=1e-12)
