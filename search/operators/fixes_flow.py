"""Fixes for what flows where it should not, or does not flow: gradients, the batch, the future."""

from __future__ import annotations

import ast
import re
from typing import Final

from archwright.search.grammar.variation import put_norm
from archwright.search.operators.parents import Definition, Edit, bring
from archwright.search.operators.patient import Fix, Patient
from archwright.search.operators.structural_edits import remove_module
from archwright.source.code import Change, SourceCode, callee, calls, classes, code_of

CAUSAL_CONV: Final = '''class CausalConv1d(nn.Conv1d):
    """A convolution over steps that sees no later step: padded on the left alone."""

    def forward(self, x):
        reach = self.dilation[0] * (self.kernel_size[0] - 1)
        return super().forward(F.pad(x, (reach, 0)))'''

CAUSAL_SOFTMAX: Final = '''def causal_softmax(scores):
    """Softmax over the last axis, each row without the columns after it."""
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return scores.masked_fill(later, float("-inf")).softmax(dim=-1)'''

_BATCH_FIRST: Final = frozenset(
    {"GRU", "LSTM", "RNN", "MultiheadAttention", "TransformerEncoderLayer"}
)


# --- gradients ------------------------------------------------------------------------------------


def fix_unused(patient: Patient) -> Edit | None:
    """A submodule or parameter that `forward` never uses goes; a bias that cannot matter, too."""
    detail = patient.failures.get("gradients", "")
    match = re.search(r"no gradient reaches (.+?)(?: and \d+ more)?$", detail, re.S)
    if match is None:
        return None
    paths = [p.strip().split(".") for p in match[1].split(",")]
    for path in paths:
        edit = _remove_unread(patient, path) or _without_bias(patient, path)
        if edit is not None:
            return edit
    return None


def _remove_unread(patient: Patient, path: list[str]) -> Edit | None:
    """Remove what the path names where its class never reads it."""
    for name in path:
        for owner in classes(patient.code.tree):
            source = remove_module(patient.source, owner, name)
            if source != patient.source and not name.isdigit():
                why = "It was made and never used, so no gradient reached it."
                return Edit(source, f"repair: without {name}", why)
    return None


def _without_bias(patient: Patient, path: list[str]) -> Edit | None:
    """A bias that the next norm or softmax takes out again."""
    if path[-1] != "bias":
        return None
    layer = next((p for p in reversed(path[:-1]) if not p.isdigit()), "")
    made = [
        call
        for node in ast.walk(patient.code.tree)
        if isinstance(node, ast.Assign) and _assigns(node, layer)
        for call in calls(node.value)
        if re.match(r"Conv|Linear", callee(call))
        and not any(k.arg == "bias" for k in call.keywords)
    ]
    changes = [_add_argument(patient.code, c, "bias=False") for c in made]
    return patient.edit(changes, f"repair: {layer} without bias", "No gradient reached the bias.")


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(t, ast.Attribute) and t.attr == name for t in node.targets)


def _add_argument(code: SourceCode, call: ast.Call, argument: str) -> Change:
    end = code.span(call)[1] - 1
    inside = code.segment(call)[:-1].rstrip()
    comma = "" if inside.endswith(("(", ",")) else ", "
    return Change(end, end, f"{comma}{argument}")


# --- the batch ------------------------------------------------------------------------------------


def fix_batch(patient: Patient) -> Edit | None:
    """Outputs that depend on the batch: axes taken for it, norms over it, dropout left on."""
    if "batch_independence" not in patient.failures:
        return None
    code, changes = patient.code, list[Change]()
    for call in calls(code.tree):
        named = {k.arg: k for k in call.keywords}
        name = callee(call)
        if name in _BATCH_FIRST and "batch_first" not in named:
            changes.append(_add_argument(code, call, "batch_first=True"))
        elif name.startswith("BatchNorm") and "track_running_stats" in named:
            changes.append(_norm_per_sample(patient, call))
        elif name in {"dropout", "alpha_dropout"} and "training" not in named:
            changes.append(_add_argument(code, call, "training=self.training"))
        elif name in {"softmax", "mean", "std", "var", "normalize", "cumsum", "sum", "max"}:
            changes += _off_the_batch_axis(code, call)
        elif name == "batch_norm":
            return None
    return patient.edit(changes, "repair: nothing is shared across the batch", "A sample is alone.")


