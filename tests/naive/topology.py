"""Persistence of samples around a solution in loops, also as a published script computes it; imports no package."""

from tests.naive import neighbours as near


def cosines(points):
    return [[near.cosine(a, b) for b in points] for a in points]


def potential(points, steps):
    return near.potential(cosines(points), 5, 40.0, steps)


def graph(points, k, distance, steps):
    """Edges between nearest neighbours."""
    if distance == "euclidean":
        return near.neighbour_edges([[near.euclidean(a, b) for b in points] for a in points], k, False)
    rows = potential(points, steps) if distance == "potential" else points
    return near.neighbour_edges(cosines(rows), k, False)


def published(potential, losses, k):
    """Intervals of dimensions 0 and 1 of n points with an asymmetric potential and a list of n + 1 losses.

    Every point is joined with the k farthest, of equally far ones with the first, in a list of edges with repetitions,
    which a union-find goes through.
    """
    edges, n = [], len(potential)
    for i, row in enumerate(potential):
        order = sorted(range(n), key=lambda j, i=i, row=row: (j == i, -row[j], j))
        edges += [(i, j) for j in order[:k]]
    weights = [max(losses[i], losses[j]) for i, j in edges]
    parent = list(range(n))

    def root(i):
        while parent[i] != i:
            i = parent[i]
        return i

    components, loops = [], []
    for weight, (i, j) in sorted(zip(weights, edges, strict=True)):
        younger, older = sorted((root(i), root(j)), key=lambda v: -losses[v])
        if younger == older:
            loops.append((weight, max(weights)))
        else:
            parent[younger] = older
            components.append((losses[younger], weight))
    components += [(losses[i], max(weights)) for i in range(n) if root(i) == i]
    return components, loops
