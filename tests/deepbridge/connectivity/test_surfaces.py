"""Surfaces against loops that set the weights of a module point by point, and known answers."""

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError, StoreError
from deepbridge.connectivity import Function, plane_through, random_directions, scans, surface, surface_cost
from deepbridge.connectivity.surfaces import symmetric
from tests.deepbridge.connectivity.potentials import mueller_brown
from tests.deepbridge.continuous.problems import NETWORKS, data, disguised, near, solution
from tests.naive import surfaces as naive

seeds = st.integers(0, 2**32)


def quiet(function, *arguments, **options):
    return function(*arguments, progress=False, **options)


def against_module(network, landscape, point, found, inputs, classes, restated):
    """Losses and errors of a surface beside those of the plain loop."""
    module, places = network.module(), [naive.split(network.module(), x) for x in (point, *found.directions)]
    train = inputs if restated else None
    return naive.surface(module, places[0], places[1:], found.x, found.y, inputs, classes, train)


@settings(max_examples=10)
@given(seeds, st.sampled_from(["mlp", "binary", "lenet"]), st.integers(2, 6), st.integers(2, 6), st.booleans())
def test_surfaces_are_those_of_a_module_point_by_point(seed, name, columns, rows, line):
    there, other = data(name, seed, 12), data(name, seed + 1, 9)
    landscape = db.landscape(NETWORKS[name], there, other, dtype="float64")
    one = solution(name, seed % 7)
    directions = random_directions(landscape, one, 1 if line else 2, seed=seed)
    extent = 0.7 if line else (0.7, 1.3)
    found = quiet(surface, landscape, one, directions, columns if line else (columns, rows), extent)
    assert found.shape == ((columns,) if line else (rows, columns))
    point = landscape.point(one).numpy()
    losses, errors = against_module(NETWORKS[name], landscape, point, found, *there, False)
    assert found.losses == pytest.approx(losses)
    assert np.array_equal(found.error_counts, errors)
    assert found.errors == pytest.approx(errors / 12)
    losses, errors = against_module(NETWORKS[name], landscape, point, found, *other, False)
    assert found.test_losses == pytest.approx(losses)
    assert found.test_errors == pytest.approx(errors / 9)
    assert found.evaluations == 2 * losses.size


def modules():
    """A user's own modules, of which one has batch-norm."""
    nn = torch.nn
    return {
        "plain": nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(), nn.Linear(5, 3)),
        "batch-norm": nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)),
        "convolution": nn.Sequential(
            nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 4 * 4, 3)
        ),
    }


@pytest.mark.parametrize("name", modules())
def test_modules_of_users_with_statistics_estimated_at_every_point(name):
    torch.manual_seed(0)
    module = modules()[name].double()
    shape = (2, 6, 6) if name == "convolution" else (6,)
    rng = np.random.default_rng(0)
    inputs, classes = rng.standard_normal((30, *shape)), rng.integers(3, size=30)
    one = db.from_module(module, torch.zeros(2, *shape).double())
    landscape = db.landscape(one.network, (inputs, classes), dtype="float64")
    found = quiet(surface, landscape, one, points=(5, 3), extent=0.8)
    losses, errors = against_module(one.network, landscape, landscape.point(one).numpy(), found, inputs, classes, True)
    assert found.losses == pytest.approx(losses)
    assert np.array_equal(found.error_counts, errors)
    assert found.test_losses is found.test_errors is None


def test_binary_networks_have_the_signs_of_their_latents():
    network, train = db.BinaryMLP(9, (7, 5), 3), bl.Patterns.random(25, 9, seed=0)
    classes = np.random.default_rng(1).integers(3, size=25)
    train = db.Dataset(train.inputs, classes, 3)
    landscape = db.landscape(network, train, dtype="float64")
    latents = np.random.default_rng(0).standard_normal(landscape.size)
    found = quiet(surface, landscape, latents, points=5)
    for j, y in enumerate(found.y):
        for i, x in enumerate(found.x):
            point = latents + x * found.directions[0] + y * found.directions[1]
            weights = [np.where(layer >= 0, 1.0, -1.0) for layer in network.split(point)]
            weights = [w.reshape(s) for w, s in zip(weights, network.weight_shapes, strict=True)]
            outputs = naive.binary_outputs(weights, train.inputs.astype(float), train.scale)
            assert found.error_counts[j, i] == (outputs.argmax(1) != classes).sum()
            logs = np.log(np.exp(outputs).sum(1)) - outputs[np.arange(25), classes]
            assert found.losses[j, i] == pytest.approx(logs.mean())


