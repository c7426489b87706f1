"""
Random surfaces and planes
==========================

The train loss of a network around a solution, in two random directions in which every filter is as large as the
network's (Li et al. 2018); the same through three solutions; and around the end of a training, in the two principal
directions of its trajectory. Above each stands how far what is marked lies outside of the plane.
"""

import matplotlib.pyplot as plt

import binland as bl
import deepbridge as db
from deepbridge import connectivity as dc

train, test = db.load("digits")
network = db.MLP(64, (32,))
sgd = db.continuous.SGD(epochs=40)
trajectory = []


def keep(state):
    """Keep the network after every epoch."""
    trajectory.append(state.solution())


a = db.fit(network, train, sgd, seed=0, progress=False, callback=keep)
b, c = db.fit_many(network, train, sgd, seeds=[1, 2], progress=False)
landscape = db.landscape(network, train)

around = dc.surface(landscape, a, points=31, progress=False)
through = dc.plane_through(landscape, [a, b, c], points=31, progress=False)
principal = dc.pca_directions(landscape, trajectory, centre="last")
training = dc.surface(landscape, a, principal.directions, 31, 6.0, trajectory=trajectory, progress=False)

fig, axes = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
fig.get_layout_engine().set(wspace=0.05)
bl.plots.plot_surface(around, axes[0], logarithmic=True)
bl.plots.plot_surface(through, axes[1], logarithmic=True, names=("a", "b", "c"))
bl.plots.plot_surface(training, axes[2], logarithmic=True)
for ax, title in zip(axes, ("random directions", "three solutions", "a training"), strict=True):
    outside = " ".join(ax.get_title().split())
    ax.set_title(f"{title}\n{outside}".strip(), fontsize=10)
plt.show()
