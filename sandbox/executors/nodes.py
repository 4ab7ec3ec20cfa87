"""The orchestrator's end of an agent: what is asked of it, and who waits for which answer."""

from __future__ import annotations

import functools
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, Any, Final, cast

from archwright.core import SandboxError
from archwright.sandbox.contract import read
from archwright.sandbox.executors import Arrival
from archwright.sandbox.executors.messages import PIECE_BYTES, AgentHello, Files, words_of
from archwright.sandbox.inside import frames
from archwright.sandbox.inside.jail.metering import Stopwatch
from archwright.sandbox.pool.worker import receive_within

SILENCE_SECONDS: Final = 15.0
"""An agent that says nothing for so long is lost: it says something each second."""
OPEN_SECONDS: Final = 180.0
"""How long it may take to open its sandbox."""
BYE_SECONDS: Final = 8.0
_SPOOLED_IN_MEMORY: Final = 4 << 20


class NodeLost(Exception):  # noqa: N818 - an event
    """An agent, or its node, went in the middle of a job.

    `died` tells one whose end was seen from one that fell silent, or was sent away.
    """

    def __init__(self, node: str, why: str, died: bool) -> None:
        super().__init__(f"node {node} is lost: {why}")
        self.node, self.died = node, died


class NodeFault(SandboxError):  # noqa: N818 - told apart from faults of the orchestrator
    """The sandbox of a node could not do its work."""

    def __init__(self, node: RemoteNode, why: str) -> None:
        super().__init__(f"node {node.name}: {why}")
        self.node, self.why = node, why


class Errand:
    """A job that is under way on a node. What it sends out waits on disk for its end.

    Args:
        limit_bytes: the most that it may send out.
    """

    def __init__(self, limit_bytes: int = 0) -> None:
        self._limit = limit_bytes
        self._spool = cast(
            IO[bytes],
            tempfile.SpooledTemporaryFile(_SPOOLED_IN_MEMORY),  # noqa: SIM115 - closed by `close`
        )
        self._done = threading.Event()
        self.answer: dict[str, Any] = {}
        self.loss: NodeLost | None = None

    def keep(self, piece: bytes) -> None:
        """Keep what was sent out.

        Raises:
            FrameError: it is more than it may be.
        """
        self._limit -= len(piece)
        if self._limit < 0:
            raise frames.FrameError("a job sends out more than it may")
        self._spool.write(piece)

    def end(self, answer: dict[str, Any], loss: NodeLost | None = None) -> None:
        """There will be no more."""
        self.answer, self.loss = answer, loss
        self._done.set()

    def wait(self) -> dict[str, Any]:
        """The answer.

        Raises:
            NodeLost: there will be none.
        """
        self._done.wait()
        if self.loss is not None:
            raise self.loss
        return self.answer

    def replay(self, feed: Callable[[bytes], None]) -> None:
        """Hand on, in order, all that was sent out."""
        self._spool.seek(0)
        while piece := self._spool.read(PIECE_BYTES):
            feed(piece)

    def close(self) -> None:
        """Forget it."""
        self._spool.close()


