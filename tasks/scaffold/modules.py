"""A baseline from the user's own package: found, taken apart and called, but never run here."""

from __future__ import annotations

import ast
import importlib.metadata
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Final

from archwright.core import TaskError
from archwright.core.words import nearest
from archwright.tasks.scaffold.writing import StartingPoint

GIVEN: Final = frozenset({"torch", "numpy", *sys.stdlib_module_names})
"""What each candidate may import."""
CHANNELS: Final = ("in_channels", "in_chans", "channels", "input_channels", "num_channels", "c_in")
FEATURES: Final = (
    "in_features",
    "input_dim",
    "input_size",
    "in_dim",
    "d_in",
    "n_features",
    "in_size",
)
CLASSES: Final = (
    "num_classes", "n_classes", "classes", "nb_classes", "num_labels", "out_features",
    "output_dim", "output_size", "out_dim", "d_out", "n_outputs", "out_channels",
)  # fmt: skip
VOCABULARY: Final = ("vocab_size", "vocabulary", "num_tokens", "n_tokens", "n_vocab")
LENGTHS: Final = ("seq_len", "max_len", "max_length", "block_size", "context_length", "length")
SIDES: Final = ("image_size", "img_size", "resolution")


def baseline_of_class(
    address: str, keys: Mapping[str, Any], given: Mapping[str, str]
) -> StartingPoint:
    """A baseline that calls a class of the user's, with the files that it needs beside it.

    Args:
        address: PACKAGE.MODULE:CLASS, found as Python would find it, from this folder on.
        keys: of `task.toml`: the shapes.
        given: arguments by name, as Python writes them.

    Raises:
        TaskError: no such module or class, an argument that nobody gives, or an import that cannot
            be taken along.
    """
    module, _, name = address.partition(":")
    if not module or not name.isidentifier():
        raise TaskError(f"--module takes PACKAGE.MODULE:CLASS, not {address!r}")
    files = _Package(module)
    module, node = files.class_of(module, name)
    arguments = list(_arguments(node, keys, given))
    dense = len(keys["output_shape"]) == 3
    call = "self.net(x).movedim(1, -1)" if dense else "self.net(x)"
    text = (
        f'"""The architecture to beat: {name} of {module}."""\n\n'
        f"from torch import nn\n\nfrom {flat(module)} import {name}\n\n\n"
        "class Model(nn.Module):\n"
        f'    """Calls {name} with the shapes of task.toml."""\n\n'
        "    def __init__(self, input_shape, output_shape):\n"
        "        super().__init__()\n"
        f"        self.net = {name}({', '.join(arguments)})\n\n"
        f"    def forward(self, x):\n        return {call}\n"
    )
    beside = {f"{flat(own)}.py": source for own, source in files.texts(module).items()}
    return StartingPoint(text, beside, sorted(files.packages))


def flat(module: str) -> str:
    """What the file of a module is called beside the baseline."""
    name = module.replace(".", "_")
    return f"{name}_own" if name in ("task", "baseline") or name in GIVEN else name


# --- its constructor ------------------------------------------------------------------------------


def _arguments(
    node: ast.ClassDef, keys: Mapping[str, Any], given: Mapping[str, str]
) -> Iterator[str]:
    """The arguments of the constructor, as the baseline's source writes them."""
    made = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
    arguments = made[-1].args if made else ast.arguments([], [], None, [], [], None, [])
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)][1:]
    needed = names[: len(names) - len(arguments.defaults)]
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        names.append(argument.arg)
        needed += [argument.arg] if default is None else []
    unknown = [name for name in given if name not in names]
    if unknown and arguments.kwarg is None:
        hint = nearest(unknown[0], names)
        raise TaskError(f"{node.name} has no argument {unknown[0]!r}: {hint}")
    for name in [*names, *unknown]:
        value = _literal(given[name]) if name in given else _from_shapes(name, keys)
        if value is not None:
            yield f"{name}={value}"
        elif name in needed:
            raise TaskError(
                f"{node.name} needs an argument {name!r}, and nothing says what it is: "
                f"give --map {name}=VALUE"
            )


