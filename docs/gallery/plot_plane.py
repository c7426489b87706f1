"""
The plane through three solutions
=================================

Three trained committee machines span a plane in the space of their latent weights; its points are made binary and their
train errors counted. Aligned solutions (right) lie closer together, and the valley between them is lower.
"""

import matplotlib.pyplot as plt

import binland as bl

manifold = bl.HiddenManifold(n_inputs=401, latent_dim=201, seed=0)
train = manifold.sample(603, seed=1)
machine = bl.CommitteeMachine(n_inputs=401, n_hidden=41)
first, *others = (bl.fit(machine, train, bl.RSGD(), seed=k) for k in range(3))
aligned = [bl.align(solution, to=first).solution for solution in others]

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, two, title in zip(axes, (others, aligned), ("as trained", "aligned"), strict=True):
    plane = bl.plane(first, *two, train, points=31)
    contours, *_ = bl.plots.plot_plane(plane, ax)
    fig.colorbar(contours, ax=ax, label="train error (%)", shrink=0.8)
    ax.set_title(title)
plt.show()
