"""A workspace: the git repository where discoveries land, with the runs' state in `.archwright/`.

Git is asked through `Workspace.git` alone, which keeps hooks, signing and the caller's own `GIT_*`
variables out of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from archwright.core import WorkspaceError
from archwright.core.settings import settings_template
from archwright.runs.workspace.paths import WorkspacePaths

IDENTITY: Final = ("Archwright", "archwright@localhost")
"""Who commits where the repository knows no user."""

# Hooks of the user's must not fire for our commits, nor may a missing key or an odd encoding make
# them fail or differ between machines.
_OPTIONS: Final = (
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "i18n.commitEncoding=UTF-8"),
)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A git repository in use as a workspace.

    `root` is the top of its work tree, or the bare repository itself. `git_dir` is the
    repository's own folder; in a linked worktree it is that worktree's.
    """

    root: Path
    git_dir: Path

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The workspace that holds `path`; its state folder is made where it is missing.

        The state folder ignores itself, so that `git status` never shows it; nothing else in the
        work tree is touched.

        Raises:
            WorkspaceError: `path` does not exist, is in no git repository, or cannot be written.
        """
        root, git_dir = _find_repository(path)
        workspace = cls(root, git_dir)
        _make_state(workspace.paths)
        objects = Path(os.fsdecode(workspace.git("rev-parse", "--git-path", "objects")))
        if not os.access(root / objects, os.W_OK):
            raise WorkspaceError(f"{root / objects} cannot be written: fix its rights (`chmod`)")
        return workspace

    @property
    def paths(self) -> WorkspacePaths:
        """Where a workspace keeps its files."""
        return WorkspacePaths(self.root)

    def head(self) -> str | None:
        """The commit that is checked out, detached or not; None in an empty repository."""
        return self.ask("rev-parse", "--quiet", "--verify", "HEAD^{commit}")

    def identity(self) -> tuple[str, str]:
        """Name and address to commit with: git's configured user, or `IDENTITY`."""
        name, address = self.ask("config", "user.name"), self.ask("config", "user.email")
        return (name, address) if name and address else IDENTITY

    def git(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """What one git command prints, without its last newline.

        Raises:
            WorkspaceError: git failed, with the line that names the cause.
        """
        return _check(self.root, *self._run(words, stdin, env or {}))

    def ask(self, *words: str) -> str | None:
        """What a git command that answers a question prints; None where it says no.

        Raises:
            WorkspaceError: git failed.
        """
        status, out, complaint = self._run(words, b"", {})
        no = status == 1
        return None if no else os.fsdecode(_check(self.root, status, out, complaint))

    def _run(
        self, words: tuple[str, ...], stdin: bytes, env: Mapping[str, str]
    ) -> tuple[int, bytes, str]:
        # Called from a hook, the environment names the repository that the hook belongs to.
        env = {"GIT_DIR": str(self.git_dir), **env}
        try:
            with tempfile.TemporaryFile() as stream:
                stream.write(stdin)
                stream.seek(0)
                return _run_git(self.root, words, stream, env)
        except OSError as error:
            raise WorkspaceError(
                f"git {words[0]} cannot be run ({error.strerror}): free space in the folder for "
                f"temporary files, {tempfile.gettempdir()}"
            ) from error


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
    found = _locate(path)
    if found is None:
        _check(path, *_run_git(path, ("init", "--quiet", str(path))))
    elif not found[0].samefile(path):
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
    found = _locate(path)
    if found is None:
        raise WorkspaceError(
            f"{path} is not a git repository: make it a workspace with `archwright init {path}`"
        )
    # Naming the repository outright (GIT_DIR) skips git's check of who owns it: check it first.
    _check(found[0], *_run_git(found[0], ("rev-parse", "--git-dir")))
    return found


def _locate(path: Path) -> tuple[Path, Path] | None:
    try:
        from git import Repo
        from git.exc import InvalidGitRepositoryError
    except ImportError as error:  # GitPython raises it where there is no git program
        raise WorkspaceError("no git program was found: install git and put it on PATH") from error
    try:
        with Repo(path, search_parent_directories=True, expand_vars=False) as repo:
            git_dir = Path(repo.git_dir).absolute()
            return Path(repo.working_tree_dir or git_dir).absolute(), git_dir
    except InvalidGitRepositoryError:
        return None


def _run_git(
    folder: Path,
    words: tuple[str, ...],
    stdin: BinaryIO | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, bytes, str]:
    """Exit status, output, and the line of git's complaint that names the cause."""
    from git import Git

    status, out, complaint = Git(folder).execute(
        [Git.GIT_PYTHON_GIT_EXECUTABLE or "git", *_OPTIONS, *words],
        istream=stdin,
        with_extended_output=True,
        with_exceptions=False,
        stdout_as_string=False,
        env=dict(env or {}),
    )
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return status, out, (causes or lines or ["it gave no reason"])[0]


def _check(folder: Path, status: int, out: bytes, complaint: str) -> bytes:
    if "dubious ownership" in complaint:
        raise WorkspaceError(
            f"git does not trust {folder}, which another user owns: "
            f"`git config --global --add safe.directory {folder}`"
        )
    if status:
        raise WorkspaceError(f"git cannot work in {folder}: {complaint}")
    return out


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
        return
