"""Jump and retrain: a plain twin with torch's SGD, bowls, checkpoints, latents, toroids, augmentation, refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError, StoreError
from deepbridge.common.augmentation import flipped_and_cropped
from deepbridge.connectivity import Function, JumpAndRetrain, curve, jump_and_retrain, random_directions
from deepbridge.connectivity.curves import Curve
from deepbridge.connectivity.sampling import Retraining
from tests.deepbridge.connectivity import problems
from tests.naive import connectivity as naive

FEW = JumpAndRetrain(directions=2, steps=(0.5, 1.0), epochs=3, batch_size=20, learning_rate=0.05, weight_decay=0.01)


def jumps_of(samples, scape):
    """Lengths of the jumps times directions, by the first samples."""
    first = 1 + len(set(samples.direction[1:])) * len(set(samples.step[1:]))
    return samples.points[1:first] - samples.points[0]


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("size", [20, 25, 60])
def test_runs_are_those_of_torch_one_after_the_other(kind, size):
    chosen = JumpAndRetrain(**{**vars(FEW), "batch_size": size})
    scape, one = problems.landscape(kind), problems.solution(kind)
    samples = jump_and_retrain(scape, one, chosen, seed=3)
    retraining = Retraining(scape, scape.point(one), chosen, 3)
    inputs, classes = (torch.tensor(x) for x in problems.data(kind))
    module, start = problems.MODULES[kind]().double(), scape.point(one).numpy()
    jumps = jumps_of(samples, scape)
    expected = naive.jump_and_retrain(module, inputs, classes, start, jumps, chosen, retraining.batches.of)
    np.testing.assert_allclose(samples.points, expected, atol=1e-10)
    twin = problems.twin(kind)
    assert samples.losses == pytest.approx([twin.value(point) for point in samples.points], rel=1e-9)
    assert (samples.errors * 60).round().tolist() == [twin.wrong(point) for point in samples.points]
    other = scape.values(torch.from_numpy(samples.points), None, True)
    assert np.array_equal(samples.test_losses, other.losses)
    assert np.array_equal(samples.test_errors, other.errors)
    assert samples.gradients == 4 * 3 * -(-60 // size)


def test_batch_norms_follow_the_mini_batch_and_dropout_is_off():
    scape, one = problems.landscape("norm"), problems.solution("norm")
    samples = jump_and_retrain(scape, one, FEW, seed=1)
    batches = Retraining(scape, scape.point(one), FEW, 1).batches
    module = problems.MODULES["norm"]().double()
    module[4].p = 0.0
    inputs, classes = (torch.tensor(x) for x in problems.data("norm"))
    start, jumps = scape.point(one).numpy(), jumps_of(samples, scape)
    expected = naive.jump_and_retrain(module, inputs, classes, start, jumps, FEW, batches.of)
    np.testing.assert_allclose(samples.points, expected, atol=1e-9)
    assert samples.losses[-1] == pytest.approx(
        scape.solution(torch.from_numpy(expected[-1])).loss(problems.data("norm"))
    )


@given(st.integers(0, 2**32), st.integers(1, 3), st.lists(st.floats(0.1, 2), min_size=1, max_size=3), st.integers(1, 5))
@settings(max_examples=20)
def test_a_bowl_is_descended_as_written_down(seed, directions, steps, epochs):
    """Of the loss k x^2 / 2 a step takes off the share rate (k + decay)."""
    scales = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    bowl = Function(lambda x: (scales * x.square()).sum() / 2, 3)
    chosen = JumpAndRetrain(
        directions=directions, steps=steps, epochs=epochs, learning_rate=0.1, momentum=0.0, weight_decay=0.5
    )
    start = np.array([1.0, -2.0, 0.5])
    samples = jump_and_retrain(bowl, start, chosen, seed)
    runs = directions * len(steps)
    first = samples.points[1 : runs + 1]
    shrink = 1 - 0.1 * (scales.numpy() + 0.5)
    expected = np.concatenate([[start], *(first * shrink**epoch for epoch in range(epochs + 1))])
    np.testing.assert_allclose(samples.points, expected, rtol=1e-9, atol=1e-12)
    assert samples.losses == pytest.approx((scales.numpy() * expected**2).sum(1) / 2)
    assert samples.errors is samples.test_losses is samples.test_errors is None
    assert samples.n_samples == chosen.n_samples == len(expected)


def test_every_row_says_which_run_and_epoch_it_is_of():
    scape, one = problems.landscape(), problems.solution()
    samples = jump_and_retrain(scape, one, FEW)
    assert samples.direction.tolist() == [-1] + 4 * [0, 0, 1, 1]
    assert samples.step.tolist() == [0] + 8 * [0.5, 1.0]
    assert samples.epoch.tolist() == [0] + [e for e in range(4) for _ in range(4)]
    jumps = jumps_of(samples, scape)
    np.testing.assert_allclose(jumps[1::2], 2 * jumps[::2])  # the longer jump goes along the same direction
    norms = [np.bincount(scape.filters + 1, x**2)[1:] for x in (jumps[1], samples.points[0])]
    np.testing.assert_allclose(*norms)  # a jump of 1 is as large as each filter
    assert not jumps[:, scape.filters == -1].any()


def test_directions_are_those_of_the_landscape():
    scape, one = problems.landscape(), problems.solution()
    chosen = JumpAndRetrain(directions=3, steps=[1.0], epochs=1, normalization="none")
    rng = np.random.default_rng(7)
    samples = jump_and_retrain(scape, one, chosen, rng)
    rng = np.random.default_rng(7)
    rng.integers(2**63, size=2)  # keys of the mini-batches and of the run
    expected = random_directions(scape, one, 3, "none", rng)
    np.testing.assert_allclose(jumps_of(samples, scape), expected, atol=1e-12)


def test_on_the_toroid_all_samples_are_normalised_networks():
    scape, one = problems.landscape("norm", geometry="toroid"), problems.solution("norm")
    samples = jump_and_retrain(scape, one, JumpAndRetrain(**{**vars(FEW), "epochs": 20}))
    points = torch.from_numpy(samples.points)
    torch.testing.assert_close(scape.geometry.onto(points), points)
    first, last = samples.losses[1:5], samples.losses[-4:]
    assert (last < first).all()


def test_latents_are_retrained_by_straight_through_gradients():
    patterns = bl.Patterns.random(60, 15, seed=0)
    network = db.BinaryMLP(15, (7,))
    one = db.fit(network, patterns, db.SGD(epochs=3), seed=0, progress=False)
    scape = db.landscape(network, patterns, test=patterns, dtype="float64")
    chosen = JumpAndRetrain(**{**vars(FEW), "learning_rate": 0.5})
    samples = jump_and_retrain(scape, one, chosen)
    retraining = Retraining(scape, scape.point(one), chosen, 0)
    point, velocity = torch.from_numpy(samples.points[2]), 0.0  # direction 0, step 1
    for step in range(9):
        _, slope = scape.gradients(point[None], retraining.batches.of(step, 1))
        velocity = 0.9 * velocity + slope[0] + 0.01 * point
        point = point - 0.5 * velocity
    np.testing.assert_allclose(samples.points[-3], point, atol=1e-9)
    assert samples.errors[-3] == scape.solution(point).error(patterns) == samples.test_errors[-3]


def images(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, 1, 6, 6)), rng.integers(3, size=60)


@pytest.mark.parametrize("size", [20, 60])
def test_augmented_runs_see_flips_and_crops_of_their_own(size):
    chosen = JumpAndRetrain(**{**vars(FEW), "augmentation": "flips-and-crops", "batch_size": size})
    scape, one = problems.landscape("conv"), problems.solution("conv")
    samples = jump_and_retrain(scape, one, chosen, seed=3)
    retraining = Retraining(scape, scape.point(one), chosen, 3)
    inputs, classes = (torch.tensor(x) for x in problems.data("conv"))

    def seen(images, step, run):
        return flipped_and_cropped(images, np.random.default_rng([retraining.key, step, run]))

    module, start, jumps = problems.MODULES["conv"]().double(), scape.point(one).numpy(), jumps_of(samples, scape)
    expected = naive.jump_and_retrain(module, inputs, classes, start, jumps, chosen, retraining.batches.of, seen)
    np.testing.assert_allclose(samples.points, expected, atol=1e-10)
    plain = jump_and_retrain(scape, one, FEW, seed=3)
    assert np.array_equal(samples.points[:5], plain.points[:5])  # the same jumps
    assert not np.array_equal(samples.points[5:], plain.points[5:])


def frozen():
    """A network whose first layer is not trained, and its landscape."""
    torch.manual_seed(0)
    module = problems.MODULES["mlp"]().double()
    module[1].requires_grad_(False)
    one = db.from_module(module, torch.zeros(2, 12, dtype=torch.float64))
    return module, one, db.landscape(one.network, problems.data(), dtype="float64")


def test_what_is_not_trained_stays():
    module, one, scape = frozen()
    chosen = JumpAndRetrain(**{**vars(FEW), "weight_decay": 0.3})
    samples = jump_and_retrain(scape, one, chosen)
    inputs, classes = (torch.tensor(x) for x in problems.data())
    batches = Retraining(scape, scape.point(one), chosen, 0).batches
    start, jumps = scape.point(one).numpy(), jumps_of(samples, scape)
    expected = naive.jump_and_retrain(module, inputs, classes, start, jumps, chosen, batches.of)
    np.testing.assert_allclose(samples.points, expected, atol=1e-10)
    assert (samples.points[:, :84] == samples.points[0, :84]).all()


def test_what_is_not_trained_stays_on_curves():
    _, one, scape = frozen()
    other = one.at({name: t + (0.1 if name not in one.network.constants else 0) for name, t in one.state.items()})
    path = curve(scape, one, other, Curve(epochs=3, batch_size=20, weight_decay=0.3))
    np.testing.assert_allclose(path.corners[1, :84], path.corners[0, :84], rtol=1e-12)


@pytest.mark.parametrize("more", [{}, {"augmentation": "flips-and-crops"}, {"momentum": 0.0}])
def test_interrupted_runs_go_on_bit_for_bit(more, tmp_path, monkeypatch):
    scape, one = problems.landscape("conv", dtype="float32"), problems.solution("conv")
    chosen = JumpAndRetrain(**{**vars(FEW), **more})
    whole = jump_and_retrain(scape, one, chosen)
    file, count, real = tmp_path / "file", 0, Retraining.step

    def interrupted(self, step, epoch):
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return real(self, step, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(Retraining, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            jump_and_retrain(scape, one, chosen, checkpoint=file, checkpoint_seconds=0)
    again = jump_and_retrain(scape, one, chosen, checkpoint=file)
    for name in ("points", "losses", "errors", "test_losses", "test_errors"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))
    assert again.gradients == whole.gradients
    with pytest.raises(InvalidInputError, match="checkpoint"):
        jump_and_retrain(scape, one, chosen, seed=1, checkpoint=file)
    for other in (JumpAndRetrain(**{**vars(chosen), "learning_rate": 0.04}), None):
        with pytest.raises(InvalidInputError, match="checkpoint"):
            jump_and_retrain(scape, one, other, checkpoint=file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreError):
        jump_and_retrain(scape, one, chosen, checkpoint=file)


def test_a_state_that_does_not_fit_is_refused():
    scape, one = problems.landscape(), problems.solution()
    retraining = Retraining(scape, scape.point(one), FEW, 0)
    state = retraining.state()
    for name, value in (("kept", None), ("kept", torch.zeros(3)), ("points", torch.zeros(2)), ("velocity", 3)):
        with pytest.raises((ValueError, TypeError)):
            retraining.restore(state | {name: value})
    retraining.restore(state)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: JumpAndRetrain(directions=0), "directions="),
        (lambda: JumpAndRetrain(steps=()), "steps="),
        (lambda: JumpAndRetrain(steps=0.5), "steps="),
        (lambda: JumpAndRetrain(steps=[0.0]), "step="),
        (lambda: JumpAndRetrain(epochs=0), "epochs="),
        (lambda: JumpAndRetrain(learning_rate=0), "learning_rate="),
        (lambda: JumpAndRetrain(batch_size=1.5), "batch_size="),
        (lambda: JumpAndRetrain(momentum=1), "momentum=1"),
        (lambda: JumpAndRetrain(weight_decay=-1), "weight_decay="),
        (lambda: JumpAndRetrain(normalization="units"), "normalization="),
        (lambda: JumpAndRetrain(augmentation="flips"), "augmentation="),
        (lambda: JumpAndRetrain(epochs=10**6), "more than 100000"),
        (lambda: jump_and_retrain(None, [1.0]), "is not a landscape"),
        (lambda: jump_and_retrain(problems.landscape(), problems.solution(), Curve()), "not a JumpAndRetrain"),
        (lambda: jump_and_retrain(problems.landscape(), [1.0]), "not a point"),
        (lambda: jump_and_retrain(problems.landscape(), problems.solution("conv")), "is not the landscape's network"),
        (lambda: augmented(problems.landscape(), problems.solution()), r"augmentation is for images .* shape \(12,\)"),
        (lambda: augmented(Function(lambda x: x.square().sum(), 2), [1.0, 1.0]), "augmentation is for networks"),
        (
            lambda: jump_and_retrain(
                Function(lambda x: x.square().sum() ** 3, 2), [9.0, 9.0], JumpAndRetrain(learning_rate=1e6)
            ),
            "retraining diverged",
        ),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(InvalidInputError, match=text):
        make()


def augmented(scape, one):
    return jump_and_retrain(scape, one, JumpAndRetrain(epochs=1, augmentation="flips-and-crops"))


def test_samples_beyond_the_memory_are_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr("binland.checks.memory", lambda: 2**20)
    bowl = Function(lambda x: x.square().sum(), 1000)
    with pytest.raises(InvalidInputError, match="657 samples of 1000 weights would take"):
        jump_and_retrain(bowl, np.ones(1000))


def test_networks_of_one_layer_and_one_output():
    module = nn.Sequential(nn.Linear(5, 1)).double()
    one = db.from_module(module, torch.zeros(2, 5, dtype=torch.float64))
    rng = np.random.default_rng(0)
    data = rng.normal(size=(30, 5)), rng.integers(2, size=30)
    samples = jump_and_retrain(db.landscape(one.network, data, dtype="float64"), one, FEW)
    assert np.isfinite(samples.losses).all()
    assert samples.test_losses is None
