"""What operations cost in floating-point operations that do more than read or write an element.

Two for each multiply-add of a product; dense linear algebra as in Golub and Van Loan 2013, "Matrix
Computations"; a complex FFT over N numbers 5 N log2 N and a real one half of that (Frigo and
Johnson 2005, "The Design and Implementation of FFTW3"); a sort n log2 n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import ceil, log2, prod
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils.flop_counter import sdpa_flop_count

Arguments = tuple[Any, ...]
Formula = Callable[[Arguments, tuple[Tensor, ...]], float]
"""The cost of an operation, from its arguments by position and the tensors that it gives."""


def tensors_of(value: Any) -> tuple[Tensor, ...]:
    """The tensors in arguments or results, however nested, in order."""
    if isinstance(value, Tensor):
        return (value,)
    found: list[Tensor] = []
    _collect((value,), found)
    return tuple(found)


def _collect(values: Iterable[Any], found: list[Tensor]) -> None:
    # It is called with what every operation takes and gives.
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            _collect(value, found)
        elif isinstance(value, dict):
            _collect(value.values(), found)


def is_sparse(tensor: Tensor) -> bool:
    """Whether it holds only some of its elements."""
    return tensor.layout is not torch.strided


def count(tensor: Tensor) -> int:
    """Real numbers that a tensor holds, two where it is complex; of a sparse one those that are
    specified."""
    held = tensor
    if tensor.layout is torch.sparse_coo:
        held = tensor._values()
    elif tensor.layout in _COMPRESSED:
        held = tensor.values()
    return held.numel() * (2 if held.is_complex() else 1)


_COMPRESSED: Final = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


# --- products -------------------------------------------------------------------------------------


def _product(left: int) -> Formula:
    """A matrix product whose left factor is the argument at that place."""
    return lambda args, out: 2 * out[0].numel() * args[left].shape[-1]


def _attention(args: Arguments, _out: tuple[Tensor, ...]) -> float:
    return float(sdpa_flop_count(*(a.shape for a in args[:3])))  # type: ignore[no-untyped-call]


def _trilinear(args: Arguments, _out: tuple[Tensor, ...]) -> float:
    factors = list(args[:3])
    for place, axes in enumerate(args[3:6]):
        for axis in sorted(axes):
            factors[place] = factors[place].unsqueeze(axis)
    shape = torch.broadcast_shapes(*(f.shape for f in factors))  # type: ignore[no-untyped-call]
    return float(2 * prod(shape))


def _distances(args: Arguments, out: tuple[Tensor, ...]) -> float:
    return 3.0 * out[0].numel() * int(args[0].shape[-1])


def _sparse_times_dense(sparse: int, dense: int) -> Formula:
    """Two for each specified element of one factor and each column of the other."""

    def cost(args: Arguments, _out: tuple[Tensor, ...]) -> float:
        a, b = args[sparse], args[dense]
        if is_sparse(a) and is_sparse(b):
            return 2 * _matches(a, b)
        if is_sparse(b):
            return 2.0 * count(b) * int(a.shape[-2])
        return 2.0 * count(a) * (int(b.shape[-1]) if b.dim() > 1 else 1)

    return cost


def _matches(a: Tensor, b: Tensor) -> int:
    """Multiply-adds of a product of two sparse matrices."""
    columns, rows = (m.to_sparse(layout=torch.sparse_coo).coalesce() for m in (a, b))
    met = torch.bincount(columns.indices()[1], minlength=a.shape[1])
    return int((met * torch.bincount(rows.indices()[0], minlength=b.shape[0])).sum())


def _sampled(args: Arguments, _out: tuple[Tensor, ...]) -> float:
    return 2.0 * count(args[0]) * int(args[1].shape[-1])


SPARSE: Final[Mapping[str, Formula]] = {
    **dict.fromkeys(
        ("mm", "mv", "bmm", "_sparse_mm_reduce_impl", "hspmm"), _sparse_times_dense(0, 1)
    ),
    **dict.fromkeys(
        ("addmm", "addmv", "_sparse_addmm", "baddbmm", "sspaddmm"), _sparse_times_dense(1, 2)
    ),
    "_sparse_sparse_matmul": lambda args, _out: 2 * _matches(args[0], args[1]),
    "sparse_sampled_addmm": _sampled,
}  # fmt: skip

# --- transforms, windows, orders, look-ups --------------------------------------------------------


def _fourier(
    complex_numbers: Callable[[Arguments, tuple[Tensor, ...]], Tensor], each: float
) -> Formula:
    """`each` N log2 N for every transform of N numbers, counted on the side that has them all."""

    def cost(args: Arguments, out: tuple[Tensor, ...]) -> float:
        whole = complex_numbers(args, out)
        return each * whole.numel() * log2(max(2, prod(whole.shape[axis] for axis in args[1])))

    return cost


def _windows(args: Arguments, out: tuple[Tensor, ...]) -> float:
    size = args[1] if isinstance(args[1], (tuple, list)) else [args[1]]
    axes = args[0].dim() - 2 if len(size) == 1 else len(size)
    return out[0].numel() * (prod(size) if len(size) > 1 else size[0] ** max(1, axes))


def _order(args: Arguments, _out: tuple[Tensor, ...]) -> float:
    longest = max(args[0].shape, default=1)
    return int(args[0].numel()) * log2(max(2, longest))


def _search(sequence: int) -> Formula:
    return lambda args, out: out[0].numel() * log2(max(2, args[sequence].shape[-1]))


def _weighted(reads: int) -> Formula:
    """A sum with weights over so many elements for each that is written."""
    return lambda _args, out: 2 * reads * out[0].numel()


def _bag(args: Arguments, _out: tuple[Tensor, ...]) -> float:
    return float(args[1].numel() * args[0].shape[-1] * (1 if args[6] is None else 2))


def _placed(source: int) -> Formula:
    """Writing the elements of an argument to places of the first one, copied where it stays."""

    def cost(args: Arguments, out: tuple[Tensor, ...]) -> float:
        placed = args[source].numel() if isinstance(args[source], Tensor) else 1
        given = [t.numel() for t in tensors_of(args[1:])]
        return max([placed, *given]) + (0 if out[0] is args[0] else out[0].numel())

    return cost


# --- dense linear algebra -------------------------------------------------------------------------


def _matrix(of: Callable[[int, int], float]) -> Formula:
    """A factorisation of each matrix `(m, n)`, m >= n, of the first argument."""

    def cost(args: Arguments, _out: tuple[Tensor, ...]) -> float:
        *batch, rows, columns = args[0].shape
        return int(prod(batch)) * of(max(rows, columns), min(rows, columns))

    return cost


def _solve(factor: float, right: float, matrix: int, values: int) -> Formula:
    """`factor` n^3 to factorise and `right` n^2 for each column of the right-hand side."""

    def cost(args: Arguments, _out: tuple[Tensor, ...]) -> float:
        n = args[matrix].shape[-1]
        matrices = args[matrix].numel() / max(1, n * n)
        return float(factor * matrices * n**3 + right * n * args[values].numel())

    return cost


def _exponential(args: Arguments, _out: tuple[Tensor, ...]) -> float:
    """Five products and one for each squaring (Bader, Blanes and Casas 2019, "Computing the Matrix
    Exponential with an Optimized Taylor Polynomial Approximation")."""
    n = int(args[0].shape[-1])
    norm = float(args[0].abs().sum(-2).amax()) if args[0].numel() else 0.0
    return 2.0 * n * int(args[0].numel()) * (5 + ceil(max(0.0, log2(max(norm, 1e-9)))))


def _svd(args: Arguments, out: tuple[Tensor, ...]) -> float:
    wanted = args[2] if isinstance(args[2], bool) else True
    formula = _matrix(lambda m, n: 14 * m * n**2 + 8 * n**3 if wanted else 4 * m * n**2)
    return formula(args, out)


def _eigh(args: Arguments, out: tuple[Tensor, ...]) -> float:
    return _matrix(lambda _, n: (9 if args[2] else 4 / 3) * n**3)(args, out)


FORMULAS: Final[Mapping[str, Formula]] = {
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    **dict.fromkeys(("_int_mm", "linear", "mkldnn_linear", "mv", "dot", "vdot"), _product(0)),
    **dict.fromkeys(("addmv", "_addmm_activation"), _product(1)),
    "addbmm": lambda args, _out: 2 * args[1].numel() * args[2].shape[-1],
    "addr": lambda _args, out: 2 * out[0].numel(),
    "conv_tbc": lambda args, out: 2 * out[0].numel() * prod(args[1].shape[:2]),
    "ormqr": lambda args, _out: 4 * args[2].numel() * args[0].shape[-1],
    "_trilinear": _trilinear,
    **dict.fromkeys(("_cdist_forward", "_euclidean_dist", "_pdist_forward"), _distances),
    "_fft_c2c": _fourier(lambda _args, out: out[0], 5),
    "_fft_r2c": _fourier(lambda args, _out: args[0], 2.5),
    "_fft_c2r": _fourier(lambda _args, out: out[0], 2.5),
    **dict.fromkeys(
        (
            *(f"avg_pool{n}d" for n in (1, 2, 3)),
            *(f"max_pool{n}d_with_indices" for n in (2, 3)),
            *(f"fractional_max_pool{n}d" for n in (2, 3)),
        ),
        _windows,
    ),
    **dict.fromkeys(
        ("sort", "topk", "kthvalue", "median", "nanmedian", "mode", "_unique", "_unique2",
         "unique_dim", "unique_consecutive"),
        _order,
    ),
    "searchsorted": _search(0),
    "bucketize": _search(1),
    "upsample_linear1d": _weighted(2),
    "upsample_bilinear2d": _weighted(4),
    "_upsample_bilinear2d_aa": _weighted(4),
    "upsample_trilinear3d": _weighted(8),
    "upsample_bicubic2d": _weighted(16),
    "_upsample_bicubic2d_aa": _weighted(16),
    "grid_sampler_2d": _weighted(4),
    "grid_sampler_3d": _weighted(8),
    "_embedding_bag": _bag,
    "_embedding_bag_forward_only": _bag,
    **dict.fromkeys(
        ("scatter", "scatter_add", "scatter_reduce", "index_add", "index_copy", "index_reduce"),
        _placed(3),
    ),
    **dict.fromkeys(("index_put", "_index_put_impl", "_unsafe_index_put", "put"), _placed(2)),
    "linalg_inv_ex": _matrix(lambda _, n: 2 * n**3),
    **dict.fromkeys(
        ("linalg_lu_factor_ex", "linalg_lu", "_linalg_det", "_linalg_slogdet", "cholesky_inverse"),
        _matrix(lambda m, n: m * n**2 - n**3 / 3),
    ),
    **dict.fromkeys(
        ("linalg_cholesky_ex", "cholesky", "linalg_ldl_factor_ex"), _matrix(lambda _, n: n**3 / 3)
    ),
    "linalg_qr": _matrix(lambda m, n: 4 * m * n**2 - 4 / 3 * n**3),
    "geqrf": _matrix(lambda m, n: 2 * m * n**2 - 2 / 3 * n**3),
    "linalg_householder_product": _matrix(lambda m, n: 2 * m * n**2 - 2 / 3 * n**3),
    "linalg_lstsq": _matrix(lambda m, n: 2 * m * n**2 - 2 / 3 * n**3),
    "linalg_eig": _matrix(lambda _, n: 25 * n**3),
    "linalg_eigvals": _matrix(lambda _, n: 10 * n**3),
    "_linalg_eigvals": _matrix(lambda _, n: 10 * n**3),
    "_linalg_eigh": _eigh,
    "_linalg_svd": _svd,
    "linalg_pinv": _matrix(lambda m, n: 14 * m * n**2 + 8 * n**3 + 2 * m * n**2),
    "linalg_matrix_exp": _exponential,
    "_linalg_solve_ex": _solve(2 / 3, 2, 0, 1),
    "linalg_lu_solve": _solve(0, 2, 0, 2),
    "cholesky_solve": _solve(0, 2, 1, 0),
    "linalg_solve_triangular": _solve(0, 1, 0, 1),
    "triangular_solve": _solve(0, 1, 1, 0),
}  # fmt: skip
