"""A whole Slurm of this machine alone, from Debian's packages, without systemd. It takes root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

PROGRAMS: Final = ("munged", "slurmctld", "slurmd", "sbatch")
START_SECONDS: Final = 30.0
CONFIGURATION: Final = """\
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
CommunicationParameters=NoInAddrAny
ReturnToService=2
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=here Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why it cannot be started here; empty where it can."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"{', '.join(lacking)} missing: apt-get install slurmctld slurmd slurm-client munge"
    return "" if os.getuid() == 0 else "it takes root to start slurmd"


class RealSlurm:
    """The daemons, while it is entered. `environment` is for those who use it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # sockets take short paths only
        self.configuration = self.folder / "slurm.conf"
        self.environment = {"SLURM_CONF": str(self.configuration)}
        self._undoing = ExitStack()

    def __enter__(self) -> Self:
        with self._undoing:
            self._undoing.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._prepare()
            munge = self.folder / "munge"
            self._begin(
                "munged", "--foreground", "--force", f"--key-file={munge}/key",
                f"--socket={munge}/socket", f"--pid-file={munge}/pid",
                f"--log-file={munge}/log", f"--seed-file={munge}/seed",
            )  # fmt: skip
            self._await(lambda: (munge / "socket").exists())
            self._begin("slurmctld", "-D", "-i", "-f", str(self.configuration))
            self._begin("slurmd", "-D", "-f", str(self.configuration), "-N", socket.gethostname())
            self._await(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%T"))
            self._undoing = self._undoing.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._undoing.close()

    def run(self, *words: str) -> str:
        """What one of Slurm's commands says."""
        done = subprocess.run(
            words, env={**os.environ, **self.environment}, capture_output=True, text=True
        )
        return done.stdout

    def _prepare(self) -> None:
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir(mode=0o700)
        key = self.folder / "munge/key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        controller, daemon = (port.getsockname()[1] for port in ports)
        for port in ports:
            port.close()
        self.configuration.write_text(
            CONFIGURATION.format(
                host=socket.gethostname(), controller=controller, daemon=daemon, folder=self.folder
            )
        )

    def _begin(self, *words: str) -> None:
        with (self.folder / f"{words[0]}.out").open("wb") as out:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **self.environment}, start_new_session=True,
            )  # fmt: skip
        self._undoing.callback(process.wait)
        self._undoing.callback(process.terminate)

    def _await(self, came: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not came():
            if time.monotonic() >= deadline:
                said = "".join(path.read_text() for path in self.folder.glob("*.out"))
                raise RuntimeError(f"Slurm does not start here: {said[-500:]}")
            time.sleep(0.1)