def test_a_quadratic_bowl_is_exact():
    matrix = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 4.0]])
    bowl = Function(lambda x: x @ torch.from_numpy(matrix) @ x, 3)
    centre, directions = np.array([0.5, -1.0, 2.0]), np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 0.5]])
    found = quiet(surface, bowl, centre, directions, (5, 7), (2.0, 1.5))
    for j, y in enumerate(found.y):
        for i, x in enumerate(found.x):
            point = centre + x * directions[0] + y * directions[1]
            assert found.losses[j, i] == pytest.approx(point @ matrix @ point, rel=1e-14)
            assert found.point([x, y]) == pytest.approx(point)
            assert found.solution([x, y]) == pytest.approx(point)
    assert found.error_counts is found.errors is found.test_errors is None


@settings(max_examples=40)
@given(st.integers(2, 300), st.floats(1e-6, 1e6))
def test_ranges_are_symmetric_and_odd_ones_have_the_middle(count, extent):
    places = symmetric(count, extent)
    assert len(places) == count
    assert np.array_equal(places, -places[::-1])
    assert places[-1] == pytest.approx(extent)
    assert np.allclose(np.diff(places), 2 * extent / (count - 1))
    assert (0.0 in places) == (count % 2 == 1)


def test_the_solution_is_a_grid_point():
    for dtype in ("float32", "float64"):
        landscape = db.landscape(NETWORKS["mlp"], data("mlp", 0, 50), dtype=dtype)
        one = solution("mlp", 0)
        found = quiet(surface, landscape, one, points=25)
        alone = landscape.values(landscape.point(one)[None])
        assert found.error_counts[12, 12] == alone.error_counts[0]
        assert found.losses[12, 12] == pytest.approx(alone.losses[0], rel=1e-5)
        assert found.solutions.coordinates.tolist() == [[0, 0]]
        assert np.array_equal(found.point([0, 0]), landscape.point(one).double().numpy())
        assert np.array_equal(found.solution([0, 0]).flat, one.flat.astype(dtype))


MINIMA = [(-0.558224, 1.441726, -146.69952), (0.623499, 0.028038, -108.16672), (-0.050011, 0.466694, -80.76782)]
SADDLES = [(-0.822002, 0.624313, -40.66484), (0.212487, 0.292988, -72.24894)]


@pytest.mark.parametrize(("x", "y", "value"), [*MINIMA, *SADDLES])
def test_minima_and_saddles_of_mueller_and_brown(x, y, value):
    """Published places and values; around minima all grid points are higher, around saddles two ways lead down."""
    found = quiet(surface, mueller_brown(), [x, y], np.eye(2), points=21, extent=0.05)
    assert found.losses[10, 10] == pytest.approx(value, abs=1e-5)
    loop = [[naive.mueller_brown(x + u, y + v) for u in found.x] for v in found.y]
    assert found.losses == pytest.approx(np.array(loop), rel=1e-12)
    border = np.concatenate([found.losses[0], found.losses[1:, -1], found.losses[-1, -2::-1], found.losses[-2:0:-1, 0]])
    changes = np.count_nonzero(np.diff(np.sign(border - found.losses[10, 10]), append=np.sign(border[0] - value)))
    assert changes == (0 if (x, y, value) in MINIMA else 4)


# Projections


@settings(max_examples=30)
@given(seeds, st.integers(3, 30), st.booleans())
def test_projections_are_least_squares(seed, size, line):
    rng = np.random.default_rng(seed)
    bowl = Function(lambda x: (x**2).sum(), size)
    origin, others = rng.standard_normal(size), rng.standard_normal((5, size))
    directions = rng.standard_normal((1 if line else 2, size)) * rng.uniform(0.1, 9)
    found = quiet(surface, bowl, origin, directions, 3, solutions=others[:2], trajectory=others[2:])
    assert len(found.solutions) == 3
    assert found.solutions.distances[0] == found.solutions.relative[0] == 0
    marks = zip([*found.solutions.coordinates[1:], *found.trajectory.coordinates],
                [*found.solutions.distances[1:], *found.trajectory.distances],
                [*found.solutions.relative[1:], *found.trajectory.relative], others, strict=True)  # fmt: skip
    for place, distance, relative, point in marks:
        wanted, apart = naive.projected(origin, directions, point)
        assert place == pytest.approx(wanted, abs=1e-8)
        assert distance == pytest.approx(apart, abs=1e-8)
        assert relative == pytest.approx(apart / np.linalg.norm(point - origin), abs=1e-8)
        again, same = found.place(point)
        assert np.array_equal(again, place)
        assert same == distance


