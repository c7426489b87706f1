"""
Small and large batches
=======================

Two networks, trained on digits with mini-batches of 16 and of 512 for the same number of epochs and the same rate times
steps. Left: the loss along a random direction in which every filter is as large as the network's (Li et al. 2018), five
directions each. Right: the density of the Hessian's eigenvalues at both. With rates in proportion to the batch neither
of them is clearly flatter, or better, at this size.
"""

import matplotlib.pyplot as plt

import deepbridge as db
from deepbridge import connectivity as dc

train, test = db.load("digits")
network = db.MLP(64, (32,))
landscape = db.landscape(network, train, test)
fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
for batch_size, color, line in ((16, "#0072B2", "-"), (512, "#D55E00", "--")):
    sgd = db.continuous.SGD(epochs=60, batch_size=batch_size, learning_rate=0.0005 * batch_size)
    solution = db.fit(network, train, sgd, seed=0, progress=False)
    for k, direction in enumerate(dc.random_directions(landscape, solution, count=5)):
        section = dc.surface(landscape, solution, direction[None], 41, progress=False)
        label = f"batches of {batch_size}: test error {100 * solution.error(test):.1f} %" if k == 0 else None
        left.semilogy(section.x, section.losses, line, color=color, alpha=0.7, label=label)
    density = dc.spectral_density(landscape, solution)
    largest = dc.hessian_eigenvalues(landscape, solution, count=1).values[0]
    right.semilogy(
        density.eigenvalues, density.density, line, color=color, label=f"batches of {batch_size}: largest {largest:.1f}"
    )
left.set(xlabel="step along the direction, in units of the weights", ylabel="train loss (nat)")
left.locator_params(axis="x", nbins=5)
left.legend()
right.set(xlabel="eigenvalue of the Hessian (nat)", ylabel="density (1 / nat)", ylim=(1e-6, None))
right.legend()
plt.show()
