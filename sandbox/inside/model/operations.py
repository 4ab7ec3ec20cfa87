"""What one operation costs: by torch's own formula, by one of `formulas`, or one for each element
that it writes, or reads where it reduces. Views are free, and what is not known is said."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from math import ceil
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from .formulas import FORMULAS, SPARSE, Arguments, count, is_sparse

COMPLEX_PRODUCT: Final = 4
"""Products and sums of real numbers that those of complex ones take, for one."""


class Executed(NamedTuple):
    """One operation that was run, and the tensors among its arguments and its results."""

    func: Any
    args: Arguments
    kwargs: Mapping[str, Any]
    out: Any
    given: tuple[Tensor, ...]
    results: tuple[Tensor, ...]


def cost_of(executed: Executed) -> int | None:
    """The cost of one operation that was run; None for an operation that is not known."""
    func, args, kwargs, out, given, results = executed
    name, rule = _rule(func)
    if rule == "free":
        return 0
    dense = not any(is_sparse(t) for t in given)
    formula = FORMULAS.get(name) if dense else SPARSE.get(name)
    is_complex = any(t.is_complex() for t in results) and not name.startswith("_fft")
    each = COMPLEX_PRODUCT if is_complex else 1
    if dense and rule == "torch":
        return each * int(flop_registry[func.overloadpacket](*args, **kwargs, out_val=out))
    if formula is not None:
        return each * ceil(formula(_in_order(func, args, kwargs), results))
    if rule == "read":
        return max((count(t) for t in (*given, *results)), default=0)
    if rule == "written" or not results:
        return sum(count(t) for t in results)
    return None


@functools.cache
def _rule(func: Any) -> tuple[str, str]:
    """The plain name of an operation, and how it is counted where no formula of ours says it."""
    packet = getattr(func, "overloadpacket", None)
    if packet is None or func.namespace not in _NAMESPACES:
        return "", "unknown"
    name = str(packet).partition(".")[2].removesuffix("_")
    if name in _FREE or func.is_view:
        return name, "free"
    if packet in flop_registry:
        return name, "torch"
    if name in _READ or name.startswith(_READ_BEGINNINGS):
        return name, "read"
    if name in _WRITTEN or name.endswith("_copy") or _is_elementwise(packet):
        return name, "written"
    return name, "unknown"


def _in_order(func: Any, args: Arguments, kwargs: Mapping[str, Any]) -> Arguments:
    """All arguments in the order of the schema, with defaults where none was given."""
    schema = func._schema.arguments[len(args) :]
    return (*args, *(kwargs.get(a.name, a.default_value) for a in schema))


def _is_elementwise(packet: Any) -> bool:
    """Whether torch itself calls it pointwise, in any of its forms, in place or not."""
    plain = getattr(torch.ops.aten, str(packet).partition(".")[2].removesuffix("_"), packet)
    forms = [getattr(p, form) for p in (packet, plain) for form in p.overloads()]
    return any(torch.Tag.pointwise in form.tags for form in forms)


_NAMESPACES: Final = ("aten", "prim", "prims")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_READ_BEGINNINGS: Final = (
    "adaptive_",
    "_adaptive_",
    "to_sparse",
    "_to_sparse",
    "linalg_vector_norm",
)
_READ: Final = _names(
    """
    sum mean prod amax amin max min argmax argmin any all nansum var std var_mean std_mean norm
    logsumexp aminmax _aminmax count_nonzero nonzero masked_select cumsum cumprod cummax cummin
    _cummax_helper _cummin_helper logcumsumexp _logcumsumexp trace bincount histc segment_reduce
    _sparse_sum _sparse_csr_sum _is_all_true _is_any_true equal _local_scalar_dense dist renorm
    linalg_cross coalesce _coalesce sparse_mask
    """
)
"""One for each element of the largest tensor that it is given or gives."""

_WRITTEN: Final = _names(
    """
    _softmax _log_softmax _safe_softmax _masked_softmax _sparse_softmax _sparse_log_softmax
    native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training _native_batch_norm_legit_functional
    _batch_norm_with_update _batch_norm_no_update batch_norm_elemt _prelu_kernel glu
    log_sigmoid_forward elu celu hardshrink hardsigmoid hardswish hardtanh leaky_relu mish softplus
    softshrink threshold floor_divide softmax log_softmax embedding_renorm _pack_padded_sequence
    _weight_norm_interface _fused_rms_norm
    copy _to_copy clone cat stack reshape contiguous _reshape_copy constant_pad_nd
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d roll flip rot90 repeat repeat_interleave tril triu index _unsafe_index
    index_select gather take embedding im2col col2im pixel_shuffle pixel_unshuffle channel_shuffle
    index_fill masked_scatter select_scatter slice_scatter diagonal_scatter as_strided_scatter
    diag_embed block_diag upsample_nearest1d upsample_nearest2d upsample_nearest3d
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
    max_unpool2d max_unpool3d affine_grid_generator lu_unpack complex polar _to_dense to_dense
    mse_loss huber_loss smooth_l1_loss binary_cross_entropy binary_cross_entropy_with_logits
    nll_loss_forward nll_loss2d_forward isin _embedding_renorm
    fill zero ones zeros full ones_like zeros_like full_like new_ones new_zeros new_full eye arange
    linspace logspace range scalar_tensor tril_indices triu_indices hann_window hamming_window
    blackman_window bartlett_window kaiser_window fft_fftfreq fft_rfftfreq
    rand randn randint randperm rand_like randn_like randint_like uniform normal bernoulli
    exponential geometric cauchy log_normal random multinomial poisson binomial native_dropout
    normal_functional rrelu_with_noise _standard_gamma _sample_dirichlet
    quantize_per_tensor quantize_per_channel dequantize
    fake_quantize_per_tensor_affine_cachemask fake_quantize_per_channel_affine_cachemask
    _fake_quantize_per_tensor_affine_cachemask_tensor_qparams
    _fake_quantize_learnable_per_tensor_affine _fake_quantize_learnable_per_channel_affine
    sparse_coo_tensor _sparse_coo_tensor_with_dims_and_tensors sparse_compressed_tensor
    _spdiags _sparse_broadcast_to _stack
    """
)
"""One for each element that it gives."""

_FREE: Final = _names(
    """
    unsafe_split unsafe_split_with_sizes transpose t squeeze unsqueeze as_strided swapaxes swapdims
    empty empty_like empty_strided empty_permuted new_empty new_empty_strided lift lift_fresh
    _efficientzerotensor
    detach alias set resize _unsafe_view _resize_output _reshape_alias _assert_async _assert_scalar
    _functional_assert_async _coalesced _indices _values indices values crow_indices col_indices
    ccol_indices row_indices _nnz sym_size sym_stride is_same_size _convert_indices_from_csr_to_coo
    _convert_indices_from_coo_to_csr _validate_sparse_coo_tensor_args
    _validate_sparse_compressed_tensor_args _sparse_coo_tensor_unsafe
    """
)
"""Views of memory, and room that nothing is written to."""
