"""Ten networks as people write them, each with something that exporters stumble over."""

from __future__ import annotations

from typing import Final

_HEAD: Final = """\
import math
import torch
from torch import nn
from torch.nn import functional as F
"""

IMAGES: Final = {
    "batch norm and dropout": """
class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(input_shape[0], 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.MaxPool2d(2), nn.Dropout2d(0.1), nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(32, output_shape[0]))

    def forward(self, x):
        return self.net(x)
""",
    "patches and attention": """
class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.patch = nn.Conv2d(input_shape[0], 32, 2, stride=2)
        self.place = nn.Parameter(0.02 * torch.randn(16, 32))
        block = nn.TransformerEncoderLayer(32, 4, 64, 0.1, "gelu", batch_first=True)
        self.body = nn.TransformerEncoder(block, 2)
        self.head = nn.Linear(32, output_shape[0])

    def forward(self, x):
        h = self.patch(x).flatten(2).transpose(1, 2) + self.place
        return self.head(self.body(h).mean(1))
""",
    "layers that take their size from the first input": """
class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Sequential(
            nn.LazyConv2d(12, 3), nn.LazyBatchNorm2d(), nn.GELU(), nn.Flatten(),
            nn.LazyLinear(output_shape[0]))

    def forward(self, x):
        return self.net(x)
""",
    "weight normalisation and a tied layer": """
class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.first = nn.utils.parametrizations.weight_norm(nn.Linear(math.prod(input_shape), 48))
        self.same = nn.Linear(48, 48)
        self.again = nn.Linear(48, 48)
        self.again.weight = self.same.weight
        self.head = nn.Linear(48, output_shape[0])

    def forward(self, x):
        h = F.silu(self.first(x.flatten(1)))
        return self.head(F.silu(self.again(F.silu(self.same(h)))))
""",
}

NUMBERS: Final = {
    "a fixed random projection outside of the state": """
class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.register_buffer("waves", 2 * torch.randn(input_shape[0], 24), persistent=False)
        self.head = nn.Linear(48, output_shape[0])

    def forward(self, x):
        angles = x @ self.waves
        return self.head(torch.cat([angles.sin(), angles.cos()], -1))
""",
    "gamma, beta and a constant beside them": """
class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.scale = torch.linspace(0.5, 1.5, input_shape[0])
        self.gamma = nn.Parameter(torch.ones(input_shape[0]))
        self.beta = nn.Parameter(torch.zeros(input_shape[0]))
        self.net = nn.Sequential(nn.Linear(input_shape[0], 32), nn.Tanh(),
                                 nn.Linear(32, output_shape[0]))

    def forward(self, x):
        return self.net(self.gamma * x * self.scale + self.beta)
""",
    "experts with a router": """
class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.router = nn.Linear(input_shape[0], 4)
        self.experts = nn.Parameter(0.2 * torch.randn(4, input_shape[0], 16))
        self.head = nn.Linear(16, output_shape[0])

    def forward(self, x):
        shares = self.router(x).softmax(-1)
        hidden = F.gelu(torch.einsum("bi,eih->beh", x, self.experts))
        return self.head(torch.einsum("be,beh->bh", shares, hidden))
""",
}

MIXERS: Final = {
    "attention with rotary positions": """
class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        length, width = input_shape
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        rates = 1e4 ** (-torch.arange(0, width, 2) / width)
        angles = torch.arange(4 * length)[:, None] * rates
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def turn(self, x):
        cos, sin = self.cos[: x.shape[1]], self.sin[: x.shape[1]]
        even, odd = x[..., ::2], x[..., 1::2]
        return torch.cat([even * cos - odd * sin, even * sin + odd * cos], -1)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        q, k = self.turn(q), self.turn(k)
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True))
""",
    "two recurrences": """
class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.slow = nn.LSTM(input_shape[1], 24, batch_first=True)
        self.fast = nn.GRU(input_shape[1], 24, batch_first=True)
        self.mix = nn.Linear(48, output_shape[1])

    def forward(self, x):
        return self.mix(torch.cat([self.slow(x)[0], self.fast(x)[0]], -1))
""",
    "a long convolution by Fourier transform": """
class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.kernel = nn.Parameter(0.1 * torch.randn(input_shape))
        self.gate = nn.Linear(input_shape[1], output_shape[1])

    def forward(self, x):
        n = x.shape[1]
        kernel = torch.fft.rfft(self.kernel[:n], n=2 * n, dim=0)
        mixed = torch.fft.irfft(torch.fft.rfft(x, n=2 * n, dim=1) * kernel, n=2 * n, dim=1)[:, :n]
        return mixed * self.gate(x).sigmoid()
""",
}


def networks() -> dict[str, dict[str, str]]:
    """Sources by title, for an image task, a regression and a sequence task."""
    kinds = {"image": IMAGES, "regression": NUMBERS, "sequence": MIXERS}
    return {kind: {t: _HEAD + source for t, source in own.items()} for kind, own in kinds.items()}
