"""The layout: what is packaged, who may import whom, and how long a file may be."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

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
    "sandbox/inside": ("archwright.sandbox.inside",),
}
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
