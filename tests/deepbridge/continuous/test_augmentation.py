"""Flips and crops: against loops over images; trainings with them; identities of those without."""

import numpy as np
import pytest
import torch

import deepbridge as db
from binland.errors import InvalidInputError
from binland.sweep.spec import _plain
from deepbridge.common.augmentation import flipped_and_cropped
from deepbridge.continuous import ADV, RSGD, SGD

LENET = db.LeNet((2, 12, 12), (3,), (5,), 3)


def images(count=12):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 2, 12, 12)).astype(np.float32), rng.integers(3, size=count)


def test_every_image_is_a_window_of_itself_with_a_margin_mirrored_or_not():
    x = torch.from_numpy(images(200)[0])
    made = flipped_and_cropped(x.reshape(4, 50, 2, 12, 12), np.random.default_rng(1)).reshape(x.shape)
    rng = np.random.default_rng(1)
    mirrored, down, right = rng.random(200) < 0.5, rng.integers(9, size=200), rng.integers(9, size=200)
    for k in range(200):
        large = np.zeros((2, 20, 20), np.float32)
        large[:, 4:16, 4:16] = x[k].numpy()
        window = large[:, down[k] : down[k] + 12, right[k] : right[k] + 12]
        np.testing.assert_array_equal(made[k].numpy(), window[:, :, ::-1] if mirrored[k] else window)
    assert 0.35 < mirrored.mean() < 0.65


@pytest.mark.parametrize("algorithm", [SGD, RSGD, ADV])
def test_trainings_with_augmentation_reproduce_and_resume(algorithm, tmp_path):
    options = {"pretrain_epochs": 2} if algorithm is ADV else {}
    settings = algorithm(epochs=4, batch_size=5, augmentation="flips-and-crops", **options)
    whole = db.fit(LENET, images(), settings, seed=0)
    plain = db.fit(LENET, images(), algorithm(epochs=4, batch_size=5, **options), seed=0)
    assert not np.array_equal(whole.flat, plain.flat)
    file = tmp_path / "file"
    stop = lambda state: state.phase == "training" and state.epoch == 2  # noqa: E731
    db.fit(LENET, images(), settings, seed=0, checkpoint=file, callback=stop)
    again = db.fit(LENET, images(), settings, seed=0, checkpoint=file)
    np.testing.assert_array_equal(again.flat, whole.flat)
    together = db.fit_many(LENET, images(), settings, seeds=[1, 0])[1]
    np.testing.assert_allclose(together.flat, whole.flat, atol=1e-5)


def test_the_default_is_named_by_nothing():
    assert "augmentation" not in _plain(SGD())
    assert _plain(SGD(augmentation="flips-and-crops"))["augmentation"] == "flips-and-crops"


def test_only_images_are_augmented():
    with pytest.raises(InvalidInputError, match="is for images"):
        db.fit(db.MLP(4, (3,), 2), (np.zeros((5, 4)), np.zeros(5)), SGD(augmentation="flips-and-crops"), seed=0)
    with pytest.raises(InvalidInputError, match="augmentation="):
        SGD(augmentation="rotations")
