"""Which words two texts on architectures share, of those that tell something."""

from __future__ import annotations

import re
from typing import Final

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]{2,}")
_LEAST_LETTERS: Final = 4
_ROOT_LETTERS: Final = 6
"""Words that begin with as many equal letters count as one: convolution and convolutional."""

_SAID_BY_ALL: Final = frozenset(
    """about above accuracy after also always another architecture around baseline because been
    before being below better between block blocks both bring brings candidate change changed
    class classes could data deep different does each every fewer first from function gain give
    given gives have help helps here high higher image images improve improves input instead into
    itself keep keeps large larger last layer layers lead learn learned learns less like linear
    loss make makes many mean measured model models module more most much must need needs network
    networks neural noise number other others output over paper parameter parameters parent place
    rather replace replaced result results same score sequential should show shows small smaller
    some standard start starts step steps such take takes task than that their them then there
    these they this those three through time together train trained training under unit units used
    uses using value values very were what when where which while wide wider will with without
    work would deviations""".split()  # noqa: SIM905
)


def shared_words(one: str, other: str) -> set[str]:
    """The roots of the telling words that both texts say. Names in camel case are several words."""
    return _roots(one) & _roots(other)


def _roots(text: str) -> set[str]:
    words = (word.lower() for word in _WORD.findall(text))
    telling = (w for w in words if len(w) >= _LEAST_LETTERS and w not in _SAID_BY_ALL)
    return {word[:_ROOT_LETTERS] for word in telling}