@pytest.mark.parametrize("name", ["mlp", "vgg16"])
def test_a_plane_through_three_networks_is_that_of_the_function_plane(name):
    there, other = data(name, 0, 20), data(name, 1, 15)
    three = [solution(name, k) for k in range(3)]
    landscape = db.landscape(NETWORKS[name], there, other, dtype="float64")
    found = quiet(plane_through, landscape, three, points=5)
    wanted = db.plane(*three, there, points=5, test=other)
    assert found.x == pytest.approx(wanted.x)
    assert found.y == pytest.approx(wanted.y)
    assert found.solutions.coordinates == pytest.approx(wanted.corners, abs=1e-9)
    assert found.solutions.distances == pytest.approx(np.zeros(3), abs=1e-9)
    assert found.losses == pytest.approx(wanted.losses)
    assert np.array_equal(found.errors, wanted.errors)
    assert np.array_equal(found.test_errors, wanted.test_errors)
    assert found.place(three[2])[0] == pytest.approx(wanted.place(three[2]))


@settings(max_examples=30)
@given(seeds, st.integers(4, 8), st.integers(4, 20))
def test_the_best_plane_has_the_smallest_projection_errors(seed, count, size):
    rng = np.random.default_rng(seed)
    bowl, points = Function(lambda x: (x**2).sum(), size), rng.standard_normal((count, size))
    best = quiet(plane_through, bowl, points, 3, fit="best")
    first = quiet(plane_through, bowl, points, 3)
    sizes = np.linalg.svd(points - points.mean(0), compute_uv=False)
    assert (best.solutions.distances**2).sum() == pytest.approx((sizes[2:] ** 2).sum())
    from_mean = np.linalg.norm(points - points.mean(0), axis=1)
    assert best.solutions.relative == pytest.approx(best.solutions.distances / from_mean)
    assert (best.solutions.distances**2).sum() <= (first.solutions.distances**2).sum() * (1 + 1e-9)
    for found in (best, first):
        assert found.directions @ found.directions.T == pytest.approx(np.eye(2), abs=1e-9)
        places = found.solutions.coordinates
        assert places[0] == pytest.approx([0, 0], abs=1e-9)
        assert places[1, 0] > 0
        assert places[1, 1] == pytest.approx(0, abs=1e-9)
        assert places[2, 1] >= 0
        low, high = places.min(0), places.max(0)
        for k, axis in enumerate((found.x, found.y)):
            pad = 0.2 * (high[k] - low[k])
            assert axis[[0, -1]] == pytest.approx([low[k] - pad, high[k] + pad])


def test_solutions_of_a_plane_are_aligned_to_the_first():
    one, there = solution("mlp", 0), data("mlp", 0, 20)
    others = [disguised("mlp", near(one, 1, 0.01), 0, 1, 1), solution("mlp", 2)]
    landscape = db.landscape(NETWORKS["mlp"], there, dtype="float64")
    plain = quiet(plane_through, landscape, [one, *others], 3).solutions.coordinates
    aligned = quiet(plane_through, landscape, [one, *others], 3, alignment="coordinate").solutions.coordinates
    wanted = db.euclidean(one, db.align(others[0], one, "coordinate", there).solution)
    assert aligned[1, 0] == pytest.approx(wanted)
    assert aligned[1, 0] < 0.5 * plain[1, 0]