class RemoteNode:
    """One agent. `run` may be called by any thread.

    Args:
        arrival: the way to it.
        plan: how it opens its sandbox.
        files: what it may ask for.
        join: is called once it is ready for work.
        leave: is called once it is gone, with the reason.
    """

    def __init__(
        self,
        arrival: Arrival,
        plan: Mapping[str, Any],
        files: Files,
        join: Callable[[RemoteNode], None],
        leave: Callable[[RemoteNode, str], None],
    ) -> None:
        self.name = arrival.node
        self.hello: AgentHello | None = None
        self.is_leaving = False
        """Whether it was said that its time there is over, which is nobody's fault."""
        self.seconds = arrival.seconds
        """How long it may stay, from when it was ready for work."""
        self._until = time.monotonic() + arrival.seconds
        self._channel, self._plan, self._files = arrival.channel, plan, files
        self._join, self._leave = join, leave
        self._numbers = itertools.count(1)
        self._errands: dict[int, Errand] = {}
        self._loss: NodeLost | None = None
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._reader = threading.Thread(target=self._read, name=f"node {self.name}", daemon=True)

    @property
    def slots(self) -> int:
        """Trainings at a time."""
        return self.hello.slots if self.hello else 0

    @property
    def busy(self) -> int:
        """Jobs under way."""
        return len(self._errands)

    @property
    def seconds_left(self) -> float:
        """How long it may stay."""
        return self._until - time.monotonic()

    def start(self) -> None:
        """Begin to talk to it."""
        self._reader.start()

    def run(self, header: Mapping[str, Any], errand: Errand) -> dict[str, Any]:
        """Have a job done. Returns the answer.

        Raises:
            NodeLost: it went meanwhile.
            NodeFault: the sandbox there could not do its work.
        """
        number = next(self._numbers)
        with self._lock:
            if self._loss is not None:
                raise self._loss
            self._errands[number] = errand
        try:
            self._send({"job": number, **header})
            answer = errand.wait()
        finally:
            with self._lock:
                self._errands.pop(number, None)
        if "fault" in answer:
            raise NodeFault(self, words_of(answer["fault"]))
        return answer

    def end(self, why: str, patience_seconds: float = BYE_SECONDS) -> None:
        """End the agent and all that it has started, and check that it is gone.

        Raises:
            SandboxError: something is still there.
        """
        self._lose(why, died=False)
        if patience_seconds:
            # Whoever does not read any more would hold up a farewell for good.
            threading.Thread(target=self._send, args=({"bye": 1},), daemon=True).start()
            self._reader.join(patience_seconds)
        self._channel.close()
        self._reader.join(BYE_SECONDS)

    def _send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        try:
            with self._sending:
                self._channel.send(frames.encode(header, body))
        except (OSError, ValueError) as error:
            self._lose(f"it does not listen ({error})", died=False)

    def _read(self) -> None:
        why, died = "its agent ended", True
        try:
            self._send({"open": self._plan})
            while (message := self._listen()) is not None:
                self._take(*message)
        except TimeoutError:
            why, died = "it stopped responding", False
        except (ValueError, TypeError, OSError, SandboxError) as error:  # it speaks nonsense
            why, died = words_of(str(error)), False
        self._lose(why, died)

    def _listen(self) -> tuple[dict[str, Any], bytes] | None:
        patience = SILENCE_SECONDS if self.hello else OPEN_SECONDS
        receive = functools.partial(receive_within, self._channel, Stopwatch(), patience)
        return frames.read_message(receive)

    def _take(self, header: dict[str, Any], body: bytes) -> None:
        if "job" in header:
            with self._lock:
                errand = self._errands.get(header["job"])
            if errand is not None and "piece" in header:
                errand.keep(body)
            elif errand is not None:
                errand.end(header)
        elif "need" in header:
            digest = words_of(header["need"])
            threading.Thread(target=self._give, args=(digest,), daemon=True).start()
        elif "hello" in header and self.hello is None:
            self.hello = read(AgentHello, header["hello"])
            self.seconds = self.seconds_left
            self._join(self)
        elif "leaving" in header:
            self.is_leaving = True
            raise SandboxError("its time limit was reached, or it was preempted")
        elif "fault" in header:
            raise SandboxError(words_of(header["fault"]))

    def _give(self, digest: str) -> None:
        """Send a file, whole, piece by piece; what agents may not ask for is an empty one."""
        path = self._files.paths.get(digest)
        if path is None:
            return self._send({"data": digest})
        try:
            with path.open("rb") as file:
                piece = file.read(PIECE_BYTES)
                while True:
                    self._send({"data": digest}, piece)
                    if self._loss is not None or not (piece := file.read(PIECE_BYTES)):
                        return None
        except OSError:
            return self._send({"data": digest})

    def _lose(self, why: str, died: bool) -> None:
        """Nothing more comes of it: whoever waits is told so."""
        with self._lock:
            if self._loss is not None:
                return
            self._loss = NodeLost(self.name, why, died)
            errands = list(self._errands.values())
        self._leave(self, why)
        for errand in errands:
            errand.end({}, self._loss)
