"""A sandbox whose trials and checks run on other machines."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from types import TracebackType
from typing import Final, Self, TypeVar

from archwright import __version__
from archwright.core import (
    CheckReport,
    Limitation,
    Outcome,
    Problem,
    Receive,
    SandboxError,
    Status,
    Stopped,
    TrialJob,
)
from archwright.sandbox.executors import INSTEAD, Arrival, Launcher, LauncherError
from archwright.sandbox.executors.messages import (
    AgentPlan,
    Files,
    check_header,
    read_outcome,
    read_report,
)
from archwright.sandbox.executors.nodes import Errand, NodeFault, NodeLost, RemoteNode
from archwright.sandbox.executors.places import PATIENCE_SECONDS, Durations, Need, Places
from archwright.sandbox.wall import reader_of

LOOK_SECONDS: Final = 0.5
"""How often it looks for nodes that have come."""
FIRST_SECONDS: Final = 240.0
"""How long the first node may take to come."""
WISH_SECONDS: Final = 60.0
"""How long nodes of another kind wait for one of the kind that was wished for."""
LAST_LINES: Final = 3
"""What it has said last is not said again, and told where it has to give up."""
LOST_NODES: Final = 2
"""Nodes that die under a candidate before it counts as the cause."""
LOST_TRIES: Final = 5
"""Times that a job is lost in any way before it is given up."""

Ended = TypeVar("Ended", Outcome, CheckReport)


class RemoteSandbox:
    """Runs candidates in the ordinary sandboxes of many nodes.

    A trial that is lost with its node goes to another one, which nobody else notices: it is one
    trial. A candidate under which two nodes die is taken for the cause: it has failed, and is kept
    away from all nodes. Trainings of a run stay on nodes of one kind, that of the first to come:
    another processor gives other scores. What it does not cover is what the sandbox of each node
    does not; and whoever may write into the cluster's memory or network can do as he likes there.
    """

    is_spread = True

    def __init__(
        self,
        launcher: Launcher,
        plan: AgentPlan | None = None,
        workers: int = 1,
        kind: str = "",
        first_seconds: float = FIRST_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """`kind` is that of the nodes it would rather take, on which scores are what they were; it
        takes another where none of it comes. Empty where the first node decides.

        `workers` is what callers are told; how many trainings go on at a time is up to the nodes.
        """
        self.name, self.workers = launcher.name, workers
        self.choice = ""
        self._kind = kind
        self._launcher, self._plan = launcher, plan or AgentPlan()
        self._first_seconds = first_seconds
        self._files, self._places = Files(), Places(patience_seconds)
        self._durations = Durations()
        self._nodes: set[RemoteNode] = set()
        self._others: list[RemoteNode] = []
        self._wish_ends = math.inf
        self._suspects: dict[str, list[str]] = {}
        self._news: list[str] = []
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._lock = threading.Lock()
        self._over, self._first = threading.Event(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="nodes", daemon=True)

    # --- nodes that come and go -------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Start the agents; they get ready while the caller goes on."""
        self._launcher.start()
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while True:
            try:
                if self._places.fault is None:
                    for arrival in self._launcher.arrivals():
                        self._receive(arrival)
            except LauncherError as error:
                self._say(str(error))
                self._places.give_up(error)
                self._first.set()
            except (SandboxError, OSError) as error:  # who works hears of it when no node comes
                self._say(str(error))
            for line in self._launcher.news():
                self._say(line)
            if time.monotonic() > self._wish_ends:
                self._take_others()
            for node in self._places.spent():
                node.is_leaving = True
                self._bury(node, "what is left of its time is too short for a trial")
            if self._over.wait(LOOK_SECONDS):
                return

    def _receive(self, arrival: Arrival) -> None:
        node = RemoteNode(arrival, {**asdict(self._plan)}, self._files, self._join, self._leave)
        with self._lock:
            self._nodes.add(node)
        node.start()

    def _join(self, node: RemoteNode) -> None:
        """Take a node that is ready, if it is one of ours."""
        hello = node.hello
        if hello is None or self._over.is_set():
            return
        if hello.version != __version__:
            self._refuse(node, f"it has Archwright {hello.version}, not {__version__}: install it")
            return
        with self._lock:
            self._kind = self._kind or hello.kind
            is_other = hello.kind != self._kind
            if waits := is_other and not self._first.is_set():
                self._others.append(node)
                wish = min(WISH_SECONDS, self._first_seconds / 2)
                self._wish_ends = min(self._wish_ends, time.monotonic() + wish)
        if waits:
            return
        if is_other:
            self._refuse(node, f"scores there differ, it is {hello.kind}, not {self.kind}")
            return
        self._places.join(node)
        self._first.set()
        self._take_others()

    def _take_others(self) -> None:
        """Decide on the nodes of another kind: where none is of the kind that was wished for, the
        first of them says which is taken."""
        with self._lock:
            others, self._others, self._wish_ends = self._others, [], math.inf
            if others and not self._first.is_set():
                self._kind = ""
        for node in others:
            self._join(node)

    def _refuse(self, node: RemoteNode, why: str) -> None:
        self._launcher.avoid(node.name)
        self._bury(node, why)

    def _leave(self, node: RemoteNode, why: str) -> None:
        with self._lock:
            self._others = [other for other in self._others if other is not node]
        if not self._over.is_set():
            joined = self._places.leave(node)
            if not joined and not node.is_leaving:  # it would not come to anything another time
                self._launcher.avoid(node.name)
            end = "leaves" if node.is_leaving else "is lost" if joined else "is not used"
            self._say(f"node {node.name} {end}: {why}")
            self._bury(node, why)

    def _bury(self, node: RemoteNode, why: str) -> None:
        """See an agent gone, aside: it may take a while, and the caller may be its own reader."""
        threading.Thread(target=self._end, args=(node, why), daemon=True).start()

    def _end(self, node: RemoteNode, why: str) -> None:
        try:
            node.end(why, patience_seconds=0.0)
        except SandboxError as error:
            self._say(f"node {node.name}: {error}")
        with self._lock:
            self._nodes.discard(node)

    @property
    def kind(self) -> str:
        """That of the nodes it takes; empty before the first one came."""
        return self._kind

    def _say(self, line: str) -> None:
        with self._lock:
            if line not in self._last:
                self._news.append(line)
                self._last.append(line)

    def news(self) -> list[str]:
        """Nodes that were lost or turned away since it was last asked, a line each."""
        with self._lock:
            told, self._news = self._news, []
        return told

    def limitations(self) -> tuple[Limitation, ...]:
        """What the sandboxes of the nodes do not prevent; waits for the first node.

        Raises:
            SandboxError: none comes.
        """
        if not self._first.wait(self._first_seconds) and not self._over.is_set():
            said = "; ".join(self._last) or "no node answers"
            raise SandboxError(
                f"{self.name} has no node to train on after {self._first_seconds:.0f} s ({said}): "
                f"check it, {INSTEAD}"
            )
        if self._over.is_set():
            raise Stopped("the sandbox was stopped")
        if self._places.fault is not None and not self._places.nodes:
            raise SandboxError(f"{self._places.fault}; check it, {INSTEAD}")
        found = (n.hello.limitations for n in self._places.nodes if n.hello is not None)
        return tuple(dict.fromkeys(each for limitations in found for each in limitations))

    # --- work -------------------------------------------------------------------------------------

    def check(
        self,
        source: str,
        problem: Problem,
        seed: int = 0,
        proxies: bool = False,
        outline: int | None = None,
    ) -> CheckReport:
        """Build the candidate and execute the checks before training, on any node."""
        header = check_header(source, problem, seed, proxies, outline)

        def attempt() -> CheckReport:
            with self._places.checker() as node:
                errand = Errand()
                try:
                    return read_report(node.run(header, errand).get("checked"))
                finally:
                    errand.close()

        return self._persist(source, attempt, CheckReport)

    def train(self, job: TrialJob, priority: int = 0, receive: Receive | None = None) -> Outcome:
        """Train the candidate on a node that has what it needs, lowest `priority` first."""
        limit = reader_of(job, receive)[0].limit_bytes
        header = self._files.pack(job).header
        needs_gpu = job.training.device == "cuda"

        def attempt() -> Outcome:
            need = Need(job.memory_mb, needs_gpu, self._durations.expect(job.steps))
            with self._places.place(need, priority) as node:
                errand, started = Errand(limit), time.monotonic()
                try:
                    answer = node.run(header, errand).get("trained")
                    self._durations.note(job.steps, time.monotonic() - started)
                    return self._outcome(answer, errand, job, receive)
                finally:
                    errand.close()

        return self._persist(job.source, attempt, Outcome)

    def _outcome(
        self, answer: object, errand: Errand, job: TrialJob, receive: Receive | None
    ) -> Outcome:
        reader, kept = reader_of(job, receive)
        errand.replay(reader.feed)
        outcome = read_outcome(answer, reader, job)
        return replace(outcome, predictions=kept.predictions)

    def _persist(self, source: str, attempt: Callable[[], Ended], kind: type[Ended]) -> Ended:
        """Try until it ends on a node; see `LOST_NODES` and `LOST_TRIES`.

        Raises:
            Stopped: `stop` was called.
            SandboxError: the sandbox of a node cannot do its work, and there is no other node.
        """
        name, started = hashlib.sha256(source.encode()).hexdigest(), time.monotonic()
        for _ in range(LOST_TRIES):
            with self._lock:
                deaths = list(self._suspects.get(name, []))
            if len(deaths) >= LOST_NODES:
                why = f"kept away from all nodes: {' and '.join(deaths)} died under it"
                return kind(Status.CRASHED, error=why)
            try:
                return attempt()
            except NodeFault as fault:
                if len(self._places.nodes) < 2:
                    raise
                self._refuse(fault.node, fault.why)
            except NodeLost as loss:
                if self._over.is_set():
                    raise Stopped("the sandbox was stopped") from loss
                if loss.died:
                    with self._lock:
                        self._suspects.setdefault(name, []).append(loss.node)
        seconds = time.monotonic() - started
        why = f"lost with its node {LOST_TRIES} times in {seconds:.0f} s"
        return kind(Status.KILLED, error=why, lost=True)

    # --- the end ----------------------------------------------------------------------------------

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill whatever still runs, and check that it is gone."""
        self.stop()

    def stop(self) -> None:
        """End all agents; every blocked and later call raises `Stopped`. Returns when gone."""
        if self._over.is_set():
            return
        self._over.set()
        self._first.set()
        self._places.close()
        if self._watcher.is_alive():
            self._watcher.join()
        with self._lock:
            nodes = list(self._nodes)
        with ExitStack() as closing, ThreadPoolExecutor(max(1, len(nodes))) as pool:
            closing.callback(self._launcher.close)
            for ended in [pool.submit(node.end, "the sandbox was stopped") for node in nodes]:
                closing.callback(ended.result)
