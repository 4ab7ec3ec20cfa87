"""What the scripted server says: a plausible model for the spirals task, and its bad days."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random

from protocol_server import Act, Call, Fail, Say, Script

REFUSED = re.compile(r"^\d+\.\n\n`+text\n(a perceptron of shape [\d-]+)$", re.MULTILINE)
ACTIVATIONS = ("ReLU", "GELU", "SiLU", "Tanh", "ELU", "Mish", "Softplus", "Hardswish")


def network(rng: Random) -> str:
    """A multilayer perceptron with the shapes of its task, one of some hundred thousand."""
    widths = [rng.randrange(8, 72) for _ in range(rng.randrange(1, 4))]
    activation = rng.choice(ACTIVATIONS)
    lines = ["import torch.nn as nn", "", "", "class Model(nn.Module):"]
    lines += ["    def __init__(self, input_shape, output_shape):", "        super().__init__()"]
    lines += ["        self.layers = nn.Sequential("]
    before = "input_shape[0]"
    for width in widths:
        lines += [f"            nn.Linear({before}, {width}),", f"            nn.{activation}(),"]
        before = str(width)
    lines += [f"            nn.Linear({before}, output_shape[0]),", "        )", ""]
    lines += ["    def forward(self, x):", "        return self.layers(x)", ""]
    return "\n".join(lines)


def fenced(text: str, language: str) -> str:
    return f"```{language}\n{text}\n```"


def proposal(rng: Random, number: int) -> str:
    """One proposal with its code."""
    idea = {
        "title": f"a perceptron of shape {rng.randrange(10**6)}-{number}",
        "move": "draft",
        "hypothesis": "The training loss falls below that of the baseline.",
        "expected": 20.0,
        "parents": [],
    }
    return f"{fenced(json.dumps(idea, indent=2), 'json')}\n\n{fenced(network(rng), 'python')}"


def asked_for(call: Call) -> int:
    """How many proposals the last message asks for."""
    found = re.search(r"Answer with (\d+)", call.messages[-1]["content"])
    return int(found[1]) if found else 1


def words_of(call: Call) -> str:
    """A good answer of any role."""
    match call.role:
        case "researcher":
            rng, refused = call.rng, REFUSED.findall(call.messages[-1]["content"])
            made = [proposal(rng, n) for n in range(asked_for(call))]
            for n, title in enumerate(refused[: len(made)]):
                made[n] = re.sub(r'"title": ".*"', f'"title": "{title}"', made[n])
            return "\n\n".join(made)
        case "coder":
            return "A perceptron.\n\n" + fenced(network(call.rng), "python")
        case "debugger":
            return "Written anew.\n\n" + fenced(network(call.rng), "python")
        case "evaluator":
            said = {"helps": [{"words": "Units that bend help.", "candidates": ["1"]}]}
            return fenced(json.dumps(said), "json")
        case "reviewer":
            said_of = {"suspicions": ["It has more parameters."], "summary": "It holds."}
            return fenced(json.dumps(said_of | {"consequences": ["It is larger."]}), "json")
    return fenced(json.dumps({"works": True}), "json")


def good(call: Call) -> Act:
    """A model on a good day."""
    return Say(words_of(call))


# --- faults -------------------------------------------------------------------------------------

FAULTS: dict[str, Callable[[Call], Act]] = {
    "429 with Retry-After": lambda _: Fail(429, "slow down", headers={"Retry-After": "0"}),
    "429 without": lambda _: Fail(429, "slow down"),
    "500": lambda _: Fail(500, "it broke"),
    "503": lambda _: Fail(503, "overloaded"),
    "dropped stream": lambda c: Say(words_of(c), drop_after=2),
    "empty": lambda _: Say(""),
    "truncated": lambda c: Say(words_of(c)[:40], finish="length"),
    "wrong JSON": lambda _: Say('{"title": "a perceptron", "rationale": }'),
    "refusal": lambda _: Say("I'm sorry, but I can't help with that."),
    "wrong fence": lambda c: Say(words_of(c).replace("```python", "```javascript")),
    "prose around": lambda c: Say(f"Sure!\n\n{words_of(c)}\n\nI hope that this helps."),
    "no usage": lambda c: Say(words_of(c), usage=False),
}


def with_faults(share: float, script: Script = good) -> Script:
    """`script`, where a share of the replies goes wrong: which, depends on the request and its
    repetition alone."""

    def act(call: Call) -> Act:
        rng = Random(f"{call.name}/{call.nth}")
        if rng.random() >= share:
            return script(call)
        return FAULTS[rng.choice(sorted(FAULTS))](call)

    return act
