"""The Hessian of a loss, by products with vectors only: the operator, its eigenvalues, and directions for surfaces."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from binland.checks import checked_memory, one_of, positive, positive_int
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.data import limited
from deepbridge.connectivity.filters import filter_scaled
from deepbridge.connectivity.landscape import Landscape, check_landscape

ENDS = {"largest": "LA", "smallest": "SA", "both": "BE"}  # words of ARPACK
FEW = 64  # up to so many parameters the whole matrix is computed


class Hessian(Summary):
    """The matrix of second derivatives of a loss at a solution, never stored: it is multiplied with vectors.

    `hessian` makes it. It has what the estimators of the package curvlinops ask of an operator: ``shape``, ``dtype``,
    ``device``, ``@`` and ``to_scipy``.

    Parameters
    ----------
    landscape : Landscape
        The loss.
    point : torch.Tensor of shape (n,)
        Where the derivatives are taken.

    Raises
    ------
    InvalidInputError
        If the landscape has no second derivatives.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x[0] ** 2 + 3 * x[1] ** 2, size=2)
    >>> db.connectivity.hessian(bowl, [1.0, 1.0]).to_scipy() @ [1.0, 2.0]
    array([ 2., 12.])
    """

    _shown = ("shape", "dtype")

    def __init__(self, landscape: Landscape, point: Tensor):
        self.shape = (landscape.size, landscape.size)
        self.dtype, self.device = landscape.dtype, landscape.device
        self._product = landscape.curvature(point)

    def __matmul__(self, columns: Tensor) -> Tensor:
        """The product with a vector (n,) or the columns of a matrix (n, K), in their type."""
        if not isinstance(columns, Tensor):
            raise InvalidInputError(f"{shown(columns)} is not a tensor; for arrays take the operator of to_scipy()")
        if columns.ndim not in (1, 2) or columns.shape[0] != self.shape[0]:
            raise InvalidInputError(
                f"{tuple(columns.shape)} is not the shape of a vector ({self.shape[0]},) or of columns"
            )
        rows = columns[None] if columns.ndim == 1 else columns.T
        products = self._product(rows.to(self.device, self.dtype).contiguous()).to(columns)
        return products[0] if columns.ndim == 1 else products.T

    def to_scipy(self, dtype: Any = None) -> Any:
        """The same as an operator of SciPy.

        Parameters
        ----------
        dtype : numpy.dtype, optional
            Type of its vectors, by default float64; products are computed in the type of the landscape.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            For `scipy.sparse.linalg.eigsh` and others.
        """
        kind = np.dtype(np.float64 if dtype is None else dtype)

        def product(columns: NDArray[Any]) -> NDArray[Any]:
            return (self @ torch.from_numpy(np.ascontiguousarray(columns))).cpu().numpy().astype(kind)

        return LinearOperator(self.shape, matvec=lambda v: product(v.reshape(-1)), matmat=product, dtype=kind)


def hessian(landscape: Landscape, solution: Any) -> Hessian:
    """The Hessian of the train loss at a solution, as an operator that multiplies vectors.

    Parameters
    ----------
    landscape : Landscape
        A network's, made by `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution or array_like of shape (n,)
        Where the derivatives are taken.

    Returns
    -------
    Hessian
        ``H @ v`` for tensors (n,) or (n, K), and ``H.to_scipy()``.

    Raises
    ------
    InvalidInputError
        If the landscape is that of a binary network, which has no second derivatives, or the solution does not fit.

    Notes
    -----
    The loss is the mean over all train data of the network in evaluation mode. Batch-norm statistics are estimated on
    the train data at the solution and then held fixed. On a toroid it is the Hessian in the flat coordinates of the
    normalised network. The derivative of a ReLU is a step, and its second derivative counts as 0.

    References
    ----------
    Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6, 147 (1994).

    Examples
    --------
    >>> import deepbridge as db, torch
    >>> bowl = db.connectivity.Function(lambda x: x[0] ** 2 + 3 * x[1] ** 2, size=2)
    >>> (db.connectivity.hessian(bowl, [1.0, 1.0]) @ torch.ones(2)).tolist()
    [2.0, 6.0]
    """
    check_landscape(landscape)
    return Hessian(landscape, landscape.point(solution))


@dataclass(frozen=True, eq=False, repr=False)
class Eigenvalues(Summary):
    """Eigenvalues at the ends of the spectrum of a Hessian (`hessian_eigenvalues`).

    Attributes
    ----------
    values : numpy.ndarray of shape (K,)
        Eigenvalues, descending.
    vectors : numpy.ndarray of shape (K, n)
        Eigenvectors of norm 1 as rows, each with its largest entry positive.
    residuals : numpy.ndarray of shape (K,)
        Norms of H v - lambda v. An eigenvalue of H lies at most this far from each of `values`.
    which : {"largest", "smallest", "both"}
        Which end of the spectrum.
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    residuals: NDArray[np.float64]
    which: str

    _shown = ("values", "which", "residuals")

    @property
    def largest(self) -> float:
        """The largest of the eigenvalues: the sharpness of, for instance, Cohen et al. 2021."""
        return float(self.values[0])


