"""Runs git on a repository, apart from hooks, signing and the repository of whoever calls."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from archwright.core import WorkspaceError

# Hooks of the user's must not fire for our commits, nor may a missing key or an odd encoding make
# them fail or differ between machines.
_OPTIONS: Final = (
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "i18n.commitEncoding=UTF-8"),
)
# Of the caller's variables these alone stay. They say where git's programs and settings are, whom
# it trusts and how far up it looks, and how it reaches the remote of a partial clone, whose missing
# objects it fetches on its own. All others name a repository or parts of one (in a hook: that of
# the hook), the identity of a commit, or how to print.
_KEPT: Final = (
    *("GIT_EXEC_PATH", "GIT_CONFIG_", "GIT_CEILING_DIRECTORIES"),
    *("GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_"),
    *("GIT_ASKPASS", "GIT_TERMINAL_PROMPT", "GIT_ALLOW_PROTOCOL", "GIT_PROTOCOL_FROM_USER"),
)
_TOO_OLD: Final = ("unknown repository extension", "expected git repo version")
_MISSING: Final = "no git program was found: install git and put it on PATH"
_NO_REPOSITORY: Final = "fatal: not a git repository (or any"


def run_git(
    folder: Path, words: tuple[str, ...], stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> tuple[int, bytes, str]:
    """Exit status, output without its last newline, and git's complaint.

    Raises:
        WorkspaceError: there is no git program, or it cannot be run.
    """
    # GitPython tries git as it is imported. Where there is none, that is found out below.
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    try:
        from git import Git
        from git.exc import GitCommandNotFound
    except ImportError as error:  # git refuses the user's settings
        said = f"{error.__cause__ or error}".partition("stderr: '")[2].removesuffix("'")
        raise WorkspaceError(f"git cannot be run: {_cause(said)}") from error
    if not folder.is_dir():
        raise WorkspaceError(f"{folder} is gone: open the workspace where it is now")
    program = Git.GIT_PYTHON_GIT_EXECUTABLE or "git"
    try:
        with tempfile.TemporaryFile() as stream:
            stream.write(stdin)
            stream.seek(0)
            status, out, complaint = Git(folder).execute(
                [*_unset(), program, *_OPTIONS, *words],
                istream=stream,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                env=dict(env or {}),
            )
    except GitCommandNotFound as error:
        raise WorkspaceError(_MISSING) from error
    except OSError as error:
        raise WorkspaceError(
            f"git {words[0]} cannot be run ({error.strerror}): free space in the folder for "
            f"temporary files, {tempfile.gettempdir()}"
        ) from error
    return status, out, complaint


def checked(folder: Path, status: int, out: bytes, complaint: str) -> bytes:
    """The output of a git command that went well.

    Raises:
        WorkspaceError: it did not, with its cause, and the fix where that is known.
    """
    if "dubious ownership" in complaint:
        raise WorkspaceError(
            f"git does not trust {folder}, which another user owns: "
            f"`git config --global --add safe.directory {folder}`"
        )
    if status:
        cause = _cause(complaint)
        old = any(words in cause.lower() for words in _TOO_OLD)
        fix = "; the git on PATH is too old for this repository: install a newer one"
        raise WorkspaceError(f"git cannot work in {folder}: {cause}{fix if old else ''}")
    return out


def locate(path: Path) -> tuple[Path, Path] | None:
    """Top and git folder of the repository that holds `path`; None where there is none.

    Raises:
        WorkspaceError: git does not read it.
    """
    asked = ("rev-parse", "--is-inside-work-tree", "--absolute-git-dir")
    status, out, complaint = run_git(path, asked)
    if status and _NO_REPOSITORY in complaint:
        return None
    inside, _, folder = checked(path, status, out, complaint).partition(b"\n")
    git_dir = Path(os.fsdecode(folder))
    if inside != b"true":
        return (git_dir.parent if git_dir.name == ".git" else git_dir), git_dir
    top = checked(path, *run_git(path, ("rev-parse", "--show-toplevel")))
    return Path(os.fsdecode(top)), git_dir


def _unset() -> list[str]:
    """What takes the caller's variables that lead git elsewhere out of its environment; GitPython
    can only add to it."""
    leading = [k for k in os.environ if k.startswith("GIT_") and not k.startswith(_KEPT)]
    return ["env", *(word for name in leading for word in ("-u", name))] if leading else []


def _cause(complaint: str) -> str:
    """The line of a complaint that names the cause, with what it announces behind a colon."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    causes = (i for i, line in enumerate(lines) if line.startswith(("fatal:", "error:")))
    first = next(causes, 0)
    cause = lines[first] if lines else "no reason given"
    # Of a file of settings that it cannot read git says which one before it gives up.
    unread = next((line for line in lines[:first] if "unable to access" in line), "")
    if unread:
        return f"{cause} ({unread.removeprefix('warning: ')})"
    return " ".join([cause, *lines[first + 1 :]]) if cause.endswith(":") else cause