def test_planes_leave_the_spheres_of_a_toroid():
    one, two, three = (solution("mlp", k) for k in range(3))
    there = data("mlp", 0, 20)
    landscape = db.landscape(NETWORKS["mlp"], there, geometry="toroid", dtype="float64")
    found = quiet(plane_through, landscape, [one, two, three], 5)
    wanted = db.plane(*(db.normalize(x) for x in (one, two, three)), there, points=5)
    assert found.losses == pytest.approx(wanted.losses)
    around = quiet(surface, landscape, one, points=3)
    normal = db.landscape(NETWORKS["mlp"], there, dtype="float64")
    flat = quiet(surface, normal, db.normalize(one), around.directions, 3)
    assert around.losses == pytest.approx(flat.losses)


# Chunks, checkpoints, and the estimate of time


def test_chunks_do_not_change_numbers(monkeypatch):
    landscape = db.landscape(NETWORKS["lenet"], data("lenet"))
    whole = quiet(surface, landscape, solution("lenet", 0), points=11)
    monkeypatch.setattr(scans, "WORK", 0)
    assert scans.chunk_of(landscape) == scans.FEWEST
    parts = quiet(surface, landscape, solution("lenet", 0), points=11)
    assert np.array_equal(whole.losses, parts.losses)
    assert np.array_equal(whole.error_counts, parts.error_counts)


@settings(max_examples=100)
@given(st.integers(1, 5000), st.integers(scans.FEWEST, scans.MOST))
def test_chunks_have_more_points_than_corners_and_cover_all(count, chunk):
    marks = scans.bounds(count, chunk)
    sizes = np.diff(marks)
    assert marks[0] == 0
    assert marks[-1] == count
    assert min(4, count) <= sizes.min() <= sizes.max() <= chunk


@pytest.mark.parametrize("stop", [1, 3, 7])
def test_an_interrupted_surface_goes_on_where_it_stopped(tmp_path, monkeypatch, stop):
    landscape = db.landscape(NETWORKS["mlp"], data("mlp"), data("mlp", 1))
    one, path = solution("mlp", 0), tmp_path / "checkpoint"
    monkeypatch.setattr(scans, "MOST", 8)
    whole = quiet(surface, landscape, one, points=11)
    epoch, counts = scans.Scan.epoch, []

    def counted(self):
        if len(counts) == stop:
            raise KeyboardInterrupt
        counts.append(1)
        epoch(self)

    monkeypatch.setattr(scans.Scan, "epoch", counted)
    with pytest.raises(KeyboardInterrupt):
        quiet(surface, landscape, one, points=11, checkpoint=path, checkpoint_seconds=0)
    stop = 1000
    counts.clear()
    resumed = quiet(surface, landscape, one, points=11, checkpoint=path)
    for name in ("losses", "error_counts", "test_losses", "test_errors"):
        assert np.array_equal(getattr(resumed, name), getattr(whole, name))
    again = quiet(surface, landscape, one, points=11, checkpoint=path)
    assert np.array_equal(again.losses, whole.losses)
    for other in ({"extent": 2.0}, {"seed": 1}, {"test": False}):
        with pytest.raises(InvalidInputError, match="checkpoint of another"):
            quiet(surface, landscape, one, **({"points": 11} | other), checkpoint=path)
    elsewhere = db.landscape(NETWORKS["mlp"], data("mlp"), data("mlp", 2))
    with pytest.raises(InvalidInputError, match="checkpoint of another"):
        quiet(surface, elsewhere, one, points=11, checkpoint=path)


def test_states_that_do_not_fit_are_refused():
    bowl = Function(lambda x: (x**2).sum(), 2)
    scan = scans.Scan(bowl, torch.eye(2, dtype=torch.float64), torch.ones(9, 2), False)
    good = scan.state()
    scan.restore(good)
    for bad in ({"done": 99}, {"done": 1.0}, {"table": torch.zeros(4, 8, dtype=torch.float64)}, {"table": None}):
        with pytest.raises(ValueError, match=r"chunks|done is|table is"):
            scan.restore(good | bad)
    with pytest.raises(KeyError):
        scan.restore({"done": 0})