def _literal(value: str) -> str:
    """A value as Python writes it; a word is a string."""
    try:
        return repr(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return repr(value)


def _from_shapes(name: str, keys: Mapping[str, Any]) -> str | None:
    """What an argument of this name is in terms of the shapes."""
    shape, tokens = keys["input_shape"], keys.get("vocabulary")
    name = name.lower().rstrip("_")
    if name in ("input_shape", "output_shape"):
        return name
    if name in CLASSES:
        return "output_shape[-1]"
    if isinstance(shape, Mapping):
        return None
    part = 'input_shape["x"]' if keys.get("lengths_vary") else "input_shape"
    if name in VOCABULARY and isinstance(tokens, int):
        return str(tokens)
    if name in CHANNELS:
        return f"{part}[0]" if len(shape) == 3 else f"{part}[-1]"
    if name in FEATURES:
        return str(math.prod(shape)) if len(shape) == 3 else f"{part}[-1]"
    if name in LENGTHS and len(shape) < 3:
        return f"{part}[0]"
    return f"{part}[1]" if name in SIDES and len(shape) == 3 else None


# --- its files ------------------------------------------------------------------------------------


class _Package:
    """The modules of one package, or one module by itself, as text."""

    def __init__(self, module: str) -> None:
        self._top = module.partition(".")[0]
        self._known: dict[str, tuple[Path, str, ast.Module]] = {}
        self.packages: set[str] = set()
        """Distributions that they import, beside those that each candidate may."""
        if module in sys.builtin_module_names or self._find(module) is None:
            raise TaskError(
                f"no module {module!r} from here: start in the folder that holds "
                f"{self._top}, or install it"
            )

    def class_of(self, module: str, name: str, depth: int = 0) -> tuple[str, ast.ClassDef]:
        """A class, and the module that defines it: one may import it from another.

        Raises:
            TaskError: there is none.
        """
        _, _, tree = self._read(module)
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return module, node
            if isinstance(node, ast.ImportFrom) and depth < 8:
                other = self._target(module, node)
                if other and any((a.asname or a.name) == name for a in node.names):
                    own = next(a.name for a in node.names if (a.asname or a.name) == name)
                    return self.class_of(other, own, depth + 1)
        found = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        hint = nearest(name, found, others="it defines")
        raise TaskError(f"{module} defines no class {name}: {hint}")

    def texts(self, module: str) -> dict[str, str]:
        """A module and all of the package that it imports, with imports as the baseline's folder
        has them.

        Raises:
            TaskError: one is imported in a way that cannot be taken along.
        """
        found: dict[str, str] = {}
        waiting = [module]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found[name], others = self._rewritten(name)
            waiting += others
        return found

    def _rewritten(self, module: str) -> tuple[str, list[str]]:
        file, source, tree = self._read(module)
        lines, others = source.splitlines(keepends=True), []
        imports = (n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
        for node in sorted(imports, key=lambda n: n.lineno, reverse=True):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._note(file, node.lineno, alias.name)
            else:
                other = self._target(module, node)
                if other is None:
                    self._note(file, node.lineno, node.module or "")
                    continue
                if any(a.name == "*" or self._find(f"{other}.{a.name}") for a in node.names):
                    self._refuse(file, node.lineno, other)
                others.append(other)
                names = ", ".join(
                    a.name + (f" as {a.asname}" if a.asname else "") for a in node.names
                )
                indent = " " * node.col_offset
                new = f"{indent}from {flat(other)} import {names}\n"
                lines[node.lineno - 1 : node.end_lineno] = [new]
        return "".join(lines), others

    def _target(self, module: str, node: ast.ImportFrom) -> str | None:
        """The module of the package that is imported from; None for any other."""
        name = node.module or ""
        if node.level:
            spec = self._find(module)
            words = module.split(".")
            package = words if spec and spec.submodule_search_locations else words[:-1]
            package = package[: len(package) - node.level + 1]
            name = ".".join([*package, *([name] if name else [])])
            if not package:  # a file beside, which is no package
                name = node.module or ""
        top = name.partition(".")[0]
        here = self._find(module)
        beside = here is not None and _is_beside(here, top)
        return name if (top == self._top or beside) and self._find(name) is not None else None

    def _note(self, file: Path, line: int, name: str) -> None:
        top = name.partition(".")[0]
        if top == self._top:
            self._refuse(file, line, name)
        if top in GIVEN:
            return
        known = importlib.metadata.packages_distributions().get(top)
        if not known:
            raise TaskError(f"{file.name} line {line} imports {top}, which is not installed")
        self.packages.add(known[0])

    def _refuse(self, file: Path, line: int, name: str) -> None:
        raise TaskError(
            f"{file.name} line {line} imports {name} as a module, and a candidate is one file: "
            f"write `from {name} import NAME` for each name that is used"
        )

    def _read(self, module: str) -> tuple[Path, str, ast.Module]:
        if module not in self._known:
            spec = self._find(module)
            file = Path(str(spec.origin)) if spec and spec.origin else Path(module)
            if spec is None or file.suffix != ".py":
                raise TaskError(f"{module} has no source in Python that could be taken along")
            try:
                source = file.read_text(encoding="utf-8-sig")
                self._known[module] = file, source, ast.parse(source)
            except (OSError, UnicodeDecodeError, SyntaxError) as error:
                raise TaskError(f"{file} cannot be read as Python: {error}") from error
        return self._known[module]

    def _find(self, module: str) -> ModuleSpec | None:
        """Where a module is, found as an import would but without running anything."""
        places: Sequence[str] = [str(Path.cwd()), *sys.path]
        spec, name = None, ""
        for word in module.split("."):
            name = f"{name}.{word}" if name else word
            spec = PathFinder.find_spec(name, places)
            if spec is None:
                return None
            places = list(spec.submodule_search_locations or ())
        return spec


def _is_beside(spec: ModuleSpec, name: str) -> bool:
    folder = Path(str(spec.origin)).parent
    return bool(name) and ((folder / f"{name}.py").is_file() or (folder / name).is_dir())
