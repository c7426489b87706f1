"""Bezier curves, polygons, stars and trees of barriers: plain twins, known answers, checkpoints, refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.connectivity import AutoNEB, Curve, Star, autoneb, barrier_tree, curve, line, star
from deepbridge.connectivity.curves import CurveTraining
from deepbridge.connectivity.geometry import Geometry
from deepbridge.connectivity.shapes import Bezier, Polygon
from deepbridge.connectivity.stars import StarTraining
from deepbridge.connectivity.trees import spanning_tree
from tests.deepbridge.connectivity import problems
from tests.deepbridge.connectivity.potentials import MINIMA, SADDLES, double_well, mueller_brown, ring
from tests.naive import connectivity as naive


@given(st.integers(0, 2**32), st.integers(2, 6), st.sampled_from(["bezier", "polygon"]), st.floats(0, 1))
def test_points_of_shapes(seed, count, kind, t):
    corners = np.random.default_rng(seed).normal(size=(count, 3))
    shape = Bezier if kind == "bezier" else Polygon
    options = {} if kind == "bezier" else {"by_length": False}
    made = shape(torch.from_numpy(corners), Geometry(), **options)
    expected = naive.curve_point(list(corners), t, kind)
    np.testing.assert_allclose(made.points(np.array([t]))[0].numpy(), expected, atol=1e-9)
    np.testing.assert_allclose((made.shares(np.array([t])) @ torch.from_numpy(corners))[0].numpy(), expected, atol=1e-9)


def test_lengths_of_shapes():
    corners = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 0.0]], dtype=torch.float64)
    assert Polygon(corners, Geometry()).length(np.linspace(0, 1, 10)) == pytest.approx(9.0, rel=1e-2)
    assert Polygon(corners, Geometry()).marks.tolist() == pytest.approx([0, 5 / 9, 1])
    ts = np.linspace(0, 1, 200)
    points = Bezier(corners, Geometry()).points(ts)
    expected = float((points[1:] - points[:-1]).norm(dim=1).sum())
    assert Bezier(corners, Geometry()).length(ts) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["bezier", "polygon"])
@pytest.mark.parametrize("bends", [1, 3])
def test_training_is_that_of_autograd_through_the_curve(kind, bends):
    """One network is built from the corners for each place, as the published code does; torch's SGD moves the bends."""
    settings = Curve(kind=kind, bends=bends, epochs=4, batch_size=20, learning_rate=0.1, weight_decay=1e-3, draws=2)
    scape, ends = problems.landscape(), [problems.solution(seed=seed) for seed in (0, 1)]
    path = curve(scape, *ends, settings, seed=5)
    a, b = (scape.point(one) for one in ends)
    training = CurveTraining(scape, a, b, settings, 5)
    inner = [torch.lerp(a, b, (k + 1) / (bends + 1)).requires_grad_() for k in range(bends)]
    descent = torch.optim.SGD(inner, lr=0.1, momentum=0.9)
    for bend in inner:
        bend.grad = torch.zeros_like(bend)  # all bends have gradients, also those that a place does not depend on
    module = problems.MODULES["mlp"]().double()
    inputs, classes = (torch.tensor(x) for x in problems.data())
    sizes = [p.numel() for p in module.parameters()]
    for epoch in range(4):
        descent.param_groups[0]["lr"] = settings.rate(epoch)
        for k in range(3):
            batch = training.batches[3 * epoch + k]
            total = 0.0
            for t in np.random.default_rng([training.key, 3 * epoch + k]).random(2):
                point = naive.curve_point([a, *inner, b], float(t), kind)
                parts = zip(module.named_parameters(), point.split(sizes), strict=True)
                state = {name: part.view_as(p) for (name, p), part in parts}
                outputs = torch.func.functional_call(module, state, (inputs[batch],))
                total = total + torch.nn.functional.cross_entropy(outputs, classes[batch]) + 5e-4 * point.square().sum()
            descent.zero_grad(set_to_none=False)
            (total / 2).backward()
            descent.step()
    np.testing.assert_allclose(path.corners[1:-1], torch.stack(inner).detach().numpy(), atol=1e-10)
    twin = problems.twin()
    for t in (0.0, 0.25, 1.0):
        k = round(t * 60)
        point = naive.curve_point(list(path.corners), t, kind)
        assert path.losses[k] == pytest.approx(twin.value(point))
        assert path.error_counts[k] == twin.wrong(point)
        np.testing.assert_allclose(path.point(t), point)


