"""What a jail must let through, what its layers refuse, and that its ends leave nothing behind.

What hostile candidates try is in `hostile/`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from sandbox_candidates import GOOD

from archwright.core import Problem, Status, TrialJob
from archwright.sandbox import Sandbox
from archwright.sandbox.process import ProcessSandbox

Doing = Callable[[str], str]
Jobs = Callable[..., TrialJob]


@pytest.fixture
def found(jail: Sandbox, problem: Problem, doing: Doing) -> Callable[[str], str]:
    """What a candidate's code finds, or the error that it meets."""

    def run(body: str) -> str:
        report = jail.check(doing(body), problem)
        assert report.status is Status.INVALID
        return report.error.rpartition("\n")[2]

    return run


def test_every_limitation_has_a_meaning_and_a_fix(jail: Sandbox) -> None:
    limitations = jail.limitations()
    assert all(limitation.detail and limitation.fix for limitation in limitations)
    if sys.platform == "linux":
        assert not {"memory", "orphans"} & {limitation.name for limitation in limitations}


def test_the_scratch_folder_can_be_used_and_does_not_outlive_its_job(
    process_sandbox: ProcessSandbox, found: Callable[[str], str]
) -> None:
    used = found("open('mine', 'w').write('x'); found = os.listdir('.'), os.getcwd()")
    assert "found: (['mine'], " in used
    again = found("found = os.listdir('.'), os.getcwd()")
    assert "found: ([], " in again
    assert used.partition("], ")[2] != again.partition("], ")[2]
    scratch = process_sandbox._scratch
    assert scratch is not None
    assert list(scratch.path.glob("*/job-*")) == []


def test_the_environment_is_scrubbed(found: Callable[[str], str]) -> None:
    assert os.environ["ARCHWRIGHT_TEST_SECRET"] == "s3cret"
    assert found("found = 's3cret' in os.environ.values()").endswith("False")
    assert found("found = os.environ['OMP_NUM_THREADS']").endswith("1")
    assert found("found = os.environ['HOME'] == os.getcwd()").endswith("True")


@pytest.mark.parametrize("number", [101, 165, 272, 308, 310, 317, 321, 425, 434, 446])
def test_calls_that_compute_nothing_are_refused(
    jail: Sandbox, found: Callable[[str], str], number: int
) -> None:
    """ptrace, mount, unshare, setns, process_vm_readv, seccomp, bpf, io_uring, pidfd, landlock."""
    if os.uname().machine != "x86_64":
        pytest.skip("numbers of another architecture")
    if "system-call filter" in {limitation.name for limitation in jail.limitations()}:
        pytest.skip("this machine has no system-call filter")
    body = f"""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall({number}, 0, 0, 0, 0), ctypes.get_errno()
    """
    assert found(body).endswith("found: (-1, 1)")


def test_threads_work(found: Callable[[str], str]) -> None:
    body = """
    import threading
    box = []
    thread = threading.Thread(target=box.append, args=(7,))
    thread.start(); thread.join()
    found = box
    """
    assert found(body).endswith("[7]")


def test_what_torch_imports_late_still_works(found: Callable[[str], str]) -> None:
    body = """
    import torch, torch.fft, torch.func, torch.fx, torch.distributions, torch.sparse
    import einops_is_not_there
    """
    assert "No module named 'einops_is_not_there'" in found(body)
    body = """
    import torch, torch.nn.utils.parametrizations as p, functools, dataclasses, typing, copy, json
    layer = p.weight_norm(nn.Linear(2, 2))
    per_sample = torch.func.vmap(lambda t: t.sum())(torch.ones(3, 2))
    normal = torch.distributions.Normal(0.0, 1.0).sample()
    found = per_sample.tolist(), torch.linalg.svd(torch.eye(2))[1].tolist()
    torch.jit.script(nn.Linear(2, 2)); torch.fx.symbolic_trace(nn.Linear(2, 2))
    nn.MultiheadAttention(4, 2)(*[torch.ones(1, 2, 4)] * 3); nn.LSTM(2, 2)(torch.ones(1, 2, 2))
    """
    assert found(body).endswith("found: ([2.0, 2.0, 2.0], [1.0, 1.0])")


def test_printing_does_not_disturb_the_reply(jail: Sandbox, make_job: Jobs) -> None:
    source = GOOD.replace("return self", "print('noise', flush=True)\n        return self")
    assert jail.train(make_job(source)).status is Status.OK


def test_a_timeout_leaves_no_process(process_sandbox: ProcessSandbox, make_job: Jobs) -> None:
    process_sandbox.train(make_job())
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    outcome = process_sandbox.train(make_job("while True: pass", seconds_limit=1.0))
    assert outcome.status is Status.TIMEOUT
    assert "time limit" in outcome.error
    assert outcome.resources.cpu_seconds > 0
    assert {p.pid for p in psutil.Process().children(recursive=True)} == before


def test_a_job_sees_its_own_arrays_alone(jail: Sandbox, make_job: Jobs, data: Path) -> None:
    """Splits that were not asked for do not enter, though they lie beside those that were."""
    assert (data / "test_x.npy").exists()
    source = (
        "import sys\nframe, names = sys._getframe(), set()\n"
        "while frame is not None:\n"
        "    names |= set(getattr(frame.f_locals.get('data'), 'inputs', ()))\n"
        "    frame = frame.f_back\n"
        "raise RuntimeError(sorted(names))\n"
    )
    error = jail.train(make_job(source)).error
    assert "['train', 'validation']" in error
