# mypy: ignore-errors
"""Ways to write into a memory and to read it: whole sequences chunk by chunk, and single steps.

Arrays are (batch, heads, length, size); a memory is (batch, heads, key size, value size). A decay
is a logarithm, at most 0, of last axis 1 (one for all of a head's keys) or the key size (one for
each). All is computed in float32 at least.
This file is never imported: its functions are copied into the sources that are made.
"""

import torch
import torch.nn.functional as F  # noqa: N812


def split_heads(x, heads):
    """(batch, length, heads * size) to (batch, heads, length, size)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x):
    """(batch, heads, length, size) to (batch, length, heads * size)."""
    return x.transpose(1, 2).flatten(2)


def cut(chunk, *arrays):
    """Cut lengths into chunks, zeros at the end: (batch, heads, chunks, chunk, size) each."""
    exact = torch.promote_types(arrays[0].dtype, torch.float32)
    gap = -arrays[0].shape[2] % chunk
    return [F.pad(a.to(exact), (0, 0, 0, gap)).unflatten(2, (-1, chunk)) for a in arrays]


def fading_scores(q, k, total):
    """q_i k_j, faded by what the summed decay `total` gained from j to i; 0 where j > i.

    One decay for a whole head is a difference that never overflows. By key it is split between
    q and k around the middle of the chunk, which is safe for 32 steps that lose at most 5 each.
    """
    if total.shape[-1] == 1:
        gain = total - total.transpose(-1, -2)
        later = torch.ones(gain.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        return q @ k.transpose(-1, -2) * gain.masked_fill(later, float("-inf")).exp()
    middle = total[..., total.shape[-2] // 2, :].unsqueeze(-2)
    return ((q * (total - middle).exp()) @ (k * (middle - total).exp()).transpose(-1, -2)).tril()


def solve(system, known):
    """X of (1 + system) X = known, where `system` is 0 on the diagonal and above."""
    system = system.to(known.dtype)
    return torch.linalg.solve_triangular(system, known, upper=False, unitriangular=True)


def running_sum(q, k, v, chunk):
    """o_t = q_t S_t of the memory S_t = S_{t-1} + k_t v_t, for all t."""
    kind, length = v.dtype, q.shape[2]
    q, k, v = cut(min(chunk, length), q, k, v)
    near = (q @ k.transpose(-1, -2)).tril() @ v
    written = k.transpose(-1, -2) @ v
    before = written.cumsum(2) - written
    return (near + q @ before).flatten(2, 3)[:, :, :length].to(kind)


def running_step(q, k, v, memory):
    """One step of `running_sum`: what is read, and the memory after it."""
    memory = memory + k.transpose(-1, -2) @ v
    return q @ memory, memory


def decayed_sum(q, k, v, decay, chunk):
    """o_t = q_t S_t of the memory S_t = exp(decay_t) S_{t-1} + k_t v_t, for all t."""
    kind, length = v.dtype, q.shape[2]
    q, k, v, decay = cut(min(chunk, length), q, k, v, decay)
    total = decay.cumsum(-2)
    last = total[..., -1:, :]
    near = fading_scores(q, k, total) @ v
    q, keep = q * total.exp(), last.exp().transpose(-1, -2)
    written = (k * (last - total).exp()).transpose(-1, -2) @ v
    memory, read = torch.zeros_like(written[:, :, 0]), []
    for n in range(q.shape[2]):
        read.append(q[:, :, n] @ memory)
        memory = keep[:, :, n] * memory + written[:, :, n]
    return (near + torch.stack(read, 2)).flatten(2, 3)[:, :, :length].to(kind)


def decayed_step(q, k, v, decay, memory):
    """One step of `decayed_sum`: what is read, and the memory after it."""
    memory = decay.exp().transpose(-1, -2) * memory + k.transpose(-1, -2) @ v
    return q @ memory, memory


def corrected_sum(q, k, v, erase, decay, chunk):
    """o_t = q_t S_t of S_t = A_t + k_t (v_t - erase_t A_t), A_t = exp(decay_t) S_{t-1}, for all t.

    Inside a chunk what each step writes depends on those before it: a triangular system.
    """
    kind, length = v.dtype, q.shape[2]
    q, k, v, erase, decay = cut(min(chunk, length), q, k, v, erase, decay)
    total = decay.cumsum(-2)
    last = total[..., -1:, :]
    near, system = fading_scores(q, k, total), fading_scores(erase, k, total).tril(-1)
    known = torch.cat([v, erase * total.exp()], dim=-1)
    solved = solve(system, known)
    fresh, reads = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
    q, keep = q * total.exp(), last.exp().transpose(-1, -2)
    keys = (k * (last - total).exp()).transpose(-1, -2)
    memory, read = k.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1]), []
    for n in range(q.shape[2]):
        written = fresh[:, :, n] - reads[:, :, n] @ memory
        read.append(q[:, :, n] @ memory + near[:, :, n] @ written)
        memory = keep[:, :, n] * memory + keys[:, :, n] @ written
    return torch.stack(read, 2).flatten(2, 3)[:, :, :length].to(kind)


def corrected_step(q, k, v, erase, decay, memory):
    """One step of `corrected_sum`: what is read, and the memory after it."""
    memory = decay.exp().transpose(-1, -2) * memory
    memory = memory + k.transpose(-1, -2) @ (v - erase @ memory)
    return q @ memory, memory


def low_rank_sum(q, k, v, look, put, decay, chunk):
    """o_t = q_t S_t of S_t = exp(decay_t) S_{t-1} + put_t (look_t S_{t-1}) + k_t v_t, for all t.

    A diagonal plus a matrix of rank one moves the memory: what step t looks up of it is put back
    under another key.
    """
    kind, length = v.dtype, q.shape[2]
    q, k, v, look, put, decay = cut(min(chunk, length), q, k, v, look, put, decay)
    total = decay.cumsum(-2)
    last = total[..., -1:, :]
    look = look * (-decay).exp()  # It sees the memory before this step's decay.
    near, back = fading_scores(q, k, total), fading_scores(q, put, total)
    system = -fading_scores(look, put, total).tril(-1)
    known = torch.cat([fading_scores(look, k, total).tril(-1) @ v, look * total.exp()], dim=-1)
    solved = solve(system, known)
    fresh, reads = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
    q, keep, fade = q * total.exp(), last.exp().transpose(-1, -2), (last - total).exp()
    keys, puts = (k * fade).transpose(-1, -2), (put * fade).transpose(-1, -2)
    near, written = near @ v, keys @ v
    memory, read = torch.zeros_like(written[:, :, 0]), []
    for n in range(q.shape[2]):
        found = fresh[:, :, n] + reads[:, :, n] @ memory
        read.append(q[:, :, n] @ memory + near[:, :, n] + back[:, :, n] @ found)
        memory = keep[:, :, n] * memory + puts[:, :, n] @ found + written[:, :, n]
    return torch.stack(read, 2).flatten(2, 3)[:, :, :length].to(kind)


def low_rank_step(q, k, v, look, put, decay, memory):
    """One step of `low_rank_sum`: what is read, and the memory after it."""
    found = look @ memory
    memory = decay.exp().transpose(-1, -2) * memory
    memory = memory + put.transpose(-1, -2) @ found + k.transpose(-1, -2) @ v
    return q @ memory, memory


def tree_level(later, earlier):
    """Which node of a binary tree over the past holds a position: 0 the step itself, then the
    blocks of 1, 2, 4, ... steps that a Fenwick tree cuts the past of `later` into.
    """
    return torch.frexp((later ^ earlier).double())[1].long()


def tree_sum(q, k, v, weights, decay, chunk):
    """o_t = sum over levels l of weights_tl q_t S_tl, where S_tl is `decayed_sum`'s memory of those
    steps alone that level l of the tree holds; the last level holds all that is older.

    `chunk` is a power of 2. The memories of whole chunks merge as bits carry in a counter.
    """
    kind, length, levels = v.dtype, q.shape[2], weights.shape[-1]
    chunk = min(chunk, 1 << (length - 1).bit_length())
    q, k, v, weights, decay = cut(chunk, q, k, v, weights, decay)
    total = decay.cumsum(-2)
    last = total[..., -1:, :]
    step = torch.arange(chunk, device=q.device)
    level = tree_level(step.unsqueeze(-1), step).clamp(max=levels - 1)
    spread = weights.gather(-1, level.expand(*weights.shape[:-1], -1))
    near = (fading_scores(q, k, total) * spread) @ v
    q, keep = q * total.exp(), last.exp().transpose(-1, -2)
    written = (k * (last - total).exp()).transpose(-1, -2) @ v
    memories, read, inside = {}, [], chunk.bit_length()
    for n in range(q.shape[2]):
        far = near[:, :, n]
        for bit, memory in memories.items():
            place = min(inside + bit, levels - 1)
            far = far + weights[:, :, n, :, place : place + 1] * (q[:, :, n] @ memory)
        read.append(far)
        memories = {bit: keep[:, :, n] * memory for bit, memory in memories.items()}
        carried, bit = written[:, :, n], 0
        while bit in memories:
            carried, bit = carried + memories.pop(bit), bit + 1
        memories[bit] = carried
    return torch.stack(read, 2).flatten(2, 3)[:, :, :length].to(kind)


def tree_step(q, k, v, weights, decay, memories, count):
    """One step of `tree_sum`. `memories` (batch, heads, levels - 1, key size, value size) and
    `count`, the steps before this one, become those after it.
    """
    fresh = (k.transpose(-1, -2) @ v).unsqueeze(2)
    memories = decay.exp().unsqueeze(-1) * memories
    each = q.unsqueeze(2) @ torch.cat([fresh, memories], dim=2)
    read = (weights.transpose(-1, -2).unsqueeze(-1) * each).sum(2)
    place = torch.arange(memories.shape[2], device=q.device).view(-1, 1, 1)
    target = (tree_level(count + 1, count) - 1).clamp(max=memories.shape[2] - 1)
    merged = fresh + (memories * (place <= target)).sum(2, keepdim=True)
    kept = memories * (place > target)
    return read, torch.where(place == target, merged, kept), count + 1
