"""Workspaces: what is found, made and refused, in real repositories of every kind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archwright.core import WorkspaceError
from archwright.core.settings import RunSettings, settings_template
from archwright.runs.workspace.workspace import IDENTITY, Workspace, init

pytestmark = pytest.mark.usefixtures("no_git_user")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    git(tmp_path, "init", "-q", "-b", "main", str(folder))
    (folder / "a.txt").write_text("a\n")
    git(folder, "add", "a.txt")
    git(folder, "-c", "user.name=U", "-c", "user.email=u@x", "commit", "-qm", "first")
    return folder


def one_line(error: pytest.ExceptionInfo[WorkspaceError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def test_opening_adds_only_a_state_folder_that_ignores_itself(repository: Path) -> None:
    workspace = Workspace.open(repository)
    assert workspace.root == repository
    assert workspace.head() == git(repository, "rev-parse", "HEAD")
    assert git(repository, "status", "--porcelain", "--untracked-files=all") == ""
    assert sorted(p.name for p in repository.iterdir()) == [".archwright", ".git", "a.txt"]


def test_opening_below_the_top_finds_the_top(repository: Path) -> None:
    inner = repository / "deep" / "er"
    inner.mkdir(parents=True)
    assert Workspace.open(str(inner)) == Workspace.open(repository)


def test_an_empty_repository_has_no_head(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    assert Workspace.open(tmp_path / "empty").head() is None


def test_a_lock_that_was_left_is_no_damage(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "empty")
    lock = tmp_path / "empty" / ".git" / "refs" / "heads" / "main.lock"
    lock.write_text("")
    with pytest.raises(WorkspaceError) as error:
        Workspace.open(tmp_path / "empty").head()
    assert str(lock.relative_to(tmp_path / "empty")) in one_line(error)


def test_a_detached_head_is_its_commit(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert Workspace.open(repository).head() == git(repository, "rev-parse", "main")


def test_a_bare_clone_is_a_workspace_of_its_own(repository: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(bare))
    workspace = Workspace.open(bare)
    assert workspace.root == workspace.git_dir == bare
    assert workspace.head() == git(repository, "rev-parse", "main")
    assert (bare / ".archwright").is_dir()


def test_a_linked_worktree_has_its_own_root_and_head(repository: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(repository, "worktree", "add", "-q", "-b", "side", str(linked))
    identity = ("-c", "user.name=U", "-c", "user.email=u@x")
    git(linked, *identity, "commit", "-qm", "on the side", "--allow-empty")
    workspace = Workspace.open(linked)
    assert workspace.root == linked
    assert workspace.head() == git(repository, "rev-parse", "side")
    assert git(linked, "status", "--porcelain") == ""


def test_git_variables_of_a_hook_do_not_lead_elsewhere(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / ".git" / "index"))
    workspace = Workspace.open(repository)
    assert workspace.root == repository
    assert workspace.head() is not None


@pytest.mark.parametrize(
    "name",
    [
        *("GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
        *("GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_QUARANTINE_PATH", "GIT_WORK_TREE"),
        *("GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_DEFAULT_HASH", "GIT_TEMPLATE_DIR"),
    ],
)
def test_no_variable_of_the_caller_leads_git_elsewhere(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with monkeypatch.context() as patch:
        patch.setenv(name, str(elsewhere))
        workspace = Workspace.open(repository)
        blob = workspace.git("hash-object", "-w", "--stdin", stdin=b"kept\n").decode()
        workspace.git("update-ref", "refs/tags/kept", blob)
        assert init(tmp_path / "fresh").head() is None
    assert workspace.root == repository
    assert git(repository, "cat-file", "-p", "refs/tags/kept") == "kept"
    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "fresh" / ".git" / "objects").is_dir()


def test_what_the_caller_says_of_gits_settings_stays(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"COUNT": "2", "KEY_0": "user.name", "VALUE_0": "Eve"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_KEY_1", "user.email")
    monkeypatch.setenv("GIT_CONFIG_VALUE_1", "eve@example.org")
    assert Workspace.open(repository).identity() == ("Eve", "eve@example.org")


@pytest.mark.parametrize("commit", ["", "no commit\n", "1234567890" * 4 + "\n"])
def test_a_damaged_branch_is_no_empty_repository(repository: Path, commit: str) -> None:
    workspace, before = Workspace.open(repository), git(repository, "rev-parse", "HEAD")
    file = repository / ".git" / "refs" / "heads" / "main"
    file.write_text(commit)
    with pytest.raises(WorkspaceError) as error:
        workspace.head()
    fix = re.findall("`(.*?)`", one_line(error))
    assert before in (repository / ".git" / "logs" / "refs" / "heads" / "main").read_text()
    for command in fix:
        subprocess.run(command.replace("COMMIT", before), shell=True, check=True)
    assert workspace.head() == before


def test_a_detached_commit_that_is_gone_is_named(repository: Path) -> None:
    (repository / ".git" / "HEAD").write_text("1234567890" * 4 + "\n")
    with pytest.raises(WorkspaceError) as error:
        Workspace.open(repository).head()
    assert f"git -C {repository} switch BRANCH" in one_line(error)


def test_what_is_no_repository_is_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError) as error:
        Workspace.open(tmp_path)
    assert f"archwright init {tmp_path}" in one_line(error)
    assert not (tmp_path / ".archwright").exists()


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_no_folder_is_refused_with_the_fix(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError) as error:
        Workspace.open(tmp_path / name)
    assert "archwright init" in one_line(error)


def test_a_state_folder_that_cannot_be_made_is_refused(repository: Path) -> None:
    (repository / ".archwright").write_text("in the way")
    with pytest.raises(WorkspaceError) as error:
        Workspace.open(repository)
    assert "is not a folder" in one_line(error)
    assert "move it away" in one_line(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="rights do not bind the superuser")
@pytest.mark.parametrize("locked", [".", ".git/objects"])
def test_a_folder_without_the_right_to_write_is_refused(repository: Path, locked: str) -> None:
    folder = repository / locked
    folder.chmod(0o555)
    try:
        with pytest.raises(WorkspaceError) as error:
            Workspace.open(repository)
    finally:
        folder.chmod(0o755)
    assert "cannot be written" in one_line(error)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a folder away")
def test_a_repository_that_git_distrusts_is_refused_with_the_fix(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    for path in (repository, repository / ".git"):
        os.chown(path, 4321, 4321)
    with pytest.raises(WorkspaceError) as error:
        Workspace.open(repository)
    assert "git config --global --add safe.directory" in one_line(error)


def test_failing_git_commands_name_their_cause(repository: Path) -> None:
    with pytest.raises(WorkspaceError) as error:
        Workspace.open(repository).git("cat-file", "-p", "nothing")
    assert "nothing" in one_line(error)


def test_identity_is_the_users_where_there_is_one(repository: Path) -> None:
    workspace = Workspace.open(repository)
    assert workspace.identity() == IDENTITY
    git(repository, "config", "user.name", "Ada")
    assert workspace.identity() == IDENTITY
    git(repository, "config", "user.email", "ada@example.org")
    assert workspace.identity() == ("Ada", "ada@example.org")


@pytest.mark.parametrize("name", [".", "  ", "<>", ";", '"', ",.:"])
def test_a_name_that_git_refuses_is_none(repository: Path, name: str) -> None:
    git(repository, "config", "user.name", name)
    git(repository, "config", "user.email", "ada@example.org")
    assert Workspace.open(repository).identity() == IDENTITY


def test_init_makes_folder_repository_and_settings(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "place"
    workspace = init(folder)
    assert workspace.root == folder
    assert workspace.paths.settings.read_text() == settings_template()
    assert git(folder, "status", "--porcelain") == "?? archwright.toml"


def test_the_settings_file_is_valid_as_it_is_and_with_every_line_set(tmp_path: Path) -> None:
    file = init(tmp_path / "place").paths.settings
    assert RunSettings.load(file, {}) == RunSettings.load(tmp_path / "none", {})
    file.write_text(re.sub(r"(?m)^# (?=\w+ = )", "", settings_template()))
    assert RunSettings.load(file, {}).hours == 8.0


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    paths = init(tmp_path / "place").paths
    paths.settings.write_text("seed = 1\n")
    (paths.state / ".gitignore").write_text("*\n# mine\n")
    init(tmp_path / "place")
    assert paths.settings.read_text() == "seed = 1\n"
    assert (paths.state / ".gitignore").read_text() == "*\n# mine\n"


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_init_says_where_settings_are_no_file(repository: Path, kind: str) -> None:
    settings = repository / "archwright.toml"
    if kind == "folder":
        settings.mkdir()
    else:
        settings.symlink_to("nowhere.toml")
    with pytest.raises(WorkspaceError) as error:
        init(repository)
    assert "archwright.toml is not a file that can be read" in one_line(error)


def test_init_takes_a_repository_as_it_is(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert init(repository).head() == head


def test_init_inside_another_repository_is_refused_with_both_fixes(repository: Path) -> None:
    with pytest.raises(WorkspaceError) as error:
        init(repository / "inner")
    message = one_line(error)
    assert f"archwright init {repository}" in message
    assert f"git init {repository / 'inner'}" in message


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR"])
def test_init_makes_the_folder_that_was_named(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(repository / ".git"))
    assert init(tmp_path / "own").git_dir == tmp_path / "own" / ".git"


@pytest.mark.parametrize("head", ["", "ref: \n", "garbage\n"])
@pytest.mark.parametrize("use", [init, Workspace.open])
@pytest.mark.parametrize("place", [".", "inner"])
def test_a_damaged_repository_is_named_with_its_fix(
    repository: Path, head: str, use: Callable[[Path], Workspace], place: str
) -> None:
    folder = repository / place
    git(repository, "init", "-q", "-b", "main", str(folder))
    (folder / ".git" / "HEAD").write_text(head)
    with pytest.raises(WorkspaceError) as error:
        use(folder)
    message = one_line(error)
    assert str(folder / ".git") in message
    assert "archwright init" not in message
    fix = re.findall("`(.*?)`", message)[-1].replace("BRANCH", "main")
    subprocess.run(fix, shell=True, check=True)
    assert use(folder).root == folder


def test_init_puts_back_what_a_repository_lacks(tmp_path: Path) -> None:
    (tmp_path / "half" / ".git").mkdir(parents=True)
    assert init(tmp_path / "half").head() is None


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"core.repositoryformatversion": "1", "extensions.unheardOf": "x"}, "unheardof"),
        ({"core.repositoryformatversion": "7"}, "found 7"),
    ],
)
def test_a_repository_of_a_newer_git_is_named_whole(
    tmp_path: Path, settings: dict[str, str], cause: str
) -> None:
    git(tmp_path, "init", "-q", "new")
    for key, value in settings.items():
        git(tmp_path / "new", "config", "--file", ".git/config", key, value)
    with pytest.raises(WorkspaceError) as error:
        init(tmp_path / "new")
    assert cause in one_line(error)
    assert "install a newer one" in one_line(error)


def test_without_a_git_program_that_is_said(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(WorkspaceError, match="install git"):
        Workspace.open(repository)


@pytest.mark.parametrize(
    ("settings", "said"),
    [("[user\n\tname = U\n", "bad config line 1 in file"), (None, "unable to access")],
)
def test_settings_of_the_user_that_git_cannot_read_are_named(
    settings: str | None, said: str, repository: Path, tmp_path: Path
) -> None:
    """In a process of its own: GitPython tries git once, where it is imported."""
    file = tmp_path / "home" / ".gitconfig"
    file.parent.mkdir()
    if settings is None:
        file.mkdir()
    else:
        file.write_text(settings)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-m", "archwright", "runs", "--workspace", str(repository)],
        env=env | {"HOME": str(file.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line
    assert str(file) in line


def test_init_where_no_folder_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError) as error:
        init(tmp_path / "file" / "below")
    assert "choose another folder" in one_line(error)
