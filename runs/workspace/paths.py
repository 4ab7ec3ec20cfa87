"""The one place that spells the paths of a workspace and of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkspacePaths:
    """The files of a workspace. `root` is the top of a work tree, or a bare repository."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / ".archwright"

    @property
    def settings(self) -> Path:
        return self.root / "archwright.toml"

    @property
    def knowledge(self) -> Path:
        return self.state / "knowledge.db"

    @property
    def decisions(self) -> Path:
        return self.state / "decisions"

    @property
    def papers(self) -> Path:
        return self.state / "papers"

    @property
    def fetched(self) -> Path:
        return self.state / "fetched"

    @property
    def looks(self) -> Path:
        return self.state / "looks.json"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def device(self) -> Path:
        return self.state / "device.json"

    @property
    def runs(self) -> Path:
        return self.state / "runs"

    @property
    def trained(self) -> Path:
        return self.state / "trained"

    def run(self, name: str) -> RunPaths:
        return RunPaths(self.runs / name)


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The files of one run, all inside `root`."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def journal(self) -> Path:
        return self.root / "journal.db"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def stop_request(self) -> Path:
        return self.root / "stop"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def predictions(self) -> Path:
        return self.root / "predictions"
