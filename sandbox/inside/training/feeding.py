"""The batches of a training, in the order of its seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final

import torch
from torch import Tensor

from ...contract import TrainRequest
from .augmenting import augmentation
from .data import Array, Data, Samples, as_input, as_target, draw_batches

_SHARE_OF_DEVICE: Final = 0.25
"""Of its free memory that a training's data may take for good."""

Batch = tuple[Tensor, Any]


class Feeder:
    """Batches of one training, each sample in the order that every candidate sees.

    On an accelerator the data stays there where it fits. Threads make the next batches ready while
    one is worked on: one for an accelerator, or as many as the task says. What a batch holds hangs
    on its number alone, not on them.
    """

    def __init__(self, job: TrainRequest, data: Data, chosen: Array) -> None:
        self._job, self._chosen = job, chosen
        self._inputs, self._labels = _near(data.inputs["train"]), _near(data.labels)
        self._order = draw_batches(len(chosen), job.recipe.batch_size, job.seed)
        self._augment, self._number = augmentation(job.problem, job.seed), 0

    def skip(self, batches: int) -> None:
        """Pass over batches that an earlier job has trained on."""
        for _ in range(batches):
            self._draw()

    def batches(self, count: int) -> Iterator[Batch]:
        """The next `count` batches."""
        device = torch.get_default_device()
        threads = self._job.training.loaders or int(device.type != "cpu")
        if not threads:
            yield from (self._make(*self._draw()) for _ in range(count))
            return
        with ThreadPoolExecutor(threads) as pool:
            asked = (pool.submit(self._make_on, device, *self._draw()) for _ in range(count))
            ahead = deque(islice(asked, threads))
            while ahead:
                batch = ahead.popleft().result()
                ahead.extend(islice(asked, 1))
                yield batch

    def _draw(self) -> tuple[Array, int]:
        """Which samples the next batch has, and its number."""
        self._number += 1
        return self._chosen[next(self._order)], self._number

    def _make_on(self, device: torch.device, picked: Array, number: int) -> Batch:
        with device:  # the default device is a thread's own
            return self._make(picked, number)

    def _make(self, picked: Array, number: int) -> Batch:
        x, y = self.at(picked)
        return (x, y) if self._augment is None else self._augment(x, y, number)

    def at(self, picked: Array) -> Batch:
        """The samples at these places."""
        x = as_input(self._inputs.take(picked), self._job.problem)
        y = self._labels.take(picked)
        return x, as_target(y, self._labels.names, self._job.problem)


class Resident(Samples):
    """Samples that lie on the accelerator."""

    def __init__(self, samples: Samples, device: torch.device) -> None:
        whole = samples.take(slice(0, len(samples)))
        self._tensors = [tensor.to(device) for tensor in whole]
        super().__init__(samples.arrays, samples.names)

    def take(self, picked: slice | Array) -> list[Tensor]:
        """Fresh tensors of the picked samples, as they are stored."""
        if isinstance(picked, slice):
            return [tensor[picked].clone() for tensor in self._tensors]
        places = torch.as_tensor(picked, device=self._tensors[0].device)
        return [tensor.index_select(0, places) for tensor in self._tensors]


def _near(samples: Samples) -> Samples:
    device = torch.get_default_device()
    if device.type != "cuda":
        return samples
    free, _ = torch.cuda.mem_get_info(device)
    return Resident(samples, device) if samples.nbytes < _SHARE_OF_DEVICE * free else samples
