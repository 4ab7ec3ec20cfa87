"""Papers for the task `spirals` of `conftest.py`, with code that trains in moments."""

from __future__ import annotations

LINEAR = """\
from torch import nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_shape[0], 16), nn.Linear(16, output_shape[0])
        )

    def forward(self, x):
        return self.layers(x)
"""

BENT = """\
from torch import nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_shape[0], 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, output_shape[0]),
        )

    def forward(self, x):
        return self.layers(x)
"""

QUOTE = "a network with rectifiers tells spirals apart better than a linear one"

CLAIMS = f"""\
task = "spirals"

[[claim]]
method = "bent.py"
baseline = "linear.py"
direction = "better"
margin = 3.0
quote = "{QUOTE}"

[scale]
steps = "a million"
"""


def write_paper(**files: str) -> str:
    """A paper in Markdown with code: `name_py` becomes the block `name.py`."""
    blocks = "\n".join(
        f'```{"toml" if name.endswith("toml") else "python"} title="{name.replace("_", ".")}"\n'
        f"{text.strip()}\n```\n"
        for name, text in files.items()
    )
    return f"""\
# Bends for spirals

## Abstract

Spirals wind. We show that {QUOTE}. It reaches an accuracy of 93.1% on the test set.

## Method

Two hidden layers with rectifiers.

{blocks}
## References

- A. Writer (1999): On bends.
"""


def whole_paper(claims: str = CLAIMS, bent: str = BENT) -> str:
    """The paper with claims, method and baseline."""
    return write_paper(linear_py=LINEAR, bent_py=bent, claims_toml=claims)
