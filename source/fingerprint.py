"""Three levels of sameness of two architectures, and the checks that need no execution.

Text forgives layout, comments and docstrings; tree forgives names as well (`tree_form.py`);
graph forgives everything but the operations that really ran. All three cover the recipe. Of a
bundle, where nothing is traced, text and tree cover each file under its path.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from archwright.core import (
    LEAST_BATCH,
    Fingerprint,
    Problem,
    Recipe,
    SourceError,
    is_bundle,
    read_bundle,
    write_bundle,
)
from archwright.core.script import Script, is_python
from archwright.source.code import (
    CONTRACT_NAMES,
    callee,
    calls,
    classes,
    code_of,
    tree_of,
    walk,
)
from archwright.source.evaluation import stored
from archwright.source.recipe import is_recipe, plain_assignments, recipe_changes
from archwright.source.tree_form import normal_form

SOURCE_LIMIT_BYTES: Final = 100_000
_DIGEST_CHARACTERS: Final = 32
_TAB_COLUMNS: Final = 8

# A string, a comment, a new line with its indentation, blanks, a word, or any other character.
_TOKEN: Final = re.compile(
    r"""
    (?: [rbfuRBFU]{1,2} (?=["']) )?
    (?: \"{3} (?: \\. | [^\\] )*? \"{3} | '{3} (?: \\. | [^\\] )*? '{3}
      | " (?: \\. | [^"\\\n] )* "       | ' (?: \\. | [^'\\\n] )* ' )
    | \#[^\n]* | \\\n | \n[ \t\f]* | [ \t\f]+ | \w+ | .
    """,
    re.VERBOSE | re.DOTALL,
)
_CONSTANT: Final = re.compile(r"(?<![\w.])\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?\b|(?<![\w.])\.\d+")
_PLAIN_STRING: Final = re.compile(r"[rRuU]?[\"']")
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class ParsedSource:
    """Source that passed the static checks, parsed once. `recipe` is the effective one."""

    source: str
    tree: ast.Module
    recipe: Recipe


def fingerprint(
    source: str | ParsedSource,
    recipe: Recipe,
    graph: str = "",
    keep: frozenset[str] = CONTRACT_NAMES,
) -> Fingerprint:
    """The three levels of a candidate.

    Args:
        source: the file; parsed source saves the time of parsing. Text that does not parse has a
            text level only.
        recipe: the effective recipe: the task's default, updated by the file's `RECIPE`.
        graph: the traced computation graph, empty before the candidate was built.
        keep: module-level names that others rely on, never renamed.
    """
    text, tree = _texts(source, keep)
    seal = json.dumps(recipe.to_json())
    return Fingerprint(*(_digest(seal, level) if level else "" for level in (text, tree, graph)))


def without_constants(source: str) -> str:
    """The tree level of a source with `#` for every number: sources that differ in constants alone
    have the same. Empty for what does not parse."""
    tree = _texts(source, CONTRACT_NAMES)[1]
    return _CONSTANT.sub("#", tree)


def _texts(given: str | ParsedSource, keep: frozenset[str]) -> tuple[str, str]:
    source = given.source if isinstance(given, ParsedSource) else given
    try:
        if is_bundle(source):
            return _bundle_texts(source)
        parsed = given.tree if isinstance(given, ParsedSource) else _parse(source)
    except SourceError:
        return "broken\n" + source.strip(), ""
    statement = _sealed_recipe(source, parsed)
    text = text_form(source, without_recipe=statement is not None)
    return text, _tree_form(parsed, statement, keep)


def _tree_form(tree: ast.Module, without: ast.stmt | None, keep: frozenset[str]) -> str:
    try:
        return normal_form(tree, without, keep)
    except RecursionError:
        return ""


def _bundle_texts(bundle: str) -> tuple[str, str]:
    """Both levels of every file under its path. What a file defines, another may import: names at
    its top level count. Raises `SourceError` for what is no bundle, or no Python."""
    texts, trees = [], []
    for path, content in sorted(read_bundle(bundle).items()):
        text = tree = "\n".join(line.rstrip() for line in content.splitlines())
        if is_python(path):
            parsed = _parse(content)
            names = (stored(statement) for statement in parsed.body)
            text = text_form(content)
            tree = _tree_form(parsed, None, frozenset().union(*names)) or text
        texts.append(f"{path}\n{text}")
        trees.append(f"{path}\n{tree}")
    return "\n".join(texts), "\n".join(trees)


def _digest(*parts: str) -> str:
    whole = "\n".join(parts).encode(errors="surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:_DIGEST_CHARACTERS]


# --- text ---------------------------------------------------------------------------------------


def text_form(source: str, without_recipe: bool = False) -> str:
    """The tokens of `source`, one logical line a line, without comments, docstrings and layout.

    A line starts with its depth, so that programs that differ only in indentation differ here. The
    source must parse; `without_recipe` leaves the top-level `RECIPE = ...` out.
    """
    keep_strings = "__doc__" in source
    lines, columns = [], [0]
    for column, tokens in _logical_lines(source):
        while column < columns[-1]:
            columns.pop()
        if column > columns[-1]:
            columns.append(column)
        if not keep_strings and all(map(_PLAIN_STRING.match, tokens)):
            continue
        if without_recipe and column == 0 and tokens[0] == "RECIPE" and ";" not in tokens:
            continue
        lines.append(f"{len(columns)} {' '.join(tokens)}")
    return "\n".join(lines)


def _logical_lines(source: str) -> list[tuple[int, list[str]]]:
    """Each logical line's indentation in columns and its tokens."""
    text = "\n" + source.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    lines: list[tuple[int, list[str]]] = []
    tokens: list[str] = []
    column = depth = 0
    for token in [*_TOKEN.findall(text), "\n"]:
        first = token[0]
        if first in " \t\f#\\":
            continue
        if first == "\n":
            if depth == 0:
                if tokens:
                    lines.append((column, tokens))
                    tokens = []
                column = len(token[1:].expandtabs(_TAB_COLUMNS))
            continue
        tokens.append(token)
        if first in _OPENING:
            depth += 1
        elif first in _CLOSING:
            depth -= 1
    return lines


# --- static checks ------------------------------------------------------------------------------


def read_source(source: str, problem: Problem, default: Recipe) -> ParsedSource:
    """Parse a candidate and check all that can be checked without executing it.

    Args:
        source: the candidate's file.
        problem: says which class it must define.
        default: the task's recipe, on which the file's `RECIPE` is laid.

    Raises:
        SourceError: it does not parse, does not define the class of the contract, or its recipe
            is not on the closed list; one line, with the place and the fix.
    """
    if problem.script is not None:
        return ParsedSource(source, _parse_script(source, problem.script), default)
    tree = _parse(source)
    _check_entry(tree, problem.entry, problem.constructor)
    # A file without the word in any spelling says nothing of it: most do not, and are not searched.
    is_said = "recipe" in source.lower() or not source.isascii()
    changes = recipe_changes(tree) if is_said else None
    return ParsedSource(source, tree, default if changes is None else default.updated(changes))


def _parse_script(bundle: str, script: Script) -> ast.Module:
    """The tree of a whole bundle that holds the files that may change, all of them and no other."""
    files, wanted = read_bundle(bundle), script.files
    for path in wanted:
        if path not in files:
            raise SourceError(f"{path} is missing: a candidate has {', '.join(wanted)}")
    for path, content in files.items():
        if path not in wanted:
            raise SourceError(f"{path} may not change: a candidate has {', '.join(wanted)} alone")
        if is_python(path):
            try:
                _parse(content)
            except SourceError as error:
                raise SourceError(f"{path}, {error}") from None
    return _parse(write_bundle(files))


def _sealed_recipe(source: str, tree: ast.Module) -> ast.stmt | None:
    """The recipe's statement where it says nothing but the recipe, which counts by its value.

    A recipe that is not valid stays in the code: without it the candidate would be another one.
    """
    statements = plain_assignments(tree)
    if len(statements) != 1 or statements[0].value is None:
        return None
    if source.count("RECIPE") > 1 and sum(is_recipe(node) for node in walk(tree)) > 1:
        return None
    try:
        Recipe().updated(recipe_changes(ast.Module([statements[0]], [])) or {}, LEAST_BATCH)
    except SourceError:
        return None
    return statements[0]


def _check_entry(tree: ast.Module, entry: str, constructor: str) -> None:
    classes = {s.name: s for s in tree.body if isinstance(s, ast.ClassDef)}
    wanted = f"class {entry}(nn.Module) with __init__(self, {constructor})"
    if entry not in classes:
        made = next((s for s in tree.body if entry in stored(s)), None)
        if made is not None and not isinstance(made, ast.FunctionDef):
            return  # another class's name, or a class made in a block: the checks build it
        if made is not None:
            raise SourceError(f"line {made.lineno}: {entry} is a function; define {wanted}")
        raise SourceError(f"{entry} is not defined; define {wanted} and forward(self, x)")
    line = classes[entry].lineno
    methods, complete = _methods(entry, classes)
    for name, count, fix in (("__init__", 3, wanted), ("forward", 2, "forward(self, x)")):
        method = methods.get(name)
        called = name == "forward" and "__call__" in methods
        if name not in methods and complete and not called:
            raise SourceError(f"line {line}: {entry} has no {name}; define {fix}")
        if method is not None and not _takes(method.args, count):
            raise SourceError(f"line {method.lineno}: {name} cannot be called; define {fix}")


def _methods(
    name: str, classes: Mapping[str, ast.ClassDef]
) -> tuple[dict[str, ast.FunctionDef | None], bool]:
    """A class's methods, inherited ones too, and whether all its bases but torch's own are seen;
    a name that is set in another way than by `def` stands for a method that is not seen.
    """
    methods: dict[str, ast.FunctionDef | None] = {}
    waiting, seen, complete = [name], set[str](), True
    while waiting:
        node = classes[waiting.pop(0)]
        seen.add(node.name)
        for method in node.body:
            if isinstance(method, ast.FunctionDef):
                methods.setdefault(method.name, method)
            else:
                for bound in stored(method):
                    methods.setdefault(bound, None)
        for base in map(ast.unparse, node.bases):
            if base in classes and base not in seen:
                waiting.append(base)
            elif base.rpartition(".")[2] not in ("Module", "object"):
                complete = False
    return methods, complete


def _takes(arguments: ast.arguments, count: int) -> bool:
    """Whether a function can be called with `count` positional arguments."""
    positional = len(arguments.posonlyargs) + len(arguments.args)
    needed = positional - len(arguments.defaults)
    named = any(default is None for default in arguments.kw_defaults)
    return needed <= count <= positional + 99 * bool(arguments.vararg) and not named


def _parse(source: str) -> ast.Module:
    size = len(source.encode(errors="replace"))
    if size > SOURCE_LIMIT_BYTES:
        raise SourceError(
            f"the source has {size:,} bytes; at most {SOURCE_LIMIT_BYTES:,} are taken"
        )
    try:
        return tree_of(source)
    except SyntaxError as error:
        raise SourceError(f"line {error.lineno or 1}: {error.msg}; correct the syntax") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"the source cannot be parsed ({error}); write it more simply") from None


# --- family ---------------------------------------------------------------------------------------


# The first that matches names a class's family: what mixes positions most strongly comes first.
_SIGNS: Final = (
    (
        "recurrent",
        re.compile(r"GRU|LSTM|RNN|Recurren|Sweep|scan|cumsum|Mamba|SSM|StateSpace", re.I),
    ),
    ("linear attention", re.compile(r"Linear_?Attention|Delta|Retention|Performer", re.I)),
    ("attention", re.compile(r"Attention|Transformer|scaled_dot_product", re.I)),
    ("conv", re.compile(r"Conv|unfold|filter_steps", re.I)),
)
# Functions that write into a memory and read it for a whole sequence.
_MEMORY: Final = re.compile(r"(running|decayed|corrected|low_rank|tree)_sum")
# Classes that stand before or after the body, or only hold other blocks.
_AROUND: Final = re.compile(r"Pool|Patch|Sequence|Embed|Stem|Head|Branch|Parallel|Norm", re.I)
FAMILIES: Final = ("conv", "attention", "linear attention", "recurrent", "mlp", "hybrid")


def family(source: str) -> str:
    """One of `FAMILIES`: what mixes positions in the architecture, `hybrid` when several do.

    Raises:
        SourceError: the source is not Python.
    """
    kinds = mixing(source)
    return next(iter(kinds)) if len(kinds) == 1 else "hybrid"


@lru_cache(maxsize=256)
def mixing(source: str) -> frozenset[str]:
    """All of `FAMILIES` but `hybrid` that mix positions in the architecture; `mlp` stands alone.

    Over sequences a convolution beside something that reaches further does not count: it is short.

    Raises:
        SourceError: the source is not Python.
    """
    code = code_of(source)
    defined = classes(code.tree)
    entry = defined.get("Model") or defined.get("Mixer")
    blocks = [c for c in defined.values() if c is not entry]
    kinds = {_kind(c) for c in blocks} - {"mlp"}
    kinds |= {"linear attention" for c in code.calls if _MEMORY.fullmatch(callee(c))}
    if len(kinds) > 1 and not any(callee(c) == "Conv2d" for c in code.calls):
        kinds.discard("conv")
    return frozenset(kinds or {_kind(code.tree)})


def _kind(tree: ast.AST) -> str:
    """The family of one class (or of a whole file) by the names it goes by and calls."""
    own = getattr(tree, "name", "")
    if _AROUND.search(own):
        return "mlp"
    words = " ".join([own, *(callee(c) for c in calls(tree))])
    return next((kind for kind, sign in _SIGNS if sign.search(words)), "mlp")
