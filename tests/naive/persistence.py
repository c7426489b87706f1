"""Betti numbers level by level, persistence by boundary matrices; imports nothing from the packages."""

import itertools
import math

import networkx as nx
import numpy as np


def rank(rows):
    """Rank over Z/2 of rows given as integers whose bits are the entries."""
    basis = {}
    for row in rows:
        while row and row.bit_length() in basis:
            row ^= basis[row.bit_length()]
        if row:
            basis[row.bit_length()] = row
    return len(basis)


def triangles_of(edges):
    there = {frozenset(edge) for edge in edges}
    vertices = sorted({v for edge in edges for v in edge})
    return [
        t
        for t in itertools.combinations(vertices, 3)
        if all(frozenset(p) in there for p in itertools.combinations(t, 2))
    ]


def betti(values, edges, level, triangles=False):
    """Numbers of components and of independent loops of the part with values up to a level."""
    graph = nx.Graph()
    graph.add_nodes_from(v for v, value in enumerate(values) if value <= level)
    graph.add_edges_from((i, j) for i, j in edges if max(values[i], values[j]) <= level)
    components = nx.number_connected_components(graph)
    loops = graph.number_of_edges() - graph.number_of_nodes() + components
    if triangles:
        number = {frozenset(edge): k for k, edge in enumerate(graph.edges)}
        faces = [[frozenset(p) for p in itertools.combinations(t, 2)] for t in triangles_of(graph.edges)]
        loops -= rank([sum(1 << number[p] for p in face) for face in faces])
    return components, loops


def counted(diagram, level):
    """Number of classes of a diagram that are there at a level."""
    return sum(1 for birth, death in diagram if birth <= level < death)


def lower_star(values, cells):
    """Cells, as sorted tuples of vertices, in the order in which they appear; equal values by index."""
    place = {v: k for k, v in enumerate(sorted(range(len(values)), key=lambda v: (values[v], v)))}
    return sorted(cells, key=lambda cell: (max(place[v] for v in cell), len(cell), sorted(place[v] for v in cell)))


def reduction(values, cells, faces):
    """Pairs (birth, death) of all dimensions by column reduction over Z/2, {dimension: sorted list}; all are kept.

    cells: in the order in which they appear, faces before cofaces. faces: of a cell, those one dimension lower.
    """
    number = {cell: k for k, (cell, _dimension, _value) in enumerate(cells)}
    columns, pairs, killed = {}, {}, set()
    for k, (cell, dimension, value) in enumerate(cells):
        column = {number[face] for face in faces(cell)}
        while column and max(column) in columns:
            column ^= columns[max(column)][1]
        if column:
            low = max(column)
            columns[low] = (k, column)
            killed |= {k, low}
            pairs.setdefault(dimension - 1, []).append((cells[low][2], value))
    for k, (_cell, dimension, value) in enumerate(cells):
        if k not in killed:
            pairs.setdefault(dimension, []).append((value, math.inf))
    return {dimension: sorted(found) for dimension, found in pairs.items()}


def graph_pairs(values, edges, triangles=False):
    cells = [(v,) for v in range(len(values))] + [tuple(sorted(edge)) for edge in edges]
    cells += triangles_of(edges) if triangles else []
    ordered = [(cell, len(cell) - 1, max(values[v] for v in cell)) for cell in lower_star(values, cells)]
    return reduction(values, ordered, lambda cell: itertools.combinations(cell, len(cell) - 1) if len(cell) > 1 else ())


def surface_pairs(values, periodic=False, tiles=False):
    """Of a surface whose points are corners of squares (a cell has its largest corner's value), or tiles.

    Cells have doubled coordinates: even numbers for corners, odd ones for what lies between. A cell of tiles, whose
    squares lie at odd places, has the smallest value of the squares around it.
    """
    ny, nx_ = values.shape
    sizes = [2 * n if periodic else (2 * n + 1 if tiles else 2 * n - 1) for n in (ny, nx_)]

    def around(cell, parity):
        """Cells of the given parity that contain this one or are contained in it, one or two along each axis."""
        ways = [[x] if x % 2 == parity else [x - 1, x + 1] for x in cell]
        for place in itertools.product(*ways):
            wrapped = tuple(x % size for x, size in zip(place, sizes, strict=True)) if periodic else place
            if all(0 <= x < size for x, size in zip(wrapped, sizes, strict=True)):
                yield wrapped

    def value(cell):
        if tiles:
            return min(values[y // 2, x // 2] for y, x in around(cell, 1))
        return max(values[y // 2, x // 2] for y, x in around(cell, 0))

    def faces(cell):
        for axis in range(2):
            if cell[axis] % 2:
                for step in (-1, 1):
                    place = [*cell]
                    place[axis] += step
                    yield tuple(x % size if periodic else x for x, size in zip(place, sizes, strict=True))

    every = [(cell, cell[0] % 2 + cell[1] % 2, value(cell)) for cell in itertools.product(*map(range, sizes))]
    return reduction(values, sorted(every, key=lambda one: (one[2], one[1])), faces)


def lasting(pairs):
    return [(birth, death) for birth, death in pairs if death > birth]


def total(diagrams, power, end):
    """Sum of lifetimes to a power; what stays counts up to `end`, or not at all if that is None."""
    found = 0.0
    for birth, death in np.concatenate([np.reshape(d, (-1, 2)) for d in diagrams]):
        if not math.isinf(death) or end is not None:
            found += ((end if math.isinf(death) else death) - birth) ** power
    return found
