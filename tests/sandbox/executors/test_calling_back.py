"""How agents call a run back: who is let in, and who is not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from archwright.core import SandboxError
from archwright.sandbox.executors.lines import AgentLine
from archwright.sandbox.executors.slurm.calling import (
    CALLS_LIMIT,
    GREETING,
    NONCE_BYTES,
    AgentCall,
    Reception,
    call_back,
)

TOKEN = "r1ght-t0ken"


@pytest.fixture
def reception() -> Iterator[Reception]:
    made = Reception(TOKEN)
    yield made
    made.close()


def come(reception: Reception) -> AgentCall:
    """The next who has proved itself."""
    while not (callers := reception.callers()):
        threading.Event().wait(0.01)
    return callers[0]


def reach(reception: Reception) -> socket.socket:
    return socket.create_connection(("127.0.0.1", reception.port), 10)


def test_who_knows_the_token_gets_a_line_that_either_end_can_cut(reception: Reception) -> None:
    theirs = AgentLine(call_back(f"127.0.0.1:{reception.port}", TOKEN, 7))
    call = come(reception)
    ours = AgentLine(call.connection)
    assert call.job == 7
    theirs.send(b"hello")
    assert ours.receive(100) == b"hello"
    with pytest.raises(TimeoutError):
        ours.receive(1, 0.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(theirs.receive, 1)
        ours.close()
        assert waiting.result() == b""
    assert ours.receive(1) == b""
    with pytest.raises(OSError, match=r"closed|descriptor"):
        ours.send(b"late")
    theirs.close()


def test_who_does_not_know_the_token_is_not_let_in(reception: Reception) -> None:
    with pytest.raises(SandboxError, match="the run does not answer at"):
        call_back(f"127.0.0.1:{reception.port}", "wr0ng-t0ken", 7, tries=1)
    assert not reception.callers()


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\nHost: a.b\r\n\r\n" * 9, b"\x00" * 72, b"\xff" * 100_000]
)
def test_a_stranger_learns_nothing_and_is_cut_off(reception: Reception, said: bytes) -> None:
    with reach(reception) as stranger:
        greeting = stranger.recv(1000)
        assert len(greeting) == len(GREETING) + NONCE_BYTES
        try:
            stranger.sendall(said)
            stranger.shutdown(socket.SHUT_WR)
            assert stranger.recv(1000) == b""
        except OSError:  # it was cut off before it was through
            pass
    assert not reception.callers()


def test_what_an_agent_said_once_lets_nobody_in_again(reception: Reception) -> None:
    """Somebody between the two hands on all that he hears, and says it again later."""
    relay = socket.create_server(("127.0.0.1", 0))
    with ThreadPoolExecutor(1) as pool, reach(reception) as run:
        agent = pool.submit(call_back, f"127.0.0.1:{relay.getsockname()[1]}", TOKEN, 7)
        between, _ = relay.accept()
        between.sendall(run.recv(1000))
        said = between.recv(1000)
        run.sendall(said)
        between.sendall(run.recv(1000))
        agent.result().close()
        come(reception).connection.close()
        between.close()
    relay.close()
    with reach(reception) as again:
        again.recv(1000)
        again.sendall(said)
        assert again.recv(1000) == b""
    assert not reception.callers()


def test_an_agent_serves_nobody_else_than_its_run() -> None:
    """Whoever takes the port of a run that is gone could have work done in its jobs."""
    server = socket.create_server(("127.0.0.1", 0))

    def pretend() -> None:
        connection, _ = server.accept()
        connection.sendall(GREETING + bytes(NONCE_BYTES))
        connection.recv(1000)
        connection.sendall(bytes(32))
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pretending = pool.submit(pretend)
        with pytest.raises(SandboxError, match="does not know the token"):
            call_back(f"127.0.0.1:{server.getsockname()[1]}", TOKEN, 7, tries=1)
        pretending.result()
    server.close()


def test_many_who_say_nothing_are_turned_away_and_hold_nobody_up_for_good() -> None:
    reception = Reception(TOKEN)
    idle = [reach(reception) for _ in range(CALLS_LIMIT + 8)]
    try:
        for each in idle[:CALLS_LIMIT]:
            assert each.recv(1000).startswith(GREETING)
        assert all(each.recv(1000) == b"" for each in idle[CALLS_LIMIT:])
        for each in idle[:8]:
            each.close()
        call_back(f"127.0.0.1:{reception.port}", TOKEN, 7).close()
        come(reception).connection.close()
    finally:
        for each in idle:
            each.close()
        reception.close()
