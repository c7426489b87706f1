"""
An animated path
================

The error while the weights of one solution are flipped into those of another, one after the other. Above: random order;
below: the guided order, which waits where a flip would raise the error above that of the ends.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

import binland as bl

manifold = bl.HiddenManifold(n_inputs=201, latent_dim=101, seed=0)
train = manifold.sample(303, seed=1)
machine = bl.CommitteeMachine(n_inputs=201, n_hidden=21)
start, end = (bl.fit(machine, train, bl.SGD(), seed=k) for k in (0, 1))
paths = {
    "random": bl.shortest_path(start, end, train, seed=0),
    "guided": bl.shortest_path(start, end, train, order="guided"),
}
frames = np.linspace(0, 1, 40)

fig, axes = plt.subplots(2, 1, figsize=(5.4, 5), sharex=True, layout="constrained")
points = []
for ax, (name, path) in zip(axes, paths.items(), strict=True):
    bl.plots.plot_path(path, ax, color="#999999", width=0.6)
    points += ax.plot(0, 100 * path.errors[0], "o", color="#D55E00")
    ax.set_title(f"{name} order, barrier {100 * path.barrier:.3g} %")
    ax.set_ylim(-0.5, 105 * paths["random"].barrier)


def move(t):
    """Put both points at a fraction t of their paths."""
    for point, path in zip(points, paths.values(), strict=True):
        point.set_data([t], [100 * path.errors[round(t * path.length)]])
    return points


animation = FuncAnimation(fig, move, frames=frames, interval=80)
plt.show()
