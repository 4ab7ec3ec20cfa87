"""Predictions of a trained network, sent out in blocks."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ...contract import ProblemProjection
from ..faults import ContractError
from ..frames import Sender
from ..model.building import run
from ..model.layout import with_future_of
from ..model.leaks import differs
from .data import _DRAW, Array, Samples, as_input

BATCH: Final = 256
BLOCK_BYTES: Final = 32 << 20
"""About what a batch of predictions may take, if it is of more than one sample."""
PIECE_BYTES: Final = 4 << 20
"""About how much of them is compared at once."""


class DivergedError(Exception):
    """The loss or the predictions are no longer finite."""


class Predictor:
    """Predicts a network's splits in eval mode, batch by batch, so that memory is bounded."""

    def __init__(self, model: nn.Module, problem: ProblemProjection, sender: Sender) -> None:
        self._model, self._problem, self._sender = model, problem, sender
        row_bytes = 4 * max(1, math.prod(problem.output_shape))
        self._batch = max(1, min(BATCH, BLOCK_BYTES // row_bytes))

    def predict(self, name: str, samples: Samples) -> None:
        """Predict all samples and send that as `name`.

        Raises:
            ContractError: wrong shapes; or, of a causal task, the past moved with the future.
            DivergedError: a prediction is not finite.
        """
        self._model.eval()
        with torch.no_grad():
            for start in range(0, len(samples), self._batch):
                self._sender.block(name, start, self._rows(name, samples, start))

    def predict_rounded(self, name: str, samples: Samples) -> None:
        """As `predict`, of weights that were rounded: zeros from where that broke the network."""
        self._model.eval()
        broken = False
        with torch.no_grad():
            for start in range(0, len(samples), self._batch):
                rows = min(self._batch, len(samples) - start)
                out = np.zeros((rows, *self._problem.output_shape), dtype=np.float32)
                try:
                    out = out if broken else self._rows(name, samples, start)
                except DivergedError:
                    broken = True
                self._sender.block(name, start, out)

    def _rows(self, name: str, samples: Samples, start: int) -> Array:
        out = self._predict(samples, slice(start, start + self._batch))
        rows: Array = out.cpu().numpy()
        if not np.isfinite(rows).all():
            raise DivergedError(f"the predictions on {name} are not finite")
        return rows

    def _predict(self, samples: Samples, part: slice) -> Tensor:
        """Predictions on a part; of a causal task also compared with those on another future.

        Which of the two comes first is left to chance, so that the network cannot know which
        counts.
        """
        problem = self._problem
        x = as_input(samples.take(part), problem)
        length = problem.inputs[0].shape[0] if problem.inputs else problem.input_shape[0]
        per_position = problem.output_shape[:1] == (length,)
        if not (problem.causal and per_position and len(samples) > 1 and length > 1):
            return run(self._model, x, problem)
        draw = _DRAW()
        cut = int(draw.integers(1, length))
        if len(x) > 1:
            other = x.roll(int(draw.integers(1, len(x))), 0)
        else:  # outputs are so large that they are predicted one by one
            place = (part.start + int(draw.integers(1, len(samples)))) % len(samples)
            other = as_input(samples.take(slice(place, place + 1)), problem)
        changed = with_future_of(x, other, cut, problem)
        batches, outs = (x, changed), {}
        for which in draw.permutation(2).tolist():
            outs[which] = run(self._model, batches[which].clone(), problem)
        if _past_moved(outs[0], outs[1], cut):
            raise ContractError(
                f"outputs before position {cut} of the scored data change when inputs from there "
                "change"
            )
        return outs[0]


def _past_moved(out: Tensor, other: Tensor, cut: int) -> bool:
    """Whether outputs before `cut` differ by more than noise; looked at in pieces, for a copy of
    all may take too much memory."""
    scale = max(float(torch.linalg.vector_norm(each, math.inf)) for each in (out, other))
    if not math.isfinite(scale):
        return False
    pace = max(1, PIECE_BYTES // (4 * out[:, 0].numel()))
    pieces = zip(*(torch.split(each[:, :cut], pace, 1) for each in (out, other)), strict=True)
    return any(differs(piece, changed, max(scale, 1e-6)) for piece, changed in pieces)
