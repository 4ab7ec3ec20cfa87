"""The same on a real Ray: added nodes, killed raylets, and what it says when it does not start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from archwright.benchmarks.cluster.ray_by_hand import RayByHand
from archwright.core import InputError, Problem, Status, TrialJob
from archwright.sandbox.executors.bridge import Bridge
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.pool.worker import family_of

pytest.importorskip("ray", reason="ray is not installed: pip install 'archwright[ray]'")
pytestmark = pytest.mark.filterwarnings("default")  # Ray's own

Jobs = Callable[..., TrialJob]
LOOKS_AROUND = """
import socket
found = [name for name in os.environ if 'RAY' in name]
for place in ('~/.ray/auth_token', '/tmp/ray', '/dev/shm'):
    place = place.replace('~', '/root')
    try:
        found.append(os.listdir(place) if os.path.isdir(place) else open(place).read())
    except OSError:
        pass
try:
    found.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
except OSError:
    pass
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without CPUs, so that trials are on nodes that can be killed."""
    from ray.cluster_utils import Cluster

    try:
        made = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False},
        )
    except Exception as error:  # noqa: BLE001 - Ray raises what it likes
        pytest.skip(f"ray does not start here: {error}")
    yield made
    made.shutdown()


@pytest.mark.slow
def test_a_trial_survives_its_node(
    cluster: Any, make_job: Jobs, problem: Problem, doing: Callable[[str], str]
) -> None:
    first = cluster.add_node(num_cpus=1)
    agents = Bridge("ray", address=cluster.address)
    with RemoteSandbox(agents, AgentPlan("process")) as sandbox, ThreadPoolExecutor(1) as pool:
        sandbox.limitations()
        assert len(sandbox._places.nodes) == 1
        report = sandbox.check(doing(LOOKS_AROUND), problem)
        assert report.error.endswith("found: []")
        assert sandbox.train(make_job()).status is Status.OK
        cluster.add_node(num_cpus=1)
        future = pool.submit(sandbox.train, make_job(steps=3000))
        while not sandbox._places.nodes[0].busy:
            threading.Event().wait(0.01)
        for process in family_of(first.all_processes["raylet"][0].process.pid):
            process.kill()  # as a power cut does
        outcome = future.result()
        assert outcome.status is Status.OK
        assert "is lost" in "".join(sandbox.news())


@pytest.mark.slow
def test_a_cluster_by_its_clients_address(make_job: Jobs) -> None:
    pytest.importorskip("grpc", reason="pip install 'archwright[ray]' brings what clients need")
    cluster = RayByHand()
    try:
        cluster.start_head()
        cluster.start_node()
        bridge = Bridge("ray", address=cluster.client_address)
        with RemoteSandbox(bridge, AgentPlan("process")) as sandbox:
            assert sandbox.train(make_job()).status is Status.OK
    finally:
        cluster.close()


def test_a_cluster_that_was_here_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(InputError, match=r"127.0.0.1:1, is gone.*ray stop"):
        RemoteSandbox(Bridge("ray")).__enter__()


def test_a_cluster_that_is_not_there_is_one_line() -> None:
    sandbox = RemoteSandbox(Bridge("ray", address="ray://127.0.0.1:1"))
    with pytest.raises(InputError, match="leave --on out to train on this machine"):
        sandbox.__enter__()
