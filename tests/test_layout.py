"""The layout: what is packaged, who may import whom, and how large a thing may be."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "archwright"
LINKED = (
    "agents",
    "benchmarks",
    "cli",
    "core",
    "knowledge",
    "papers",
    "prompts",
    "runs",
    "sandbox",
    "search",
    "source",
    "tasks",
)

# What a folder never imports, by the full name of the module or of one that holds it.
ABOVE = ("cli", "benchmarks")
NEVER = {
    "agents": ("runs", "sandbox", "papers", *ABOVE),
    "knowledge": ("agents", "runs", "sandbox", "papers", *ABOVE),
    "prompts": tuple(name for name in LINKED if name != "prompts"),
    "papers": ABOVE,
    "runs": ("papers", *ABOVE),
    "sandbox": ("agents", "runs", "knowledge", "papers", *ABOVE),
    "search": ("agents", "runs", "sandbox", "papers", *ABOVE),
}
# Where a folder may import only these from the package.
ONLY = {
    "core": ("archwright.core",),
    "source": ("archwright.core", "archwright.source"),
    "tasks": ("archwright.core", "archwright.tasks"),
    "sandbox/inside": ("archwright.sandbox.inside", "archwright.sandbox.contract"),
}
# Architectures are no part of the program, and their class has the name that the contract gives.
ARCHITECTURES = (
    "tasks/*/baseline.py",
    "papers/shelf/tasks/*/baseline.py",
    "tasks/scaffold/baselines/*.py",
    "search/grammar/blocks/*.py",
    "search/mixers/parts/*.py",
)
FILES_LIMIT = 15
CODE_LINES_LIMIT = 300


def modules(folder: str) -> Iterator[tuple[str, Path]]:
    """Each module of a top-level folder with its full name."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        words = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(("archwright", *words))
        yield name.removesuffix(".__init__"), path


def imports(name: str, path: Path) -> Iterator[str]:
    """Full names of what a module imports, anywhere in it; `from a import b` gives `a.b`."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("folder", NEVER)
def test_folders_import_only_downwards(folder: str) -> None:
    banned = [f"archwright.{other}" for other in NEVER[folder]]
    wrong = [
        f"{path.relative_to(ROOT)} imports {found}"
        for name, path in modules(folder)
        for found in imports(name, path)
        if any(within(found, package) for package in banned)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", ONLY)
def test_what_stands_apart_imports_next_to_nothing_of_ours(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {found}"
        for name, path in modules(folder)
        for found in imports(name, path)
        if within(found, "archwright") and not any(within(found, ok) for ok in ONLY[folder])
    ]
    assert not wrong, "\n".join(wrong)


def test_imports_are_seen_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("def f():\n    from ..runs import journal\n    import archwright.cli.live\n")
    assert set(imports("archwright.search.m", path)) == {
        "archwright.runs.journal",
        "archwright.cli.live",
    }


@pytest.mark.parametrize("name", LINKED)
def test_links_of_the_package_are_whole(name: str) -> None:
    link = PACKAGE / name
    assert link.is_symlink()
    assert link.readlink() == Path("..") / name
    assert (link / "__init__.py").is_file()


def test_every_package_is_listed_with_its_folder() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = settings["tool"]["setuptools"]["packages"]
    folders = {"archwright": "archwright"}
    for top in LINKED:
        for init in (ROOT / top).rglob("__init__.py"):
            folder = init.parent.relative_to(ROOT).as_posix()
            folders["archwright." + folder.replace("/", ".")] = folder
    assert sorted(listed) == sorted(folders)
    assert settings["tool"]["setuptools"]["package-dir"] == folders


def lines_of_code(path: Path) -> int:
    """Lines that hold code: neither blank, nor comment, nor a string that stands alone."""
    source = path.read_text(encoding="utf-8")
    words = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    filled = {
        number
        for number, line in enumerate(source.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    }
    return len(filled - words)


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    paths = [path for folder in LINKED for _, path in modules(folder)]
    lengths = {p.relative_to(ROOT).as_posix(): lines_of_code(p) for p in paths}
    long = {name: lines for name, lines in lengths.items() if lines > CODE_LINES_LIMIT}
    assert not long, f"over {CODE_LINES_LIMIT} lines of code, split them: {long}"


# --- a house that a stranger finds the way in -----------------------------------------------------


def folders() -> Iterator[Path]:
    """Each folder of source, by its real path."""
    yield PACKAGE
    for top in LINKED:
        for folder in (ROOT / top, *sorted((ROOT / top).rglob("*"))):
            if folder.is_dir() and folder.name != "__pycache__":
                yield folder


def folders_of_tests() -> Iterator[Path]:
    """Each folder of tests; a folder of data has none."""
    for folder in (ROOT / "tests", *sorted((ROOT / "tests").rglob("*"))):
        if folder.is_dir() and any(folder.glob("*.py")):
            yield folder


def test_no_folder_holds_more_than_a_reader_can_take_in() -> None:
    counts = {
        folder.relative_to(ROOT).as_posix(): sum(file.is_file() for file in folder.iterdir())
        for folder in (*folders(), *folders_of_tests())
    }
    full = {name: count for name, count in counts.items() if count > FILES_LIMIT}
    assert not full, f"over {FILES_LIMIT} files of its own, make folders of them: {full}"


def test_every_package_says_what_it_is_for() -> None:
    silent = []
    for init in (folder / "__init__.py" for folder in folders()):
        if init.is_file():
            said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
            first = said.partition("\n\n")[0]
            if not first.endswith(".") or len(first.split()) < 4 or "TODO" in first:
                silent.append(init.relative_to(ROOT).as_posix())
    assert not silent, f"say in one sentence what the folder is for: {silent}"


def test_no_two_types_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in (path for top in ("archwright", *LINKED) for _, path in sources(top)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) or is_vocabulary(node):
                name = node.name if isinstance(node, ast.ClassDef) else ast.unparse(node.targets[0])
                places[name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    shared = [f"{name}: {', '.join(where)}" for name, where in places.items() if len(where) > 1]
    assert not shared, "one name, one meaning:\n" + "\n".join(sorted(shared))


def is_vocabulary(node: ast.AST) -> TypeGuard[ast.Assign]:
    """Whether a node names the words that a value may be."""
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Subscript)
        and ast.unparse(node.value.value) == "Literal"
    )


def sources(top: str) -> Iterator[tuple[str, Path]]:
    """Each module of the program itself under a top-level folder."""
    for name, path in modules(top):
        if not any(path.relative_to(ROOT).match(pattern) for pattern in ARCHITECTURES):
            yield name, path


# --- SQL ------------------------------------------------------------------------------------------

JOURNAL = "runs/journal"


def tables_of_a_run() -> set[str]:
    """The tables that the journal makes."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / JOURNAL).rglob("*.py"))
    return set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", text))


def queries(path: Path, tables: set[str]) -> Iterator[str]:
    """Strings of a module that read or write one of the tables, by line."""
    names = "|".join(sorted(tables))
    query = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE|TABLE)\s+({names})\b")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and (found := query.search(text)):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {found[0]}"


@pytest.mark.parametrize("top", [*LINKED, "tests"])
def test_only_the_journal_knows_its_tables(top: str) -> None:
    tables = tables_of_a_run()
    assert len(tables) >= 4
    knowing = [
        found
        for _, path in modules(top)
        for found in queries(path, tables)
        if JOURNAL not in path.relative_to(ROOT).as_posix()
    ]
    assert not knowing, "ask the journal in its own words:\n" + "\n".join(knowing)
