"""Fixes for numbers that do not fit: features, channels, heads, the output's shape, the limits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from archwright.search.grammar.grammar import ROOM
from archwright.search.operators.parents import Edit, NotApplicable
from archwright.search.operators.patient import Fix, Patient
from archwright.search.operators.structural_edits import simplify
from archwright.source.code import callee, calls, classes, free_name, rename_class
from archwright.source.counting import build_blueprint, count_parameters
from archwright.source.widths import fit_parameters, scale_width

OUTPUT: Final = '''

class {entry}(nn.Module):
    """The core, and a head that gives the output its shape."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.core = {core}(input_shape, output_shape)
        self.head = nn.Linear({features}, {outputs})

    def forward(self, x):
        return {result}
'''

_MISFITS: Final[tuple[tuple[str, str], ...]] = (
    (
        r"mat1 and mat2 shapes cannot be multiplied "
        r"\(\d+x(?P<new>\d+) and (?P<old>\d+)x(?P<out>\d+)\)",
        "Linear",
    ),
    (
        r"weight of size \[(?P<out>\d+), (?P<old>\d+)[\d, ]*\], expected input\[[\d, ]+\] "
        r"to have \d+ channels, but got (?P<new>\d+)",
        "Conv",
    ),
    (r"running_mean should contain (?P<new>\d+) elements not (?P<old>\d+)", "BatchNorm"),
    (
        r"normalized_shape=\[(?P<old>\d+)\], expected input with shape \[\*, \d+\], "
        r"but got input of size\s?\[[\d, ]*?(?P<new>\d+)\]",
        "LayerNorm",
    ),
    (
        r"input\.size\(-1\) must be equal to input_size\. Expected (?P<old>\d+), got (?P<new>\d+)",
        "GRU",
    ),
)
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Linear": ("Linear",),
    "Conv": ("Conv1d", "Conv2d", "Conv3d"),
    "BatchNorm": ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"),
    "LayerNorm": ("LayerNorm", "RMSNorm"),
    "GRU": ("GRU", "LSTM", "RNN"),
}


def fix_misfit(patient: Patient) -> Edit | None:
    """A layer that expects another number of features than it gets."""
    for pattern, kind in _MISFITS:
        match = patient.said(pattern)
        if match is not None:
            return _refit(patient, kind, match.groupdict())
    return None


def _refit(patient: Patient, kind: str, numbers: Mapping[str, str]) -> Edit | None:
    """Give the layer whose sizes are those of the message the size that it gets."""
    old, new = int(numbers["old"]), int(numbers["new"])
    made = int(numbers["out"]) if "out" in numbers else None
    found = [c for c in _layers(patient, kind) if _matches(patient, c, old, made)]
    if not found:
        return None
    call = found[0] if kind == "Linear" else found[-1]
    title = f"repair: {callee(call)} takes {new} features, not {old}"
    changes = [patient.code.put(call.args[0], str(new))]
    return patient.edit(changes, title, "That is what the layers before it give.")


def _layers(patient: Patient, kind: str) -> Iterator[ast.Call]:
    for call in calls(patient.code.tree):
        if callee(call) in _KINDS[kind] and call.args and isinstance(call.func, ast.Attribute):
            yield call


def _matches(patient: Patient, call: ast.Call, old: int, made: int | None) -> bool:
    sizes = [_number(patient, a) for a in call.args[:2]]
    return sizes[0] == old and (made is None or len(sizes) < 2 or sizes[1] in (made, None))


def _number(patient: Patient, node: ast.expr) -> int | None:
    blueprint = build_blueprint(patient.source, patient.problem)
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, int) else None
    return blueprint.number(patient.code.segment(node)) if blueprint else None


def fix_divisibility(patient: Patient) -> Edit | None:
    """Heads or groups that do not divide a width become one."""
    if not patient.said(r"must be divisible by (num_heads|num_groups|groups)|divisible by"):
        return None
    changes = []
    for call in calls(patient.code.tree):
        named = {k.arg: k.value for k in call.keywords}
        wrong: ast.expr | None = None
        if callee(call) == "GroupNorm":
            wrong = call.args[0] if call.args else named.get("num_groups")
        elif callee(call) == "MultiheadAttention":
            wrong = call.args[1] if len(call.args) > 1 else named.get("num_heads")
        elif callee(call) in _KINDS["Conv"] and isinstance(named.get("groups"), ast.Constant):
            wrong = named["groups"]
        if wrong is not None:
            changes.append(patient.code.put(wrong, "1"))
    return patient.edit(changes, "repair: one head or group", "The width cannot be divided.")


# --- the output's shape ---------------------------------------------------------------------------


def fix_output(patient: Patient) -> Edit | None:
    """A wrong output shape: the last linear layer fixed, else a head put behind."""
    wanted = patient.said(r"tensor of shape \((?P<want>[\d, ]+)\)") or patient.said(
        r"must keep the shape \((?P<want>[\d, ]+)\)"
    )
    given = patient.said(r"it (?:returned|gave) (\(\d[\d, ]*\)|\w+)")
    if wanted is None or given is None or patient.entry is None:
        return None
    if given[1] in {"tuple", "list"}:
        return _behind(patient, "self.core(x)[0]", None)
    shape = [int(n) for n in re.findall(r"\d+", given[1])][1:]
    want = [int(n) for n in re.findall(r"\d+", wanted["want"])][1:]
    return _fix_last_linear(patient, shape, want) or _reshape(patient, shape, want)


def _fix_last_linear(patient: Patient, shape: list[int], want: list[int]) -> Edit | None:
    """Where only the number of features is wrong and the last linear layer makes them."""
    if shape[:-1] != want[:-1] or not shape or patient.entry is None:
        return None
    linear = [c for c in calls(patient.entry) if callee(c) == "Linear" and len(c.args) > 1]
    if not linear or _number(patient, linear[-1].args[1]) != shape[-1]:
        return None
    changes = [patient.code.put(linear[-1].args[1], "output_shape[-1]")]
    return patient.edit(changes, "repair: the head gives the task's outputs", "It gave others.")


def _reshape(patient: Patient, shape: list[int], want: list[int]) -> Edit | None:
    """A head behind what there is, chosen by the two shapes."""
    core = "self.core(x)"
    if len(shape) == len(want) and shape[:-1] == want[:-1]:
        return _behind(patient, f"self.head({core})", (str(shape[-1]), "output_shape[-1]"))
    if len(want) == 1 and len(shape) == 3:
        return _behind(
            patient, f"self.head({core}.mean(dim=(2, 3)))", (str(shape[0]), str(want[0]))
        )
    if len(want) == 1 and len(shape) == 2:
        pooled = f"{core}[:, -1]" if patient.problem.causal else f"{core}.mean(dim=1)"
        return _behind(patient, f"self.head({pooled})", (str(shape[1]), str(want[0])))
    if len(shape) == len(want) == 2 and shape == want[::-1]:
        return _behind(patient, f"{core}.transpose(1, 2)", None)
    if len(want) == 1 and not shape:
        return _behind(patient, f"{core}.unsqueeze(1)", None) if want == [1] else None
    return None


def _behind(patient: Patient, result: str, head: tuple[str, str] | None) -> Edit:
    entry = patient.problem.entry
    core = free_name(f"{entry}Core", classes(patient.code.tree))
    text = OUTPUT.format(
        entry=entry,
        core=core,
        result=result,
        features=head[0] if head else "",
        outputs=head[1] if head else "",
    )
    if head is None:
        text = "\n".join(t for t in text.split("\n") if "self.head = " not in t)
    source = rename_class(patient.code, entry, core).rstrip() + "\n" + text
    return Edit(source, "repair: a head gives the output its shape", "The core gave another shape.")


# --- limits ---------------------------------------------------------------------------------------


def fix_size(patient: Patient) -> Edit | None:
    """Too many parameters: narrower, and where that is not enough fewer blocks."""
    if "parameters" not in patient.failures:
        return None
    limit = patient.problem.max_params
    source = fit_parameters(patient.source, patient.problem, int(ROOM * limit))
    if source == patient.source and patient.report.parameters > limit:
        share = 0.95 * (limit / patient.report.parameters) ** 0.5
        source = scale_width(patient.source, share)
    if source == patient.source:
        return _fewer(patient)
    count = count_parameters(source, patient.problem)
    if count is not None and count > limit:
        return _fewer(patient) or Edit(source, "repair: narrower", "It is over the limit.")
    return Edit(source, "repair: narrower, to fit the parameter limit", f"The limit is {limit:,}.")


def fix_cost(patient: Patient) -> Edit | None:
    """Too many FLOPs: narrower."""
    limit = patient.problem.max_flops
    if "flops" not in patient.failures or limit is None or patient.report.flops <= limit:
        return None
    source = scale_width(patient.source, 0.93 * (limit / patient.report.flops) ** 0.5)
    return Edit(source, "repair: narrower, to fit the FLOP limit", f"The limit is {limit:,}.")


def _fewer(patient: Patient) -> Edit | None:
    try:
        made = simplify(patient.source, patient.problem, patient.rng)
    except NotApplicable:
        return None
    return Edit(made.source, made.title.replace("simplify", "repair"), "It is over the limit.")


FIXES: Final[tuple[Fix, ...]] = (
    fix_misfit,
    fix_divisibility,
    fix_output,
    fix_size,
    fix_cost,
)
