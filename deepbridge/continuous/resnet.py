"""ResNet20, with its symmetry given explicitly: an example for residual networks of your own."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from deepbridge.continuous.networks import SINGLE, Network, check_image, check_sizes
from deepbridge.continuous.units import Axes, Symmetry

BLOCKS = 3  # in each of the three stages
OPTIONS: dict[str, Any] = {"padding": 1, "bias": False, "dtype": SINGLE}  # of a convolution


@dataclass(frozen=True)
class ResNet20(Network):
    """Residual network of 20 layers with batch-norm for small images.

    Parameters
    ----------
    width : int, default 16
        Filters of the first stage; the other two stages have 2 and 4 times as many.
    input_shape : tuple of int, default (3, 32, 32)
        (channels, height, width) of the images.
    n_outputs : int, default 10
        1 for two classes, else the number of classes.

    Raises
    ------
    InvalidInputError
        If a size is below 1, or n_outputs is 2.

    Notes
    -----
    Where the number of filters changes, the shortcut is a convolution of 1 x 1 with batch-norm.

    References
    ----------
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.ResNet20(width=4).symmetry.names[0]
    'stage0'
    """

    width: int = 16
    input_shape: tuple[int, int, int] = (3, 32, 32)  # type: ignore[assignment]
    n_outputs: int = 10

    def __post_init__(self) -> None:
        check_sizes(self, ("width", "n_outputs"), ("input_shape",))
        check_image(self.input_shape)

    def module(self) -> nn.Module:
        """A new torch module.

        Returns
        -------
        torch.nn.Module
            With weights as torch draws them.
        """
        return Residual(self.input_shape[0], self.width, self.n_outputs)

    @cached_property
    def symmetry(self) -> Symmetry:  # type: ignore[override]
        """The units of a stage are shared by all its blocks, which add to them; those inside a block are its own."""
        axes, norms = dict[str, Axes](), dict[str, str]()
        for conv, norm, written, read in _layers():
            axes[f"{conv}.weight"] = (written, read, None, None)
            axes[f"{norm}.weight"] = (written,)
            norms[norm] = conv
        return Symmetry(axes | {"linear.weight": (None, "stage2")}, norms)


def _layers() -> Iterator[tuple[str, str, str, str | None]]:
    """Name of each convolution and its batch-norm, of the units it writes and of those it reads."""
    yield "conv", "norm", "stage0", None
    for stage in range(3):
        for block in range(BLOCKS):
            name, here = f"stages.{stage}.{block}", f"stage{stage}"
            before = f"stage{stage - 1}" if block == 0 and stage > 0 else here
            yield f"{name}.conv1", f"{name}.norm1", name, before
            yield f"{name}.conv2", f"{name}.norm2", here, name
            if before != here:
                yield f"{name}.shortcut.0", f"{name}.shortcut.1", here, before


class Residual(nn.Module):
    """A convolution, three stages of blocks, the mean over positions, a linear layer."""

    def __init__(self, channels: int, width: int, n_outputs: int):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, width, 3, **OPTIONS), nn.BatchNorm2d(width, dtype=SINGLE)
        stages, before = [], width
        for stage in range(3):
            filters = width * 2**stage
            blocks = []
            for _ in range(BLOCKS):
                blocks.append(Block(before, filters))
                before = filters
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(before, n_outputs, dtype=SINGLE)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs, (P, n_outputs)."""
        found: Tensor = self.stages(nn.functional.relu(self.norm(self.conv(inputs))))
        return self.linear(found.mean((2, 3)))


class Block(nn.Module):
    """Two convolutions added to the block's input; a block with more filters than the one before halves the image."""

    def __init__(self, before: int, filters: int):
        super().__init__()
        stride = 1 if before == filters else 2
        self.conv1, self.norm1 = nn.Conv2d(before, filters, 3, stride, **OPTIONS), nn.BatchNorm2d(filters, dtype=SINGLE)
        self.conv2, self.norm2 = nn.Conv2d(filters, filters, 3, **OPTIONS), nn.BatchNorm2d(filters, dtype=SINGLE)
        shorter = nn.Conv2d(before, filters, 1, stride, bias=False, dtype=SINGLE)
        projection = (shorter, nn.BatchNorm2d(filters, dtype=SINGLE))
        self.shortcut = nn.Identity() if before == filters else nn.Sequential(*projection)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs, (P, filters, height, width)."""
        inner = nn.functional.relu(self.norm1(self.conv1(inputs)))
        return nn.functional.relu(self.norm2(self.conv2(inner)) + self.shortcut(inputs))
