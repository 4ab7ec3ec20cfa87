"""What a refused idea is told of: the one of all that were tried that is most like it."""

from __future__ import annotations

from parts import Parts, enter

from archwright.runs.proposing.nearest import nearest

OTHER = """
import torch.nn as nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.cell = nn.GRU(1, 8, batch_first=True)
        self.head = nn.Linear(8, output_shape[0])

    def forward(self, x):
        return self.head(self.cell(x.unsqueeze(-1))[0][:, -1])
"""


def test_one_that_differs_in_numbers_alone_is_named_as_such(parts: Parts) -> None:
    tried = [enter(parts, "1", source=OTHER), enter(parts, "2", source=parts.wider(24))]
    own = enter(parts, "3", source=parts.wider(40))
    found = nearest(own, [*tried, own], parts.context)
    assert found == "2 (idea 2) differs from it in constants alone"


def test_else_the_one_of_the_most_alike_parts(parts: Parts) -> None:
    tried = [enter(parts, "1", source=OTHER), enter(parts, "2", source=parts.wider(24))]
    deeper = OTHER.replace("self.head = ", "self.norm = nn.LayerNorm(8)\n        self.head = ")
    own = enter(parts, "3", source=deeper)
    assert nearest(own, tried, parts.context) == "1 (idea 1) is most like it"


def test_where_nothing_can_be_compared_nothing_is_said(parts: Parts) -> None:
    own = enter(parts, "3", source=parts.wider(40))
    broken = enter(parts, "1", source="class Model(")
    assert nearest(own, [broken, own], parts.context) == ""
    assert nearest(own, [], parts.context) == ""
