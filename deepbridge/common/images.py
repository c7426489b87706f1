"""Images as a learning problem of sweeps, `[data] kind = "images"`."""

from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from binland.sweep.contracts.problem import Inputs, Problem, SeedFor
from binland.sweep.contracts.section import Positive, Section
from binland.sweep.identity import canonical_json
from deepbridge.common.data import SHAPES, WITH_PARITY, Dataset, load


class ImageSettings(Section):
    """Images. A number of them that is not given stands for all there are."""

    name: Literal["mnist", "fashion-mnist", "cifar10", "digits"] = Field(description="of the images")
    task: Literal["classes", "parity"] = Field("classes", description="the ten classes, or the parity of digits")
    per_class: Positive | None = Field(None, title="images", description="training images of each class")
    test_per_class: Positive | None = Field(None, title="test images", description="test images of each class")
    batches: list[Annotated[int, Field(ge=1, le=5)]] = Field(
        [1, 2, 3, 4, 5], min_length=1, description="files of CIFAR-10 that are read"
    )

    @model_validator(mode="after")
    def _task_fits(self) -> "ImageSettings":
        if self.task == "parity" and self.name not in WITH_PARITY:
            raise ValueError(f'task = "parity" is for mnist and digits, not {self.name}')
        if len(set(self.batches)) < len(self.batches):
            raise ValueError(f"batches = {self.batches}: each may occur once")
        if self.name != "cifar10" and self.batches != [1, 2, 3, 4, 5]:
            raise ValueError(f"batches = {self.batches} is for cifar10 only; remove it")
        return self


class Images(Problem[ImageSettings]):
    """Classes or parity of images. A disorder sample is a random choice of images, the same for every network."""

    name = "images"
    Settings = ImageSettings
    libraries = ("scikit-learn",)

    def inputs(self, settings: ImageSettings) -> Inputs:
        """Shape and kind of the images."""
        return Inputs(SHAPES[settings.name], 2 if settings.task == "parity" else 10, "reals")

    def train(self, settings: ImageSettings, seed: SeedFor) -> Dataset:
        """Train images of the disorder sample."""
        return _images(settings, seed)[0]

    def test(self, settings: ImageSettings, seed: SeedFor) -> Dataset:
        """Test images of the disorder sample."""
        return _images(settings, seed)[1]

    def key(self, settings: ImageSettings) -> dict[str, Any]:
        """All settings except the number of test images."""
        return settings.model_dump(exclude={"test_per_class"})

    def test_key(self, settings: ImageSettings) -> dict[str, Any]:
        """Number of test images."""
        return {"test_per_class": settings.test_per_class}

    def check_samples(self, settings: ImageSettings, disorder_samples: int) -> None:
        """Raise ValueError if several disorder samples are asked for but all images are used."""
        if disorder_samples > 1 and settings.per_class is None:
            raise ValueError(
                f"grid.disorder_samples = {disorder_samples} are draws of the images, but all images are used; set"
                " data.per_class, or grid.disorder_samples = 1"
            )

    def check_ready(self, settings: ImageSettings) -> None:
        """Raise DataError if the images are not there."""
        _images(settings, lambda _: np.random.SeedSequence(0))

    def summary(self, settings: ImageSettings) -> str:
        """Name and number of the images, in words."""
        images = "all images" if settings.per_class is None else f"{settings.per_class} images per class"
        return f"{settings.name}{' parity' if settings.task == 'parity' else ''}, {images}"


def _images(settings: ImageSettings, seed: SeedFor) -> tuple[Dataset, Dataset]:
    return _drawn(canonical_json(settings.model_dump()), seed("images").entropy)


@lru_cache(maxsize=2)
def _drawn(settings: str, entropy: Any) -> tuple[Dataset, Dataset]:
    """The images, cached since train and test share the files."""
    data = ImageSettings.model_validate_json(settings)
    return load(
        data.name,
        per_class=data.per_class,
        test_per_class=data.test_per_class,
        task=data.task,
        seed=np.random.SeedSequence(entropy),
        batches=tuple(data.batches),
    )


IMAGES = Images()