def test_a_curve_goes_around_a_hill():
    settings = Curve(epochs=800, weight_decay=0.0, learning_rate=0.01)
    ends = [-1.0, 0.05], [1.0, 0.05]
    path = curve(ring(), *ends, settings)
    assert line(ring(), *ends).highest_loss > 0.9
    assert path.highest_loss < 0.05
    assert path.history[-1] < path.history[0]


def test_a_curve_cannot_avoid_a_wall():
    path = curve(double_well(), [-1.0, 0.0], [1.0, 0.0], Curve(epochs=50, weight_decay=0.0))
    assert path.highest_loss == pytest.approx(1.0, rel=0.01)


def test_curves_on_the_toroid_descend_on_spheres():
    scape = problems.landscape(geometry="toroid")
    ends = [problems.solution(seed=seed) for seed in (0, 1)]
    path = curve(scape, *ends, Curve(epochs=30, batch_size=20, learning_rate=0.1))
    corners = torch.from_numpy(path.corners)
    torch.testing.assert_close(scape.geometry.onto(corners), corners)
    assert path.history[-1] < path.history[0]
    point = torch.from_numpy(path.point(0.4))
    torch.testing.assert_close(scape.geometry.onto(point[None])[0], point)


def test_the_slope_of_bends_is_that_of_the_loss_on_the_toroid():
    scape = problems.landscape(geometry="toroid")
    a, b = (scape.point(problems.solution(seed=seed)) for seed in (0, 1))
    training = CurveTraining(scape, a, b, Curve(batch_size=60, weight_decay=0.0), 0)
    bend = training.corners[1].clone()
    direction = scape.geometry.along(bend[None], torch.randn(1, len(bend), dtype=torch.float64))[0]

    def loss(step):
        corners = torch.stack([a, bend + step * direction, b])
        return float(scape.gradients(Bezier(corners, scape.geometry).points(np.array([0.3])))[0][0])

    shares = training.shape.shares(np.array([0.3]))
    raw = shares @ training.corners
    _, found = scape.gradients(scape.geometry.onto(raw))
    slope = shares[0, 1] * (scape.geometry.pulled_back(raw, found)[0] @ direction)
    assert float(slope) == pytest.approx((loss(1e-5) - loss(-1e-5)) / 2e-5, rel=1e-5)


def test_stars_are_trained_as_written_down():
    settings = Star(epochs=3, batch_size=20, learning_rate=0.05, feet=2, draws=2, penalty=0.01)
    scape, minima = problems.landscape(), [problems.solution(seed=seed) for seed in range(3)]
    made = star(scape, minima, settings, seed=2)
    feet = torch.stack([scape.point(one) for one in minima])
    training = StarTraining(scape, feet, settings, 2)
    centre = feet.mean(0).clone().requires_grad_()
    descent = torch.optim.Adam([centre], lr=0.05)
    module = problems.MODULES["mlp"]().double()
    inputs, classes = (torch.tensor(x) for x in problems.data())
    sizes = [p.numel() for p in module.parameters()]
    for step in range(9):
        rng, batch = np.random.default_rng([training.key, step]), training.batches[step]
        drawn = rng.choice(3, 2, replace=False)
        total = 0.0
        for k, t in zip(np.repeat(drawn, 2), rng.random(4), strict=True):
            point = (1 - t) * centre + t * feet[k]
            parts = zip(module.named_parameters(), point.split(sizes), strict=True)
            state = {name: part.view_as(p) for (name, p), part in parts}
            outputs = torch.func.functional_call(module, state, (inputs[batch],))
            total = total + torch.nn.functional.cross_entropy(outputs, classes[batch]) / 4
        total = total + 0.01 * sum((centre - foot).square().sum() for foot in feet) / 3
        descent.zero_grad()
        total.backward()
        descent.step()
    np.testing.assert_allclose(made.lines[0].corners[0], centre.detach().numpy(), atol=1e-9)
    assert made.gradients == 36
    one = made.path(0, 2)
    assert one.highest_loss == pytest.approx(max(made.lines[k].highest_loss for k in (0, 2)))
    assert one.detour >= 1
    assert one.gradients == 36
    assert len(one.history) == 3


