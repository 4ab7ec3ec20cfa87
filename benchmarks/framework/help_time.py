"""How long `archwright --help` takes, beside a Python that does nothing.

The two are run in turn, so that both see the same machine; medians are compared.

    python benchmarks/framework/help_time.py [--repeats N] [--json]

Exit code 1 when the median is over the limit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

LIMIT_SECONDS = 0.3


def main() -> int:
    parser = argparse.ArgumentParser(description="time `archwright --help`")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = measure(args.repeats)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"archwright --help {result['help_seconds']:.3f} s (limit {LIMIT_SECONDS} s), "
            f"python -c pass {result['python_seconds']:.3f} s, ratio {result['ratio']:.1f}"
        )
    return 0 if result["help_seconds"] <= LIMIT_SECONDS else 1


def measure(repeats: int) -> dict[str, float]:
    """Medians in seconds over `repeats` interleaved runs, after one warm-up of each."""
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "help": [sys.executable, "-m", "archwright", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            seconds = time_once(command)
            if turn > 0:
                times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "repeats": repeats,
        "help_seconds": medians["help"],
        "python_seconds": medians["python"],
        "ratio": medians["help"] / medians["python"],
        "limit_seconds": LIMIT_SECONDS,
    }


def time_once(command: list[str]) -> float:
    """Wall-clock seconds of one run of `command`."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
