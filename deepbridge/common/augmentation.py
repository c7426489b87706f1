"""Augmentation of images: random flips and crops of mini-batches."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

PADDING = 4  # pixels around an image, of value zero, which is the mean gray of normalised images


def flipped_and_cropped(images: Tensor, rng: np.random.Generator, padding: int = PADDING) -> Tensor:
    """Images (..., C, height, width), each mirrored with probability 1/2 and shifted by up to `padding` pixels.

    As is usual for CIFAR-10 (He et al. 2016): a random window of the image with a margin of zeros.
    """
    batch, (channels, height, width) = images.shape[:-3], images.shape[-3:]
    flat = images.reshape(-1, channels, height, width)
    count = len(flat)
    mirrored = torch.from_numpy(rng.random(count) < 0.5).to(images.device)
    down, right = (torch.from_numpy(rng.integers(2 * padding + 1, size=count)).to(images.device) for _ in range(2))
    padded = functional.pad(flat, (padding,) * 4)
    columns = torch.arange(width, device=images.device)
    columns = torch.where(mirrored[:, None], width - 1 - columns, columns) + right[:, None]  # (count, width)
    rows = torch.arange(height, device=images.device) + down[:, None]  # (count, height)
    which = torch.arange(count, device=images.device)[:, None, None]
    found = padded.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]]  # (count, height, width, C)
    return found.permute(0, 3, 1, 2).reshape(*batch, channels, height, width).contiguous()
