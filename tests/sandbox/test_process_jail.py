"""Hostile candidates in the process sandbox."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from sandbox_candidates import GOOD

from archwright.domain import Problem, Status, TrialJob
from archwright.sandbox.process import ProcessSandbox

Doing = Callable[[str], str]
Jobs = Callable[..., TrialJob]


@pytest.fixture(scope="module")
def held(process_sandbox: ProcessSandbox) -> Callable[[str], None]:
    """Skips a test of something that this machine's jail does not claim to hold."""
    gaps = {gap.name: gap.detail for gap in process_sandbox.gaps()}

    def require(name: str) -> None:
        if name in gaps:
            pytest.skip(f"this machine does not hold it: {gaps[name]}")

    return require


@pytest.fixture
def found(process_sandbox: ProcessSandbox, problem: Problem, doing: Doing) -> Callable[[str], str]:
    """What a candidate's code finds, or the error that it meets."""

    def run(body: str) -> str:
        report = process_sandbox.check(doing(body), problem)
        assert report.status is Status.INVALID
        return report.error.rpartition("\n")[2]

    return run


def test_every_gap_has_a_meaning_and_a_mend(process_sandbox: ProcessSandbox) -> None:
    gaps = process_sandbox.gaps()
    assert all(gap.detail and gap.mend for gap in gaps)
    if sys.platform == "linux":
        assert not {"memory", "orphans"} & {gap.name for gap in gaps}


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        str(Path.home() / ".bashrc"),
        "/proc/1/environ",
        "/proc/self/environ",
        __file__,
        pytest.importorskip("sklearn").__path__[0] + "/datasets/data/digits.csv.gz",
        pytest.importorskip("pydoc_data.topics").__file__,
        str(Path(__file__).parents[2] / "tasks" / "__init__.py"),
    ],
)
def test_other_files_cannot_be_read(
    found: Callable[[str], str], held: Callable[[str], None], path: str
) -> None:
    held("read")
    assert "PermissionError" in found(f"found = open({path!r}, 'rb').read(1)") or (
        not Path(path).exists()
    )


@pytest.mark.parametrize(
    "module", ["archwright", "sklearn", "sklearn.datasets", "pydoc_data.topics"]
)
def test_what_holds_labels_cannot_be_imported(
    found: Callable[[str], str], held: Callable[[str], None], module: str
) -> None:
    held("read")
    assert "Error" in found(f"import {module}; found = 'it'")


def test_writes_reach_the_scratch_folder_alone(
    found: Callable[[str], str], held: Callable[[str], None], tmp_path: Path
) -> None:
    assert found("open('mine', 'w').write('x'); found = os.listdir('.')").endswith(
        "found: ['mine']"
    )
    held("write")
    outside = tmp_path / "outside"
    assert "PermissionError" in found(f"open({str(outside)!r}, 'w')")
    assert not outside.exists()
    assert "PermissionError" in found(f"os.symlink('/etc', '{outside}')")
    assert "Error" in found("open('../beside', 'w')")


def test_scratch_folders_do_not_outlive_their_job(
    found: Callable[[str], str],
) -> None:
    folder = Path(found("open('left', 'w'); found = os.getcwd()").partition("found: ")[2])
    assert folder.parent.is_dir()
    assert list(folder.parent.glob("job-*")) == []


@pytest.mark.parametrize("family", ["AF_INET", "AF_UNIX", "AF_INET6", "AF_NETLINK"])
def test_there_is_no_network(
    found: Callable[[str], str], held: Callable[[str], None], family: str
) -> None:
    held("network")
    body = f"import socket; found = socket.socket(socket.{family})"
    assert "PermissionError" in found(body)


def test_a_listening_neighbour_cannot_be_reached(
    found: Callable[[str], str], held: Callable[[str], None]
) -> None:
    held("network")
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = listener.getsockname()
        assert "Error" in found(f"import socket; found = socket.create_connection({address!r}, 1)")


def test_the_environment_is_scrubbed(found: Callable[[str], str]) -> None:
    assert os.environ["ARCHWRIGHT_TEST_SECRET"] == "s3cret"
    assert found("found = 's3cret' in os.environ.values()").endswith("False")
    assert found("found = os.environ['OMP_NUM_THREADS']").endswith("1")
    assert found("found = os.environ['HOME'] == os.getcwd()").endswith("True")
    assert found("found = [k for k in os.environ if 'KEY' in k or 'TOKEN' in k]").endswith("[]")


