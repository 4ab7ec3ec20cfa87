"""A workspace: the git repository where discoveries land, with the runs' state in `.archwright/`.

Git is asked through `Workspace.git` and `Workspace.ask` alone, which keep hooks, signing and those
of the caller's `GIT_*` variables out of it that lead elsewhere.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from archwright.core import WorkspaceError
from archwright.core.settings import settings_template
from archwright.runs.workspace.git import checked, locate, run_git
from archwright.runs.workspace.paths import WorkspacePaths

IDENTITY: Final = ("Archwright", "archwright@localhost")
"""Who commits where the repository knows no user."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A git repository in use as a workspace.

    `root` is the top of its work tree, or the bare repository itself. `git_dir` is the
    repository's own folder; in a linked worktree it is that worktree's.
    """

    root: Path
    git_dir: Path

    @classmethod
    def open(cls, path: str | Path, writes: bool = True) -> Self:
        """The workspace that holds `path`; its state folder is made where it is missing.

        The state folder ignores itself, so that `git status` never shows it; nothing else in the
        work tree is touched.

        Args:
            writes: whether it has to take what is found; to read, it need only be there.

        Raises:
            WorkspaceError: `path` does not exist, is in no git repository, or cannot be written.
        """
        root, git_dir = _find_repository(path)
        workspace = cls(root, git_dir)
        if not writes and workspace.paths.state.is_dir():
            return workspace
        _make_state(workspace.paths)
        objects = workspace._path("objects")
        if not os.access(objects, os.W_OK):
            raise WorkspaceError(f"{objects} cannot be written: fix its rights (`chmod`)")
        return workspace

    @property
    def paths(self) -> WorkspacePaths:
        """Where a workspace keeps its files."""
        return WorkspacePaths(self.root)

    def head(self) -> str | None:
        """The commit that is checked out, detached or not; None in an empty repository.

        Raises:
            WorkspaceError: what is checked out leads to no commit, as after a crash.
        """
        commit = self.ask("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
        if commit is None:
            self._check_unborn()
        return commit

    def branch(self) -> str:
        """The branch that is checked out, with or without commits; empty where HEAD is detached."""
        # Asked for a branch that is damaged, git fails: it does not even name it.
        try:
            head = (self.git_dir / "HEAD").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
        kind, _, branch = head.strip().partition(" ")
        return branch if kind == "ref:" else ""

    def _check_unborn(self) -> None:
        """Tell a branch without commits from a damaged one; git finds no revision in either."""
        status, out, complaint = self._run(("update-ref", "--stdin"), b"verify HEAD\n", {})
        if status == 0:
            return
        if "unable to create" in complaint.lower():  # its lock: HEAD is not what is wrong
            checked(self.root, status, out, complaint)
        branch = self.branch()
        if not branch:
            raise WorkspaceError(
                f"the commit that is checked out in {self.root} is missing: "
                f"`git -C {self.root} switch BRANCH`, then again"
            )
        file, log = self._path(branch), self._path(f"logs/{branch}")
        raise WorkspaceError(
            f"{branch} leads to no commit, as after a crash: `rm -f {file}`, then "
            f"`git -C {self.root} update-ref {branch} COMMIT`; the last lines of {log} name commits"
        )

    def _path(self, name: str) -> Path:
        """Where a part of the repository lies."""
        return self.root / os.fsdecode(self.git("rev-parse", "--git-path", name))

    def identity(self) -> tuple[str, str]:
        """Name and address to commit with: git's configured user, or `IDENTITY` where there is
        none or git takes it for none."""
        name, address = self.ask("config", "user.name"), self.ask("config", "user.email")
        if not (name and address):
            return IDENTITY
        env = {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address}
        refused, _, _ = self._run(("var", "GIT_COMMITTER_IDENT"), b"", env)
        return IDENTITY if refused else (name, address)

    def git(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """What one git command prints, without its last newline.

        Raises:
            WorkspaceError: git failed, with the line that names the cause.
        """
        return checked(self.root, *self._run(words, stdin, env or {}))

    def ask(self, *words: str) -> str | None:
        """What a git command that answers a question prints; None where it says no.

        Raises:
            WorkspaceError: git failed.
        """
        status, out, complaint = self._run(words, b"", {})
        no = status == 1
        return None if no else os.fsdecode(checked(self.root, status, out, complaint))

    def _run(
        self, words: tuple[str, ...], stdin: bytes, env: Mapping[str, str]
    ) -> tuple[int, bytes, str]:
        return run_git(self.root, words, stdin, {"GIT_DIR": str(self.git_dir), **env})


def init(path: str | Path) -> Workspace:
    """Make `path` a workspace: folder, git repository, state folder, settings file.

    What is there already stays as it is, so that it can be called again.

    Raises:
        WorkspaceError: `path` cannot be made or written, or lies inside another repository.
    """
    path = Path(path).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be made ({error.strerror}): choose another folder"
        ) from error
    found = locate(path)
    if found is None:
        checked(path, *run_git(path, ("init", "--quiet", str(path))))
    elif not found[0].samefile(path):
        _check_sound(path, found[0])
        raise WorkspaceError(
            f"{path} lies inside the repository {found[0]}: use that one with "
            f"`archwright init {found[0]}`, or make the folder its own with `git init {path}`"
        )
    workspace = Workspace.open(path)
    _write_new(workspace.paths.settings, settings_template())
    return workspace


def _find_repository(path: str | Path) -> tuple[Path, Path]:
    """Top and git folder of the repository that holds `path`."""
    path = Path(path).expanduser().resolve()
    if not path.is_dir():
        raise WorkspaceError(
            f"{path} is not a folder: make a workspace with `archwright init {path}`"
        )
    found = locate(path)
    _check_sound(path, found[0] if found else None)
    if found is None:
        raise WorkspaceError(
            f"{path} is not a git repository: make it a workspace with `archwright init {path}`"
        )
    return found


def _check_sound(path: Path, top: Path | None) -> None:
    """Refuse a damaged repository between `path` and the one found above it, which git skips."""
    for folder in (path, *path.parents):
        if folder == top:
            return
        if (folder / ".git").exists():
            raise WorkspaceError(
                f"git does not recognise {folder / '.git'} as a repository: `git init {folder}` "
                "restores what is missing; where its HEAD is damaged, "
                f"`echo ref: refs/heads/BRANCH > {folder}/.git/HEAD`"
            )


def _make_state(paths: WorkspacePaths) -> None:
    try:
        paths.state.mkdir(exist_ok=True)
        _write_new(paths.state / ".gitignore", "*\n")
        # Rights and read-only disks are found out now, not in the middle of the night.
        with tempfile.TemporaryFile(dir=paths.state):
            pass
    except FileExistsError:
        raise WorkspaceError(
            f"{paths.state} is not a folder, and the workspace's state goes there: move it away"
        ) from None
    except OSError as error:
        raise WorkspaceError(
            f"{paths.state} cannot be written ({error.strerror}): fix its rights, "
            "or choose another workspace with `archwright init DIR`"
        ) from error


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet; one that is there stays."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if not path.is_file():
            raise WorkspaceError(
                f"{path} is not a file that can be read: replace it, or remove it"
            ) from None