def hessian_eigenvalues(
    landscape: Landscape,
    solution: Any,
    count: int = 10,
    which: str = "largest",
    seed: Seed = 0,
    *,
    tolerance: float = 1e-6,
) -> Eigenvalues:
    """The largest or smallest eigenvalues of the Hessian, with their vectors, by the Lanczos method of ARPACK.

    Parameters
    ----------
    landscape : Landscape
        A network's, made by `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution or array_like of shape (n,)
        Where the Hessian is taken.
    count : int, default 10
        Number of eigenvalues K, at most n.
    which : {"largest", "smallest", "both"}, default "largest"
        Which end of the spectrum, by sign and not by size; "both" takes half from each.
    seed : int, SeedSequence or Generator, default 0
        Fixes the vector at which the iteration starts.
    tolerance : float, default 1e-6
        Relative accuracy of the eigenvalues at which the iteration ends. Of a landscape in float32, products are
        rounded to about 1e-7.

    Returns
    -------
    Eigenvalues
        ``.values``, ``.vectors``, ``.residuals``.

    Raises
    ------
    InvalidInputError
        If an argument is out of range, there is no Hessian, or the iteration does not converge.

    Notes
    -----
    With at most 64 parameters, or if more than a third of the eigenvalues are wanted, the whole matrix is computed.

    References
    ----------
    Lehoucq, Sorensen and Yang, ARPACK Users' Guide, SIAM 1998.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x[0] ** 2 + 3 * x[1] ** 2, size=2)
    >>> db.connectivity.hessian_eigenvalues(bowl, [0.0, 0.0], count=2).values.tolist()
    [6.0, 2.0]
    """
    matrix, n = hessian(landscape, solution), landscape.size
    wanted, end = limited("count", count, n), one_of("which", which, tuple(ENDS))
    accuracy = positive("tolerance", tolerance)
    start = generator(seed, "hessian").standard_normal(n)
    if n <= FEW or 3 * wanted > n:
        values, vectors = _of_matrix(matrix, wanted, end)
    else:
        values, vectors = _of_arpack(matrix, wanted, end, start, accuracy)
    vectors = vectors[np.argsort(-values)] * 1.0
    vectors *= np.sign(vectors[np.arange(wanted), np.abs(vectors).argmax(1)])[:, None]
    values = np.sort(values)[::-1].copy()
    products = (matrix @ torch.from_numpy(vectors.T.copy())).T.numpy()
    return Eigenvalues(values, vectors, np.linalg.norm(products - values[:, None] * vectors, axis=1), end)


def _of_matrix(matrix: Hessian, count: int, which: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues and vectors (count, n) from all entries of the matrix."""
    n = matrix.shape[0]
    checked_memory(f"a Hessian of {n} parameters", 24 * n**2)
    full = (matrix @ torch.eye(n, dtype=torch.float64)).numpy()
    values, columns = np.linalg.eigh((full + full.T) / 2)
    low = {"largest": 0, "smallest": count, "both": count // 2}[which]  # ARPACK takes the odd one at the upper end, too
    kept = np.r_[0:low, n - (count - low) : n]
    return values[kept], columns[:, kept].T


def _of_arpack(
    matrix: Hessian, count: int, which: str, start: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues and vectors (count, n) from products with vectors."""
    try:
        values, columns = eigsh(matrix.to_scipy(), count, which=ENDS[which], v0=start, tol=tolerance)
    except ArpackNoConvergence as error:
        there = len(error.eigenvalues)
        raise InvalidInputError(
            f"only {there} of {count} eigenvalues converge to tolerance={tolerance:g}; take a larger one or less count"
        ) from None
    except ArpackError:  # it stops at a matrix that makes its start zero
        if (matrix @ torch.from_numpy(start)).any():
            raise
        return np.zeros(count), np.eye(count, len(start))
    return values, columns.T


def hessian_directions(
    landscape: Landscape, solution: Any, count: int = 2, scale: str = "unit", seed: Seed = 0
) -> NDArray[np.float64]:
    """The directions of largest curvature, for surfaces.

    Parameters
    ----------
    landscape : Landscape
        A network's, made by `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution or array_like of shape (n,)
        Where the Hessian is taken.
    count : int, default 2
        Number of directions.
    scale : {"unit", "filter"}, default "unit"
        "unit": eigenvectors of norm 1. "filter": each filter of an eigenvector has the norm of the solution's filter,
        and entries without a filter (biases, batch-norm) are 0.
    seed : int, SeedSequence or Generator, default 0
        As in `hessian_eigenvalues`.

    Returns
    -------
    numpy.ndarray of shape (count, n)
        Directions, by descending eigenvalue; those of "unit" are orthogonal.

    Raises
    ------
    InvalidInputError
        As `hessian_eigenvalues`, or if `scale` is unknown.

    References
    ----------
    Li et al., Visualizing the loss landscape of neural nets, NeurIPS 2018, section 4 (filter normalisation).

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x[0] ** 2 + 3 * x[1] ** 2, size=2)
    >>> db.connectivity.hessian_directions(bowl, [1.0, 1.0]).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    by_filter = one_of("scale", scale, ("unit", "filter")) == "filter"
    vectors = hessian_eigenvalues(landscape, solution, positive_int("count", count), "largest", seed).vectors
    if not by_filter:
        return vectors
    return filter_scaled(landscape, torch.from_numpy(vectors), landscape.point(solution).cpu()).numpy()
