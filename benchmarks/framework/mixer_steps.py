"""What the published mixers cost: parameters, numbers of state, and CPU time of a training step.

    OMP_NUM_THREADS=1 python benchmarks/framework/mixer_steps.py [--width 64] [--batch 16]
        [--length 64] [--repeats 12] [--json]

One thread; the time is CPU time of forward and backward of one mixer alone, the least of so many.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from archwright.search import mixers


def measure(name: str, width: int, batch: int, length: int, repeats: int) -> dict[str, float]:
    """Parameters, state and milliseconds of one mixer."""
    space: dict[str, Any] = {}
    exec(compile(mixers.source(name), name, "exec"), space)
    torch.manual_seed(0)
    mixer = space["Mixer"](width)
    x = torch.randn(batch, length, width)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        mixer(x).square().mean().backward()
        seconds.append(time.process_time() - start)
    return {
        "parameters": sum(p.numel() for p in mixer.parameters()),
        "state": sum(t.numel() for t in tree_leaves(mixer.start(1)) if t.ndim),
        "milliseconds": round(1000 * min(seconds), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    for option, usual in (("width", 64), ("batch", 16), ("length", 64), ("repeats", 12)):
        parser.add_argument(f"--{option}", type=int, default=usual)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    sizes = (given.width, given.batch, given.length, given.repeats)
    found = {name: measure(name, *sizes) for name in mixers.names()}
    if given.json:
        print(json.dumps(found))
        return
    for name, one in found.items():
        said = f"{one['parameters']:>8,} {one['state']:>8,} {one['milliseconds']:>8} ms"
        print(f"{name:<18}{said}")


if __name__ == "__main__":
    main()