@pytest.mark.parametrize(
    "body",
    [
        "found = os.fork()",
        "found = os.system('true') == 0 or 1 / 0",
        "import subprocess; found = subprocess.run(['/bin/true'])",
        "os.execv('/bin/true', ['true'])",
        "import multiprocessing as m; p = m.get_context('fork').Process(); p.start(); found = p",
    ],
)
def test_no_process_can_be_started(
    found: Callable[[str], str], held: Callable[[str], None], body: str
) -> None:
    held("processes")
    assert "found" not in found(body)


@pytest.mark.parametrize("number", [101, 165, 272, 308, 310, 317, 321, 425, 434, 446])
def test_calls_that_compute_nothing_are_refused(
    found: Callable[[str], str], held: Callable[[str], None], number: int
) -> None:
    """ptrace, mount, unshare, setns, process_vm_readv, seccomp, bpf, io_uring, pidfd, landlock."""
    held("system-call filter")
    if os.uname().machine != "x86_64":
        pytest.skip("numbers of another architecture")
    body = f"""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall({number}, 0, 0, 0, 0), ctypes.get_errno()
    """
    assert found(body).endswith("found: (-1, 1)")


def test_neighbours_and_the_worker_get_no_signal(
    found: Callable[[str], str], held: Callable[[str], None]
) -> None:
    held("signals")
    assert "PermissionError" in found("found = os.kill(os.getppid(), 9)")
    assert "PermissionError" in found(f"found = os.kill({os.getpid()}, 0)")
    assert "PermissionError" in found("found = os.kill(-1, 9)")


def test_limits_cannot_be_raised(found: Callable[[str], str], held: Callable[[str], None]) -> None:
    held("system-call filter")
    body = "import resource as r; found = r.setrlimit(r.RLIMIT_AS, (-1, -1))"
    assert "Error" in found(body)


def test_threads_work(found: Callable[[str], str]) -> None:
    body = """
    import threading
    box = []
    thread = threading.Thread(target=box.append, args=(7,))
    thread.start(); thread.join()
    found = box
    """
    assert found(body).endswith("[7]")


def test_what_torch_imports_late_still_works(
    found: Callable[[str], str],
) -> None:
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


# --- ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("os._exit(7)", Status.CRASHED, "exit code 7"),
        ("os._exit(0)", Status.CRASHED, "exit code 0"),
        ("import ctypes; ctypes.string_at(0)", Status.CRASHED, "SIGSEGV at line 6"),
        ("os.abort()", Status.CRASHED, "SIGABRT"),
        ("sys.exit('bye')", Status.CRASHED, "SystemExit: bye"),
        ("raise KeyboardInterrupt", Status.CRASHED, "KeyboardInterrupt"),
        ("import torch; x = torch.ones(1 << 31)", Status.OUT_OF_MEMORY, "memory"),
        ("x = bytearray(8 << 30)", Status.OUT_OF_MEMORY, "MemoryError"),
        ("x = [bytearray(1 << 20) for _ in range(8000)]", Status.OUT_OF_MEMORY, "MemoryError"),
        ("def f(): f()\nf()", Status.INVALID, "RecursionError"),
    ],
)
def test_an_end_has_its_status(
    process_sandbox: ProcessSandbox,
    make_job: Jobs,
    doing: Doing,
    held: Callable[[str], None],
    body: str,
    status: Status,
    words: str,
) -> None:
    held("memory")
    outcome = process_sandbox.train(make_job(doing(body), memory_mb=512))
    assert (outcome.status, outcome.predictions) == (status, {})
    assert words in outcome.error


STUBBORN = """
    import signal, threading
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    for _ in range(2):
        try:
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    break
        except OSError:
            pass
    open('pid', 'w').write(str(os.getpid()))
    while True:
        pass
"""


def test_a_timeout_kills_the_whole_tree(
    process_sandbox: ProcessSandbox, make_job: Jobs, doing: Doing
) -> None:
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    outcome = process_sandbox.train(make_job(doing(STUBBORN), seconds_limit=1.0))
    assert outcome.status is Status.TIMEOUT
    assert "time limit" in outcome.error
    assert outcome.resources.cpu_seconds > 0
    assert {p.pid for p in psutil.Process().children(recursive=True)} == before