def test_a_star_lowers_the_barriers_between_its_minima():
    minima = [[np.cos(x), np.sin(x)] for x in (0.0, 1.2, 2.4)]
    made = star(ring(), minima, Star(epochs=400))
    assert made.n_minima == 3
    assert made.highest_loss < made.direct.max() / 2
    assert np.isnan(made.barrier)
    assert made.direct_errors is None


@given(st.integers(0, 2**32), st.integers(2, 7))
def test_trees_have_the_lowest_ways_between_all_pairs(seed, count):
    heights = np.random.default_rng(seed).integers(0, 9, (count, count)).astype(float)
    heights = np.maximum(heights, heights.T)
    edges = spanning_tree(heights)
    tree = db.connectivity.BarrierTree(heights, heights, heights > 99, edges, 0, True)
    expected = naive.spanning_tree_height(heights)
    np.fill_diagonal(expected, np.diag(heights))
    np.testing.assert_array_equal(tree.minimax, expected)
    assert tree.highest_loss == expected[~np.eye(count, dtype=bool)].max()


@pytest.mark.slow
def test_a_tree_of_the_mueller_brown_potential_leaves_out_the_highest_pass():
    settings = AutoNEB(cycles=[(300, 1e-4)] * 5, weight_decay=0.0, threshold=0.01, between=99)
    tree = barrier_tree(mueller_brown(), MINIMA, settings, points=51)
    assert {tuple(edge) for edge in tree.edges.tolist()} == {(1, 2), (0, 1)}
    assert tree.edge_heights[::-1] == pytest.approx(SADDLES, abs=0.01)
    assert tree.minimax[0, 2] == tree.highest_loss
    assert tree.complete
    assert tree.n_refined == 2
    assert (tree.heights <= tree.line_heights).all()


def test_a_tree_without_a_method_is_of_lines():
    tree = barrier_tree(ring(), [[1, 0], [0, 1], [-1, 0]], points=3)
    assert tree.n_refined == tree.gradients == 0
    assert tree.heights[0, 2] == pytest.approx(1.0)
    assert tree.highest_loss == pytest.approx(0.25)


