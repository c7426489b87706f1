"""
Paths between two solutions
===========================

The train error after every single flip on the way from one solution to another: in a random order, averaged over all
orders (in closed form), and in an order that a gradient guides. The second picture removes the symmetries first.
"""

import matplotlib.pyplot as plt

import binland as bl

manifold = bl.HiddenManifold(n_inputs=401, latent_dim=201, seed=0)
train = manifold.sample(603, seed=1)
machine = bl.CommitteeMachine(n_inputs=401, n_hidden=41)
start, end = (bl.fit(machine, train, bl.SGD(), seed=k) for k in (0, 1))
aligned = bl.align(end, to=start).solution

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, goal, title in zip(axes, (end, aligned), ("as trained", "aligned"), strict=True):
    bl.plots.plot_path(bl.shortest_path(start, goal, train, seed=0), ax, "a random order", color="#56B4E9", width=0.7)
    bl.plots.plot_path(bl.expected_path(start, goal, train), ax, "mean over all orders", color="#0072B2")
    bl.plots.plot_path(bl.shortest_path(start, goal, train, order="guided"), ax, "guided", color="#D55E00", line="--")
    ax.set_title(f"{title}, {bl.hamming(start, goal):.3g} of the weights differ")
axes[0].legend()
plt.show()
