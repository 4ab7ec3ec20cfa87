"""Where untrusted code runs. `inside/` is all that ever runs in the jail.

A `Sandbox` takes a job and gives back plain data. Which one is used is the caller's choice;
`archwright.sandbox.opening` makes one by name.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from archwright.core import CheckReport, Limitation, Outcome, Problem, Receive, TrialJob


class Sandbox(Protocol):
    """Runs candidates' code, `workers` trainings at a time.

    Every method may be called by any thread.
    Entering starts the workers; leaving kills whatever still runs and checks that it is gone.
    A failure of the candidate is an `Outcome` or a `CheckReport`; `SandboxError` means that the
    sandbox itself could not do its work.
    """

    name: str
    workers: int
    choice: str
    """Why this kind was taken where the caller left it open; else empty."""
    is_spread: bool
    """Whether it is on many machines, so that trainings are not in each other's way."""

    @property
    def kind(self) -> str:
        """The kind of machine that trains (`machine_kind`), once it was entered: scores of the
        same seed differ between two kinds."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def check(
        self,
        source: str,
        problem: Problem,
        seed: int = 0,
        proxies: bool = False,
        outline: int | None = None,
    ) -> CheckReport:
        """Build the candidate and execute the checks before training. Blocks.

        With `proxies`, a candidate that passes is also given training-free guesses at its quality.
        With `outline` its costs are counted in place of the checks, on shapes alone, so that a
        network may be of any size; a training step on so many samples is timed where it is cheap.
        """
        ...

    def train(self, job: TrialJob, priority: int = 0, receive: Receive | None = None) -> Outcome:
        """Train the candidate. Blocks, first for a free worker (lowest `priority` first).

        `receive` is given the predictions block by block, in order, while they come; they count
        only if the outcome is ok. Without it they are kept in the outcome, up to 64 MB.

        Raises:
            Stopped: `stop` was called before or while it ran.
        """
        ...

    def stop(self) -> None:
        """Kill all that runs; every blocked and later call raises `Stopped`. Returns when gone."""
        ...

    def limitations(self) -> tuple[Limitation, ...]:
        """What this sandbox does not prevent on this machine, tried and not guessed."""
        ...

    def news(self) -> list[str]:
        """What happened to it since it was last asked, a line each, such as a node that is lost."""
        ...


__all__ = ["Sandbox"]