def test_a_fork_bomb_ends_with_its_trial(
    process_sandbox: ProcessSandbox, make_job: Jobs, doing: Doing, held: Callable[[str], None]
) -> None:
    held("processes")
    outcome = process_sandbox.train(make_job(doing("while True: os.fork()"), seconds_limit=5.0))
    assert outcome.status is Status.INVALID
    assert "PermissionError" in outcome.error


def test_a_flood_of_output_is_cut(
    process_sandbox: ProcessSandbox, make_job: Jobs, doing: Doing
) -> None:
    body = "while True: os.write(1, b'x' * (1 << 20)); os.write(2, b'y' * (1 << 20))"
    outcome = process_sandbox.train(make_job(doing(body)))
    assert outcome.status is Status.INVALID
    assert "File too large" in outcome.error


def test_a_flooded_scratch_folder_ends_the_trial(
    process_sandbox: ProcessSandbox, make_job: Jobs, doing: Doing
) -> None:
    body = """
    for number in range(1 << 40):
        open(f'file-{number}', 'wb').write(bytes(100 if number < 5000 else 1 << 22))
    """
    outcome = process_sandbox.train(make_job(doing(body)))
    assert outcome.status is Status.CRASHED
    assert "scratch" in outcome.error


def test_printing_does_not_disturb_the_reply(
    process_sandbox: ProcessSandbox, make_job: Jobs
) -> None:
    source = GOOD.replace("return self", "print('noise', flush=True)\n        return self")
    assert process_sandbox.train(make_job(source)).status is Status.OK


FORGING = """
import os, json, struct
from torch import nn
header = json.dumps({header}).encode()
os.write(3, struct.pack("!IQ", len(header), {size}) + header + bytes({size}))
os._exit(0)
"""


@pytest.mark.parametrize(
    ("header", "size", "words"),
    [
        ({"status": "ok", "arrays": [["validation", [2, 3]]]}, 24, "predictions are refused"),
        ({"status": "ok", "arrays": [["validation", [90, 3]]]}, 24, "predictions are refused"),
        ({"status": "ok", "arrays": [["test", [90, 3]]]}, 1080, "predictions are refused"),
        ({"status": "ok", "arrays": [["validation", [1 << 60, 1 << 60]]]}, 8, "refused"),
        ({"status": "splendid"}, 0, "no valid status"),
        ({"status": "ok", "curve": [[1, float("nan")]]}, 0, "not finite"),
        ({"status": "ok", "curve": [[10**9, 1.0]]}, 0, "out of range"),
        ({"status": "ok", "curve": "rising"}, 0, "curve"),
        ({"status": "ok", "steps": 10**9}, 0, "out of range"),
        ({"status": "ok", "parameters": -1}, 0, "out of range"),
        ([1, 2], 0, "not an object"),
    ],
)
def test_a_forged_reply_is_refused(
    process_sandbox: ProcessSandbox, make_job: Jobs, header: object, size: int, words: str
) -> None:
    text = repr(header).replace("nan", "float('nan')")
    outcome = process_sandbox.train(make_job(FORGING.format(header=text, size=size)))
    assert (outcome.status, outcome.predictions) == (Status.INVALID, {})
    assert words in outcome.error


@pytest.mark.parametrize(
    "write",
    [
        "os.write(3, b'no frame at all, only text')",
        "os.write(3, bytes(5))",
        "[os.write(3, bytes(1 << 20)) for _ in range(100)]",
        "os.write(3, b'\\xff' * 64)",
        "os.write(3, b'\\0\\0\\0\\x0a' + bytes(8) + b'[' * 10)",
        "os.write(3, (100000).to_bytes(4, 'big') + bytes(8) + b'[' * 100000)",
    ],
)
def test_a_reply_that_is_no_frame_is_refused(
    process_sandbox: ProcessSandbox, make_job: Jobs, write: str
) -> None:
    outcome = process_sandbox.train(make_job(f"import os\n{write}\nos._exit(0)"))
    assert outcome.status in (Status.INVALID, Status.CRASHED)
    assert outcome.predictions == {}


def test_the_sandbox_works_on_after_all_this(
    process_sandbox: ProcessSandbox, make_job: Jobs
) -> None:
    assert process_sandbox.train(make_job()).status is Status.OK
