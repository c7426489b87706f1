"""BinaryNet of one network by autograd, one module after the other; imports nothing from the packages."""

import math

import torch
from torch.nn import functional


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, window):
        ctx.save_for_backward(x)
        ctx.window = window
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= ctx.window).to(x.dtype), None


def logits(latents, x, window=1.0, pool=2, scale=1.0, input_scale=1.0):
    """latents: tensors (F, C, K, K) or (H, N), binarised with gradient 1; x (B, ...) integers times input_scale."""
    for k, latent in enumerate(latents):
        w = _Sign.apply(latent, math.inf)
        if w.dim() == 4:
            delta = functional.max_pool2d(functional.conv2d(x, w), pool) / math.sqrt(w[0].numel())
        else:
            delta = x.flatten(1) @ w.T / math.sqrt(w.shape[1])
        if k == 0:
            delta = delta * input_scale
        if k < len(latents) - 1:
            x = _Sign.apply(delta, window)
    return scale * delta


def train(
    latents,
    inputs,
    classes,
    orders,
    batch_size,
    make_optimizer,
    rates,
    window=1.0,
    clip=1.0,
    scale=1.0,
    input_scale=1.0,
):
    """Epoch after epoch with the given orders (epochs, P) and rates (epochs,); returns the latents."""
    latents = [latent.clone().requires_grad_() for latent in latents]
    optimizer = make_optimizer(latents)
    for order, rate in zip(orders, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        for batch in torch.as_tensor(order).split(batch_size):
            z = logits(latents, inputs[batch], window, scale=scale, input_scale=input_scale)
            if z.shape[1] == 1:
                loss = functional.binary_cross_entropy_with_logits(z[:, 0], classes[batch].to(z.dtype))
            else:
                loss = functional.cross_entropy(z, classes[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for latent in latents:
                    latent.clamp_(-clip, clip)
    return [latent.detach() for latent in latents]