def test_time_is_told_after_the_first_chunks(monkeypatch, caplog):
    """By a clock on which every chunk takes a second, so that only their number counts."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(scans.time, "perf_counter", lambda: float(next(ticks)))
    bowl = Function(lambda x: (x**2).sum(), 2)
    with caplog.at_level(logging.INFO, logger="deepbridge"):
        quiet(surface, bowl, [0, 0], np.eye(2), points=51)
    chunks = len(scans.bounds(51 * 51, scans.MOST)) - 1
    assert f"surface of 2601 points: about {chunks} s in all" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="deepbridge"):
        quiet(surface, bowl, [0, 0], np.eye(2), points=3)
    assert not caplog.text
    monkeypatch.setattr(scans, "WORK", 0)  # as for large networks
    for count, told in ((25, True), (19, False), (31, True)):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="deepbridge"):
            quiet(surface, bowl, [0, 0], [1, 0], points=count)
        assert ("in all" in caplog.text) == told
    monkeypatch.undo()
    monkeypatch.setattr(scans.time, "perf_counter", lambda: float(next(ticks)))
    cost = surface_cost(bowl, [0, 0], np.eye(2), points=51)
    assert cost.seconds == chunks
    assert cost.points == 2601
    assert cost.memory == 3 * 2 * 16 + 4 * 8 * 2601 + 3 * 8 * 2601


@settings(max_examples=30)
@given(st.floats(0, 9), st.floats(0, 9))
def test_times_of_two_chunks_give_those_of_a_chunk_and_a_point(fixed, each):
    found = scans.fitted(4, fixed + 4 * each, 24, fixed + 24 * each)
    assert found == pytest.approx((fixed, each), abs=1e-9)
    noisy = scans.fitted(4, fixed + 4 * each + 20, 24, fixed + 24 * each)
    assert min(noisy) >= 0


# Files


def test_tables_and_csv_have_all_digits(tmp_path):
    landscape = db.landscape(NETWORKS["mlp"], data("mlp"), data("mlp", 1))
    found = quiet(surface, landscape, solution("mlp", 0), points=(3, 5))
    table = found.table()
    assert list(table) == ["x", "y", "loss", "error", "test_loss", "test_error"]
    for k in range(15):
        j, i = divmod(k, 3)
        row = [found.x[i], found.y[j], found.losses[j, i], found.errors[j, i]]
        assert [column[k] for column in table.values()][:4] == row
    found.save_csv(tmp_path / "s.csv")
    head, *rows = (tmp_path / "s.csv").read_text().splitlines()
    assert head == ",".join(table)
    assert np.array_equal([[float(x) for x in row.split(",")] for row in rows], np.stack([*table.values()], 1))
    line = quiet(surface, Function(lambda x: (x**2).sum(), 2), [0, 0], [1, 1], 3)
    assert list(line.table()) == ["x", "loss"]
    for save in (found.save_csv, found.save_vtk):
        with pytest.raises(StoreError, match="is there already"):
            save(tmp_path / "s.csv")
        with pytest.raises(InvalidInputError, match="path=3 is not a path"):
            save(3)


def read_vtk(path):
    """Header and scalars of a legacy file, by hand."""
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# vtk DataFile Version")
    assert lines[2:4] == ["ASCII", "DATASET STRUCTURED_POINTS"]
    header = {line.split()[0]: [float(x) for x in line.split()[1:]] for line in lines[4:8]}
    count, scalars = int(header["POINT_DATA"][0]), {}
    for k in range(8, len(lines), count + 2):
        name = lines[k].split()
        assert (name[0], name[2:], lines[k + 1]) == ("SCALARS", ["double", "1"], "LOOKUP_TABLE default")
        scalars[name[1]] = np.array([float(x) for x in lines[k + 2 : k + 2 + count]])
    return header, scalars


@pytest.mark.parametrize("line", [False, True])
def test_vtk_files_hold_points_in_their_places(tmp_path, line):
    landscape = db.landscape(NETWORKS["mlp"], data("mlp"), data("mlp", 1))
    directions = random_directions(landscape, solution("mlp", 0), 1 if line else 2)
    found = quiet(surface, landscape, solution("mlp", 0), directions, 4 if line else (4, 3), 0.5)
    found.save_vtk(tmp_path / "s.vtk")
    header, scalars = read_vtk(tmp_path / "s.vtk")
    assert header["DIMENSIONS"] == [4, 1 if line else 3, 1]
    places = [header["ORIGIN"][0] + k * header["SPACING"][0] for k in range(4)]
    assert places == pytest.approx(found.x)
    if not line:
        assert [header["ORIGIN"][1] + k * header["SPACING"][1] for k in range(3)] == pytest.approx(found.y)
    assert list(scalars) == ["loss", "error", "test_loss", "test_error"]
    for name, column in scalars.items():
        assert np.array_equal(column, found.table()[name])


def test_infinite_losses_stay_as_they_are():
    steep = Function(lambda x: torch.exp(1000 * x.sum()), 2)
    found = quiet(surface, steep, [0, 0], np.eye(2), 3)
    assert found.losses[-1, -1] == found.highest_loss == np.inf
    assert found.lowest_loss == 0
    assert "lowest_loss=0" in repr(found)


BOWL = Function(lambda x: (x**2).sum(), 3)
THREE = np.eye(3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: surface(3, [1, 2, 3]), "is not a landscape"),
        (lambda: surface(BOWL, [0, 0, 0]), "a direction has length 0, not from"),
        (lambda: surface(BOWL, [1, 2, 3], [[1, 2, 3e20], [1, 1, 1]]), "a direction has length 3e.20"),
        (lambda: surface(BOWL, [1, 2]), "is not a point of 3 finite numbers"),
        (lambda: surface(BOWL, [1, 2, 3], [[1, 2]]), "are not one or two rows of 3 finite numbers"),
        (lambda: surface(BOWL, [1, 2, 3], THREE), "are not one or two rows of 3 finite numbers"),
        (lambda: surface(BOWL, [1, 2, 3], "ab"), "directions='ab' is not an array of numbers"),
        (lambda: surface(BOWL, [1, 2, 3], [[1, 2, np.nan]]), "are not one or two rows of 3 finite numbers"),
        (lambda: surface(BOWL, [1, 2, 3], [[1, 2, 3], [-2, -4, -6]]), "directions are parallel"),
        (lambda: surface(BOWL, [1, 2, 3], points=1), "points=1 is not an integer of at least 2"),
        (lambda: surface(BOWL, [1, 2, 3], points=20_000), "points=20000 is more than 10000"),
        (lambda: surface(BOWL, [1, 2, 3], points=(3, 3, 3)), "one for each of the 2 directions"),
        (lambda: surface(BOWL, [1, 2, 3], extent=0), "extent=0 is not a number"),
        (lambda: surface(BOWL, [1, 2, 3], extent=(1, -1)), "extent=-1 is not a number"),
        (lambda: surface(BOWL, [1, 2, 3], extent="wide"), "extent='wide' is not a number"),
        (lambda: surface(BOWL, [1, 2, 3], solutions=3), "solutions=3 is not a list"),
        (lambda: surface(BOWL, [1, 2, 3], trajectory="path"), "trajectory='path' is not a list"),
        (lambda: surface(BOWL, [1, 2, 3], test=1), "test=1 is not true or false"),
        (lambda: surface_cost(BOWL, [1, 2, 3], test=1), "test=1 is not true or false"),
        (lambda: plane_through(BOWL, THREE[:2]), "2 solutions span no plane; give three or more"),
        (lambda: plane_through(BOWL, [[0, 0, 0], [1, 1, 1], [2, 2, 2]]), "lie on one line"),
        (lambda: plane_through(BOWL, [[0, 0, 0], [1, 1, 1], [2, 2, 2]], fit="best"), "lie on one line"),
        (lambda: plane_through(BOWL, [*THREE[:1], *THREE], fit="best"), "the first two fall together"),
        (lambda: plane_through(BOWL, THREE, fit="worst"), "fit='worst' is not one of"),
        (lambda: plane_through(BOWL, THREE, margin=-1), "margin=-1 is not a number"),
        (lambda: plane_through(BOWL, THREE, alignment="greedy"), "this landscape has no symmetries"),
        (lambda: surface(BOWL, [1, 2, 3], points=3, progress=False).point([1]), "coordinates of shape"),
        (lambda: surface(BOWL, [1, 2, 3], points=3, progress=False).place([1]), "is not a point of 3"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_line(call, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_coordinates_in_a_plane_of_nearly_parallel_directions():
    first = np.array([1.0, 2.0, 0.5])
    second = first + 1e-5 * np.array([2.0, -1.0, 0.0])
    plane = surface(BOWL, [0.0, 0, 0], [first, second], points=3, trajectory=[0.3 * first + 0.4 * second])
    np.testing.assert_allclose(plane.trajectory.coordinates[0], [0.3, 0.4], atol=1e-9)
