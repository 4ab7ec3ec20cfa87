"""Engines that hang, that are elsewhere, and that a context names."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from archwright.core import SandboxError, Status, Stopped, TrialJob
from archwright.sandbox.docker.engine import DockerSettings, Engine
from archwright.sandbox.docker.sandbox import DockerSandbox
from archwright.sandbox.opening import look_at_docker

Jobs = Callable[..., TrialJob]
REAL = "/var/run/docker.sock"


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[str]:
    """An engine that lets everybody in and never says a word."""
    path = tmp_path / "hung.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield f"unix://{path}"


def test_an_engine_that_hangs_is_given_up(hung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", hung)
    with (
        Engine(answer_seconds=0.5) as engine,
        pytest.raises(SandboxError, match=r"does not answer within 0\.5 s\); start it"),
    ):
        engine.version()


def test_an_engine_elsewhere_that_is_down_is_not_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    monkeypatch.setenv("PATH", str(tmp_path))
    state = look_at_docker(DockerSettings())
    assert not state.ok
    assert "no Docker Engine answers" in state.detail
    assert "refused" in state.detail
    assert "\n" not in state.detail


def copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on what one end says until it ends, then end the other's input."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def lead(caller: socket.socket) -> None:
    """Lead one that came to the real engine, and back."""
    with caller, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(REAL)
        back = threading.Thread(target=copy, args=(engine, caller), daemon=True)
        back.start()
        copy(caller, engine)
        back.join()


@pytest.fixture
def remote(docker_settings: DockerSettings) -> Iterator[str]:
    """The real engine, reached over TCP; nobody may stay connected to it."""
    del docker_settings  # an engine that answers
    led: list[threading.Thread] = []

    def forward() -> None:
        with suppress(OSError):
            while True:
                caller = server.accept()[0]
                led.append(threading.Thread(target=lead, args=(caller,), daemon=True))
                led[-1].start()

    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=forward, daemon=True)
    thread.start()
    with closing(server):
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for each in (thread, *led):
        each.join(30)
        assert not each.is_alive(), "a connection was left open"


@pytest.mark.docker
def test_an_engine_elsewhere_trains_and_is_left_clean(
    remote: str,
    docker_settings: DockerSettings,
    make_job: Jobs,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", remote)
    with DockerSandbox(1, scratch=tmp_path, settings=docker_settings) as sandbox:
        assert sandbox.train(make_job()).status is Status.OK
        endless = make_job("while True: pass", seconds_limit=1.0)
        assert sandbox.train(endless).status is Status.TIMEOUT
        names = [worker.name for worker in sandbox._trainers]  # type: ignore[attr-defined]
    with Engine() as engine:
        assert engine.client().api.base_url == remote.replace("tcp", "http")
        assert not any(engine.containers(name=name) for name in names)


@pytest.mark.docker
@pytest.mark.parametrize("by", ["DOCKER_CONTEXT", "currentContext"])
def test_a_context_names_the_engine(
    by: str, remote: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Either the environment says which, or the settings of Docker's command line do."""
    folder = tmp_path / "contexts" / "meta" / hashlib.sha256(b"far").hexdigest()
    folder.mkdir(parents=True)
    ends = {"docker": {"Host": remote, "SkipTLSVerify": False}}
    (folder / "meta.json").write_text(
        json.dumps({"Name": "far", "Metadata": {}, "Endpoints": ends})
    )
    chosen = {by: "far"} if by == "currentContext" else {}
    (tmp_path / "config.json").write_text(json.dumps(chosen))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "" if chosen else "far")
    with Engine() as engine:
        assert engine.version()
        assert engine.client().api.base_url == remote.replace("tcp", "http")


@pytest.mark.docker
def test_a_container_that_is_not_wanted_any_more_never_starts(
    docker_settings: DockerSettings, make_job: Jobs, tmp_path: Path
) -> None:
    """Stopped at once, while the engine is still making it."""
    for _ in range(3):
        with DockerSandbox(2, scratch=tmp_path, settings=docker_settings) as sandbox:
            pass
        with Engine() as engine:
            assert not [n for n, folder in engine.containers() if tmp_path in Path(folder).parents]
        with pytest.raises(Stopped):
            sandbox.train(make_job())