def test_trees_goes_on_from_a_checkpoint_and_stop_at_a_budget(tmp_path, monkeypatch):
    scape, minima = problems.landscape(), [problems.solution(seed=seed) for seed in range(4)]
    settings = Curve(epochs=5, batch_size=20, learning_rate=0.05)
    whole = barrier_tree(scape, minima, settings)
    assert whole.n_refined >= 3
    file, count = tmp_path / "tree.checkpoint", 0

    def interrupted(self, step, epoch, real=CurveTraining.step):
        nonlocal count
        count += 1
        if count == 22:
            raise KeyboardInterrupt
        return real(self, step, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(CurveTraining, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            barrier_tree(scape, minima, settings, checkpoint=file, checkpoint_seconds=0)
    again = barrier_tree(scape, minima, settings, checkpoint=file)
    np.testing.assert_array_equal(again.heights, whole.heights)
    assert again.gradients == whole.gradients
    assert [one.name for one in tmp_path.iterdir()] == ["tree.checkpoint"]
    part = barrier_tree(scape, minima, settings, budget=20)
    assert not part.complete
    assert part.gradients <= 20


@pytest.mark.parametrize("method", [curve, star])
def test_interrupted_trainings_go_on_bit_for_bit(method, tmp_path, monkeypatch):
    scape, minima = problems.landscape(dtype="float32"), [problems.solution(seed=seed) for seed in (0, 1)]
    if method is curve:
        settings, training, arguments = Curve(epochs=6, batch_size=20), CurveTraining, minima
    else:
        settings, training, arguments = Star(epochs=6, batch_size=20), StarTraining, [minima]
    whole = method(scape, *arguments, settings)
    file, count, real = tmp_path / "file", 0, training.step

    def interrupted(self, step, epoch):
        nonlocal count
        count += 1
        if count == 11:
            raise KeyboardInterrupt
        return real(self, step, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(training, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            method(scape, *arguments, settings, checkpoint=file, checkpoint_seconds=0)
    again = method(scape, *arguments, settings, checkpoint=file)
    assert again.history.tolist() == whole.history.tolist()
    pairs = [(whole, again)] if method is curve else zip(whole.lines, again.lines, strict=True)
    for one, other in pairs:
        assert np.array_equal(one.corners, other.corners)
        assert np.array_equal(one.losses, other.losses)


def test_budgets():
    scape, minima = problems.landscape(), [problems.solution(seed=seed) for seed in (0, 1)]
    path = curve(scape, *minima, Curve(epochs=6, batch_size=20, draws=2), budget=9)
    assert (path.gradients, path.complete) == (8, False)
    made = star(scape, minima, Star(epochs=6, batch_size=20), budget=9)
    assert (made.gradients, made.complete) == (9, False)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Curve(kind="spline"), "kind="),
        (lambda: Curve(bends=0), "bends="),
        (lambda: Curve(bends=10**6), "more than 1000"),
        (lambda: Curve(points=1), "points="),
        (lambda: Curve(momentum=1), "momentum=1"),
        (lambda: Star(feet=0), "feet="),
        (lambda: Star(penalty=-1), "penalty="),
        (lambda: star(ring(), [[1, 0]]), "minima="),
        (lambda: star(ring(), "ab"), "minima="),
        (lambda: barrier_tree(ring(), [[1, 0]]), "minima="),
        (lambda: barrier_tree(ring(), [[1, 0], [0, 1]], Star()), "not an AutoNEB"),
        (lambda: curve(ring(), [1, 0], [0, 1], Star()), "not a Curve"),
        (lambda: star(ring(), [[1, 0], [0, 1]], Curve()), "not a Star"),
        (lambda: line(ring(), [1, 0], [0, 1], points=1), "points="),
        (lambda: curve(ring(), [-3, 0.1], [3, 0.1], Curve(learning_rate=1e6, epochs=50)), "diverged"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(InvalidInputError, match=text):
        make()


def test_no_such_minimum():
    made = star(ring(), [[1, 0], [0, 1]], Star(epochs=1))
    with pytest.raises(InvalidInputError, match="not one of the 2 minima"):
        made.path(0, 2)
    with pytest.raises(InvalidInputError, match="both 1"):
        made.path(1, 1)


def test_lines_are_those_of_the_package():
    for geometry, kind in (("flat", "linear"), ("toroid", "geodesic")):
        scape = problems.landscape("norm", geometry=geometry)
        a, b = problems.solution("norm", 0), problems.solution("norm", 1)
        found = line(scape, a, b, points=9)
        expected = db.path(a, b, problems.data("norm"), kind, 9)
        assert found.error_counts[1:-1].tolist() == expected.error_counts[1:-1].tolist()
        np.testing.assert_allclose(found.losses[1:-1], expected.losses[1:-1], rtol=1e-6)


@pytest.mark.parametrize("method", [db.connectivity.autoneb, curve, star, barrier_tree])
def test_a_larger_budget_goes_on_where_a_smaller_one_ended(method, tmp_path):
    scape, minima = problems.landscape(dtype="float32"), [problems.solution(seed=seed) for seed in range(3)]
    settings = Curve(epochs=4, batch_size=20)
    if method is db.connectivity.autoneb:
        settings = AutoNEB(cycles=[(10, 0.05), (10, 0.02)], batch_size=20, threshold=0.01, between=4)
    arguments = minima[:2] if method in (curve, db.connectivity.autoneb) else [minima]
    settings = Star(epochs=4, batch_size=20) if method is star else settings
    whole = method(scape, *arguments, settings)
    file = tmp_path / "file"
    for budget in (4, 7, 11):
        part = method(scape, *arguments, settings, budget=budget, checkpoint=file)
        assert not part.complete
        assert part.gradients <= budget
    again = method(scape, *arguments, settings, checkpoint=file)
    assert again.complete
    assert again.gradients == whole.gradients
    for one, other in ((again, whole),) if method is not star else zip(again.lines, whole.lines, strict=True):
        name = "heights" if method is barrier_tree else "losses"
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_trees_of_bands_with_a_budget_are_those_without_one(tmp_path):
    settings = AutoNEB(cycles=[(20, 1e-4)] * 2, weight_decay=0.0, threshold=0.01, between=9)
    whole = barrier_tree(mueller_brown(), MINIMA, settings, points=9)
    for budget in (30, 60, 100, 119, 120, 121, 200):
        file = tmp_path / f"{budget}"
        part = barrier_tree(mueller_brown(), MINIMA, settings, points=9, budget=budget, checkpoint=file)
        assert (part.heights <= part.line_heights).all()
        again = barrier_tree(mueller_brown(), MINIMA, settings, points=9, checkpoint=file)
        np.testing.assert_array_equal(again.heights, whole.heights)
        assert (again.gradients, again.n_refined) == (whole.gradients, whole.n_refined)


LANDSCAPES = [
    [lambda: double_well(1.0), lambda: double_well(10.0)],
    [lambda: with_activation(nn.ReLU()), lambda: with_activation(nn.LeakyReLU(0.5))],
]


def with_activation(module):
    chain = nn.Sequential(nn.Linear(2, 2, bias=False), module, nn.Linear(2, 2, bias=False))
    net = db.from_module(chain, torch.zeros(2, 2), db.Symmetry({})).network
    rng = np.random.default_rng(0)
    return db.landscape(net, (rng.normal(size=(20, 2)), rng.integers(2, size=20)), dtype="float64")


@pytest.mark.parametrize("pair", LANDSCAPES)
@pytest.mark.parametrize("method", ["autoneb", "curve", "star", "tree", "surface", "retrain"])
def test_checkpoints_of_other_functions_and_modules_of_the_same_name_are_refused(pair, method, tmp_path):
    file = tmp_path / "file"

    def run(scape):
        a, b = -np.ones(scape.size), np.ones(scape.size)
        jump = db.connectivity.JumpAndRetrain(directions=1, steps=[1.0], epochs=1)
        return {
            "autoneb": lambda: autoneb(scape, a, b, AutoNEB(cycles=[(3, 1e-3)]), checkpoint=file),
            "curve": lambda: curve(scape, a, b, Curve(epochs=2), checkpoint=file),
            "star": lambda: star(scape, [a, b], Star(epochs=2), checkpoint=file),
            "tree": lambda: barrier_tree(scape, [a, b], Curve(epochs=2), checkpoint=file),
            "surface": lambda: db.connectivity.surface(scape, a, np.eye(scape.size)[:2], points=3, checkpoint=file),
            "retrain": lambda: db.connectivity.jump_and_retrain(scape, a, jump, checkpoint=file),
        }[method]()

    run(pair[0]())
    before = file.read_bytes()
    run(pair[0]())
    with pytest.raises(InvalidInputError, match="is the checkpoint of another"):
        run(pair[1]())
    assert file.read_bytes() == before
