"""The fixed network around a mixer, in two forms.

With learned positions it has one length, and a mixer is constructed with two shapes
`(length, width)`. Without, it runs at any length, and a mixer is constructed with a width and the
number of its layer. Which of the two a mixer wants is told by the names in its constructor, so that
either runs in both networks.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ....contract import BackboneProjection, ProblemProjection
from ...faults import ContractError


class ShortConvolution(nn.Module):
    """Each channel and its last few values, mixed and added: causal, `(batch, length, width)`."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.past = kernel - 1
        self.mix = nn.Conv1d(width, width, kernel, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of sequences to the same shape."""
        padded = nn.functional.pad(x.transpose(1, 2), (self.past, 0))
        mixed: Tensor = self.mix(padded).transpose(1, 2)
        return x + mixed

    def start(self, batch: int) -> Tensor:
        """The values before a sequence."""
        return self.mix.weight.new_zeros(batch, self.past, self.mix.in_channels)

    def step(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """The output at one position, `(batch, width)`, and the values that the next one needs."""
        seen = torch.cat((past, x[:, None]), 1)
        mixed: Tensor = self.mix(seen.transpose(1, 2))[..., 0]
        return x + mixed, seen[:, 1:]


class NoConvolution(nn.Identity):
    """In place of a short convolution."""

    def start(self, batch: int) -> None:
        """Nothing is kept."""

    def step(self, x: Tensor, past: None) -> tuple[Tensor, None]:
        """As it is."""
        return x, past


class BackboneNetwork(nn.Module):
    """Embedding, and learned positions where there are any; `layers` x (mixer, MLP), norm, head.

    Both halves of a block are pre-norm residuals; with a `convolution`, a short one stands before
    each mixer. Input `(batch, length)` of tokens, or `(batch, length, features)`; output
    `(batch, length, classes)`, or `(batch, classes)` read from the last position (causal) or the
    mean over positions.
    """

    def __init__(
        self, mixer: Any, problem: ProblemProjection, backbone: BackboneProjection
    ) -> None:
        super().__init__()
        length, width = problem.input_shape[0], backbone.width
        hidden = round(width * backbone.mlp_ratio)
        normalise = nn.LayerNorm if backbone.positions else nn.RMSNorm
        self.embed: nn.Module = (
            nn.Linear(problem.input_shape[-1], width)
            if problem.vocabulary is None
            else nn.Embedding(problem.vocabulary, width)
        )
        self.positions = (
            nn.Parameter(0.02 * torch.randn(length, width)) if backbone.positions else None
        )
        layers = range(backbone.layers)
        self.mixers = nn.ModuleList(make_mixer(mixer, length, width, layer) for layer in layers)
        self.convolutions = nn.ModuleList(
            ShortConvolution(width, backbone.convolution)
            if backbone.convolution
            else NoConvolution()
            for _ in layers
        )
        self.mixer_norms = nn.ModuleList(normalise(width) for _ in layers)
        self.mlps = nn.ModuleList(
            nn.Sequential(
                normalise(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
            )
            for _ in layers
        )
        self.norm = normalise(width)
        self.head = nn.Linear(width, problem.output_shape[-1])
        self.per_position = len(problem.output_shape) == 2
        self.causal = problem.causal

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of sequences to logits."""
        h = self.embed(x)
        if self.positions is not None:
            h = h + self.positions
        blocks = zip(self.mixer_norms, self.convolutions, self.mixers, self.mlps, strict=True)
        for norm, convolution, mixer, mlp in blocks:
            mixed = mixer(convolution(norm(h)))
            if not isinstance(mixed, Tensor) or mixed.shape != h.shape:
                raise ContractError(
                    f"Mixer.forward must keep the shape {tuple(h.shape)}, it gave {shown(mixed)}"
                )
            h = h + mixed
            h = h + mlp(h)
        h = self.norm(h)
        if not self.per_position:
            h = h[:, -1] if self.causal else h.mean(dim=1)
        logits: Tensor = self.head(h)
        return logits

    @property
    def streams(self) -> bool:
        """Whether it also reads one position at a time: each mixer has `start` and `step`."""
        names, mixers = ("start", "step"), self.mixers
        able = all(callable(getattr(mixer, name, None)) for mixer in mixers for name in names)
        return able and self.positions is None

    def start(self, batch: int) -> list[Any]:
        """What is kept before a sequence, of each layer: of its convolution and of its mixer."""
        layers: Iterable[Any] = zip(self.convolutions, self.mixers, strict=True)
        return [(convolution.start(batch), mixer.start(batch)) for convolution, mixer in layers]

    def step(self, x: Tensor, state: list[Any]) -> tuple[Tensor, list[Any]]:
        """Logits at one position, from its tokens `(batch,)` or features, and what is kept then."""
        h, after = self.embed(x), []
        blocks: Iterable[Any] = zip(
            self.mixer_norms, self.convolutions, self.mixers, self.mlps, state, strict=True
        )
        for norm, convolution, mixer, mlp, (past, kept) in blocks:
            mixed, past = convolution.step(norm(h), past)
            mixed, kept = mixer.step(mixed, kept)
            h = h + mixed
            h = h + mlp(h)
            after.append((past, kept))
        return self.head(self.norm(h)), after


def make_mixer(mixer: Any, length: int, width: int, layer: int) -> Any:
    """One mixer, constructed in the form that its constructor asks for."""
    if not is_by_width(mixer):
        return mixer((length, width), (length, width))
    takes_layer = "layer" in inspect.signature(mixer).parameters
    return mixer(width, layer=layer) if takes_layer else mixer(width)


def is_by_width(mixer: Any) -> bool:
    """Whether a class of mixers is constructed with a width: its first parameter is called so."""
    return next(iter(inspect.signature(mixer).parameters), "") == "width"


def note_on_form(module: Any, problem: ProblemProjection) -> str:
    """What is new to a mixer that wants a length where the network has none; else nothing."""
    if not problem.any_length or is_by_width(module.Mixer):
        return ""
    return (
        "constructed with two shapes, as before; this backbone runs at any length: "
        "class Mixer now has __init__(self, width, layer=0), and may have start and step"
    )


def shown(value: object) -> str:
    """A forward's result in a few words."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    shape = str(tuple(value.shape))
    return f"a complex tensor of shape {shape}" if value.is_complex() else shape
