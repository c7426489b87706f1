"""Training of continuous networks by loops over modules and torch's own optimiser; imports nothing from the packages.

Everywhere: inputs (P, ...), classes (P,) from 0; orders: for each epoch, the patterns in the order in which they are
seen; modules are trained where they are.
"""

import copy
import math

import torch
from torch import nn


def loss_of(outputs, classes):
    """Mean cross-entropy; one output is the logit of class 1."""
    if outputs.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], classes.to(outputs.dtype))
    return nn.functional.cross_entropy(outputs, classes)


def wrong(outputs, classes):
    """How many are put into another class."""
    found = (outputs[:, 0] >= 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)
    return int((found != classes).sum())


def batches_of(order, size):
    return [order[first : first + size] for first in range(0, len(order), size)]


def cosine(rate, step, steps):
    return rate * (1 + math.cos(math.pi * step / steps)) / 2


def sgd(module, inputs, classes, orders, size, rate, schedule, momentum, nesterov, decay):
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), rate, momentum, 0, decay, nesterov and momentum > 0)
    steps = sum(len(batches_of(order, size)) for order in orders)
    step = 0
    for order in orders:
        for batch in batches_of(order, size):
            optimizer.param_groups[0]["lr"] = cosine(rate, step, steps) if schedule == "cosine" else rate
            optimizer.zero_grad()
            loss_of(module(inputs[batch]), classes[batch]).backward()
            optimizer.step()
            step += 1


def distances(modules):
    """Squared distance of each replica to their mean, which does not move, as something to differentiate."""
    found = [0.0 for _ in modules]
    for same in zip(*(module.parameters() for module in modules), strict=True):
        mean = sum(same).detach() / len(modules)
        for a, w in enumerate(same):
            found[a] = found[a] + ((w - mean) ** 2).sum()
    return found


def mean_loss(module, inputs, classes):
    module.eval()
    with torch.no_grad():
        return float(loss_of(module(inputs), classes))


def replicated(modules, inputs, classes, orders, size, rate, momentum, decay, first=None, growth=1e4, cap=math.inf):
    """RSGD; orders: of each replica. Each descends L(w_a) + g |w_a - mean|^2; g per epoch. The centre is returned.

    cap: of the rate times 2 g.
    """
    y, epochs = len(modules), len(orders[0])
    optimizers = [torch.optim.SGD(module.parameters(), rate, momentum, 0, decay, True) for module in modules]
    if first is None:
        apart = sum(float(d.detach()) for d in distances(modules)) / y
        first = sum(mean_loss(module, inputs, classes) for module in modules) / y / apart
    g = first
    steps, step = epochs * len(batches_of(orders[0][0], size)), 0
    for module in modules:
        module.train()
    for epoch in range(epochs):
        for batches in zip(*(batches_of(order[epoch], size) for order in orders), strict=True):
            now = cosine(rate, step, steps)
            g_now = min(g, cap / (2 * now))
            losses = [
                loss_of(module(inputs[batch]), classes[batch]) + g_now * apart
                for module, batch, apart in zip(modules, batches, distances(modules), strict=True)
            ]
            for loss, optimizer in zip(losses, optimizers, strict=True):
                optimizer.param_groups[0]["lr"] = now
                optimizer.zero_grad()
                loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            step += 1
        g *= growth ** (1 / epochs)
    return centre(modules)


def centre(modules):
    """A module whose parameters and buffers are means."""
    made = copy.deepcopy(modules[0])
    with torch.no_grad():
        for name, tensor in made.state_dict().items():
            same = [module.state_dict()[name] for module in modules]
            tensor.copy_(sum(same) / len(same) if tensor.is_floating_point() else same[0])
    return made


def confused(module, inputs, zeros, classes, orders, size, rate, allowed):
    """First phase of ADV: plain steps until at most `allowed` patterns of an epoch were wrong; epochs that it took.

    zeros: (P, ...) which entries are set to zero. classes: random ones.
    """
    module.train()
    inputs = torch.where(zeros, 0.0, inputs)
    for epoch, order in enumerate(orders):
        missed = 0
        for batch in batches_of(order, size):
            outputs = module(inputs[batch])
            missed += wrong(outputs, classes[batch])
            module.zero_grad()
            loss_of(outputs, classes[batch]).backward()
            with torch.no_grad():
                for w in module.parameters():
                    w -= rate * w.grad
        if missed <= allowed:
            return epoch + 1
    return len(orders)


def entropy(module, inputs, classes, orders, size, s, noise):
    """Entropy-SGD as its authors' optimiser has it; s: settings by name. noise: (shape) of a standard Gaussian.

    Inner loops take mini-batches one after the other, over the ends of epochs; the last loop may be shorter.
    """
    module.train()
    weights = list(module.parameters())
    w = [p.detach().clone() for p in weights]
    outer_momenta = [torch.zeros_like(p) for p in weights]
    batches = [batch for order in orders for batch in batches_of(order, size)]
    for t, first in enumerate(range(0, len(batches), s["L"])):
        g = s["gamma"] * (1 + s["scoping"]) ** t
        mean, inner_momenta = [p.clone() for p in w], [torch.zeros_like(p) for p in w]
        for batch in batches[first : first + s["L"]]:
            module.zero_grad()
            loss_of(module(inputs[batch]), classes[batch]).backward()
            with torch.no_grad():
                for k, p in enumerate(weights):
                    direction = nesterov(p.grad + s["decay"] * p, inner_momenta[k], s["momentum"])
                    eta = noise(p.shape)
                    direction = direction - g * (w[k] - p) + s["noise"] / math.sqrt(0.5 * s["inner_rate"]) * eta
                    p -= s["inner_rate"] * direction
                    mean[k] = s["averaging"] * mean[k] + (1 - s["averaging"]) * p
        rate = cosine(s["rate"], first, len(batches))
        with torch.no_grad():
            for k, p in enumerate(weights):
                w[k] = w[k] - rate * nesterov(w[k] - mean[k] + s["decay"] * w[k], outer_momenta[k], s["momentum"])
                p.copy_(w[k])


def nesterov(gradient, buffer, momentum):
    buffer.mul_(momentum).add_(gradient)
    return gradient + momentum * buffer