def _norm_per_sample(patient: Patient, call: ast.Call) -> Change:
    return put_norm(patient.code, call, "GroupNorm")


def _off_the_batch_axis(code: SourceCode, call: ast.Call) -> list[Change]:
    """`dim=0` becomes the last axis where it keeps the shape."""
    keeps = callee(call) in {"softmax", "normalize", "cumsum"} or any(
        k.arg == "keepdim" for k in call.keywords
    )
    axes = [k.value for k in call.keywords if k.arg == "dim"] or call.args[-1:]
    zero = [a for a in axes if isinstance(a, ast.Constant) and a.value == 0]
    return [code.put(a, "-1") for a in zero if keeps and not isinstance(zero[0].value, bool)]


# --- the future -----------------------------------------------------------------------------------


def fix_future(patient: Patient) -> Edit | None:
    """Every place where a later step could be seen is closed."""
    if "causality" not in patient.failures:
        return None
    code, changes, brought = patient.code, list[Change](), list[Definition]()
    for call in calls(code.tree):
        change = _close(code, call)
        if change is not None:
            changes.append(change)
    if not changes:
        return None
    text = code.apply(changes)
    if "CausalConv1d(" in text and "CausalConv1d" not in classes(code.tree):
        brought.append(Definition("CausalConv1d", CAUSAL_CONV))
    if "causal_softmax(" in text and "def causal_softmax" not in text:
        brought.append(Definition("causal_softmax", CAUSAL_SOFTMAX))
    source, _ = bring(code_of(text), brought, patient.problem.entry)
    return Edit(source, "repair: no step sees a later one", "The outputs moved with the future.")


def _close(code: SourceCode, call: ast.Call) -> Change | None:
    """The change that keeps one call from looking ahead, if it does."""
    name = callee(call)
    named = {k.arg: k for k in call.keywords}
    if "causal" in named and isinstance(named["causal"].value, ast.Constant):
        return code.put(named["causal"].value, "True") if not named["causal"].value.value else None
    if name == "scaled_dot_product_attention" and not {"is_causal", "attn_mask"} & set(named):
        return _add_argument(code, call, "is_causal=True")
    if name == "Conv1d" and {"padding"} & set(named):
        return code.put(call, _left_padded(code, call))
    if name == "softmax" and isinstance(call.func, ast.Attribute) and _over_last_axis(call):
        scores = call.args[0] if _is_module(call.func.value) else call.func.value
        return code.put(call, f"causal_softmax({code.segment(scores)})")
    if name == "GroupNorm" or name.startswith("InstanceNorm1d"):
        return put_norm(code, call, "BatchNorm1d")
    return None


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"F", "torch"}


def _over_last_axis(call: ast.Call) -> bool:
    axis = [k.value for k in call.keywords if k.arg == "dim"] or call.args[-1:]
    return bool(axis) and ast.unparse(axis[0]) == "-1"


def _left_padded(code: SourceCode, call: ast.Call) -> str:
    kept = [code.segment(a) for a in call.args]
    kept += [code.segment(k) for k in call.keywords if k.arg not in {"padding", "padding_mode"}]
    return f"CausalConv1d({', '.join(kept)})"


def fix_backwards(patient: Patient) -> Edit | None:
    """A recurrence that runs both ways runs forwards only, over twice the width."""
    if "causality" not in patient.failures:
        return None
    code, changes = patient.code, list[Change]()
    for call in calls(code.tree):
        both = next((k for k in call.keywords if k.arg == "bidirectional"), None)
        if both is None or len(call.args) < 2 or ast.unparse(both.value) != "True":
            continue
        changes += [
            code.put(both.value, "False"),
            code.put(call.args[1], f"2 * ({code.segment(call.args[1])})"),
        ]
    return patient.edit(changes, "repair: the recurrence runs forwards only", "It saw the future.")


FIXES: Final[tuple[Fix, ...]] = (fix_unused, fix_batch, fix_backwards, fix_future)
