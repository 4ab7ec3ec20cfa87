"""The forkserver of a sandbox that has closed is kept for the next one, with nothing in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from jobs_on_disk import begun

from archwright.core import Status, TrialJob
from archwright.sandbox.forkserver import Forkserver, Spare
from archwright.sandbox.process import ForkedWorker, ProcessSandbox

Jobs = Callable[..., TrialJob]
FOREVER = "import time\nopen('started', 'w')\nwhile True:\n    time.sleep(0.01)\n"


def _warm(forkserver: Forkserver, folder: Path) -> psutil.Process:
    """The process of a forkserver, once it has forked a worker."""
    worker = ForkedWorker(folder, forkserver)
    worker.start()
    parent = psutil.Process(worker.warm().pid).parent()
    assert parent is not None
    worker.end()
    return parent


def _ids() -> set[int]:
    return {p.pid for p in psutil.Process().children(recursive=True)}


def test_the_next_sandbox_of_a_process_needs_no_new_one(make_job: Jobs, tmp_path: Path) -> None:
    with ProcessSandbox(workers=1, scratch=tmp_path) as sandbox:
        assert sandbox.train(make_job()).status is Status.OK
    kept = _ids()
    with ProcessSandbox(workers=1, scratch=tmp_path) as sandbox:
        assert sandbox.train(make_job()).status is Status.OK
        assert kept < _ids()
    assert _ids() == kept
    assert not list(tmp_path.glob("run-*"))


def test_what_is_kept_holds_no_worker_and_no_job(make_job: Jobs, tmp_path: Path) -> None:
    with ProcessSandbox(workers=2, scratch=tmp_path) as sandbox:
        thread = threading.Thread(target=_train_until_stopped, args=(sandbox, make_job(FOREVER)))
        thread.start()
        while not begun(tmp_path):
            threading.Event().wait(0.02)
        running = _ids()
    thread.join()
    assert len(running - _ids()) == 4  # a worker for checks, two for trials, a job


def _train_until_stopped(sandbox: ProcessSandbox, job: TrialJob) -> None:
    with pytest.raises(Exception, match="stopped"):
        sandbox.train(job)


def test_one_is_kept_for_a_while_and_a_second_one_ends(tmp_path: Path) -> None:
    spare = Spare(seconds=600)
    first, second = spare.take(), spare.take()
    processes = [_warm(f, tmp_path / str(n)) for n, f in enumerate((first, second))]
    spare.leave(first)
    spare.leave(second)
    assert not processes[0].is_running()
    assert spare.take() is second
    spare.leave(second)
    spare.end()
    assert not processes[1].is_running()
    assert not second.folder.exists()


def test_it_ends_by_itself_after_its_time(tmp_path: Path) -> None:
    spare = Spare(seconds=0.01)
    forkserver = spare.take()
    process = _warm(forkserver, tmp_path / "worker")
    spare.leave(forkserver)
    process.wait(timeout=30)


@pytest.mark.parametrize("fault", ["dead", "environment"])
def test_one_that_is_dead_or_began_otherwise_is_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    spare = Spare(seconds=600)
    forkserver = spare.take()
    process = _warm(forkserver, tmp_path / "worker")
    if fault == "dead":
        process.kill()
        process.wait()
    spare.leave(forkserver)
    if fault == "environment":
        monkeypatch.setenv("TZ", "Asia/Tokyo" if os.environ.get("TZ") != "Asia/Tokyo" else "UTC")
    other = spare.take()
    assert other is not forkserver
    assert not process.is_running()
    other.end()
