# mypy: ignore-errors
"""Block sources: blocks over images, (batch, width, height, wide) to the same shape.

This file is never imported: its classes are copied into the sources that are drawn.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class ConvLayer(nn.Module):
    """Plain convolution: convolve, normalise, activate."""

    def __init__(self, width, kernel=3, dilation=1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, kernel, padding="same", dilation=dilation, bias=False),
            nn.BatchNorm2d(width),
            nn.GELU(),
        )

    def forward(self, x):
        return self.layers(x)


class ResidualConv(nn.Module):
    """Residual convolutions: two convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, width, hidden=32, kernel=3, dilation=1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.GELU(),
            nn.Conv2d(width, hidden, kernel, padding="same", dilation=dilation, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, width, kernel, padding="same", bias=False),
        )

    def forward(self, x):
        return x + self.layers(x)


class SeparableConv(nn.Module):
    """Separable convolution: each channel filtered alone, then mixed (Chollet 2017)."""

    def __init__(self, width, kernel=3, dilation=1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(
                width, width, kernel, padding="same", dilation=dilation, groups=width, bias=False
            ),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.GELU(),
        )

    def forward(self, x):
        return x + self.layers(x)


class InvertedBottleneck(nn.Module):
    """Inverted bottleneck: expand, filter each channel, project (Sandler et al. 2018)."""

    def __init__(self, width, hidden=64, kernel=3):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, hidden, kernel, padding="same", groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return x + self.layers(x)


class GroupedBottleneck(nn.Module):
    """Grouped bottleneck: several narrow convolutions side by side (ResNeXt, Xie et al. 2017)."""

    def __init__(self, width, groups=4, group_width=8, kernel=3):
        super().__init__()
        hidden = groups * group_width
        self.layers = nn.Sequential(
            nn.Conv2d(width, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, hidden, kernel, padding="same", groups=groups, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return x + self.layers(x)


class MultiScaleConv(nn.Module):
    """Multi-scale convolution: a near and a dilated view, joined (Yu and Koltun 2016)."""

    def __init__(self, width, hidden=16, dilation=2):
        super().__init__()
        self.near = nn.Conv2d(width, hidden, 3, padding="same", bias=False)
        self.far = nn.Conv2d(width, hidden, 3, padding="same", dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(2 * hidden)
        self.activation = nn.GELU()
        self.join = nn.Conv2d(2 * hidden, width, 1)

    def forward(self, x):
        views = torch.cat([self.near(x), self.far(x)], dim=1)
        return x + self.join(self.activation(self.norm(views)))


class ConvNeXt(nn.Module):
    """ConvNeXt block: a large depthwise kernel, then an MLP per pixel (Liu et al. 2022)."""

    def __init__(self, width, hidden=64, kernel=5):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, kernel, padding="same", groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, hidden, 1),
            nn.GELU(),
            nn.Conv2d(hidden, width, 1),
        )

    def forward(self, x):
        return x + self.layers(x)


class GatedConv(nn.Module):
    """Gated convolution: one convolution opens and closes another (Dauphin et al. 2017)."""

    def __init__(self, width, kernel=3):
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.value = nn.Conv2d(width, width, kernel, padding="same")
        self.gate = nn.Conv2d(width, width, kernel, padding="same")

    def forward(self, x):
        y = self.norm(x)
        return x + self.value(y) * self.gate(y).sigmoid()


class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation: the global mean reweighs the channels (Hu et al. 2018)."""

    def __init__(self, width, hidden=8):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(width, hidden, 1),
            nn.SiLU(),
            nn.Conv2d(hidden, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.layers(x)


class PixelMLP(nn.Module):
    """Pixel MLP: two 1x1 convolutions beside a shortcut (Lin et al. 2014)."""

    def __init__(self, width, hidden=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Conv2d(width, hidden, 1),
            nn.GELU(),
            nn.Conv2d(hidden, width, 1),
        )

    def forward(self, x):
        return x + self.layers(x)


class PixelAttention(nn.Module):
    """Pixel attention: every position attends to all others (Vaswani et al. 2017)."""

    def __init__(self, width, heads=2, head_dim=16):
        super().__init__()
        self.heads = heads
        self.place = nn.Conv2d(width, width, 3, padding="same", groups=width)
        self.norm = nn.BatchNorm2d(width)
        self.project = nn.Conv2d(width, 3 * heads * head_dim, 1, bias=False)
        self.out = nn.Conv2d(heads * head_dim, width, 1)

    def forward(self, x):
        x = x + self.place(x)
        flat = self.project(self.norm(x)).flatten(2).transpose(1, 2)
        q, k, v = flat.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return x + self.out(mixed.transpose(1, 2).unflatten(-1, x.shape[2:]))


class PixelLinearAttention(nn.Module):
    """Pixel linear attention: positions share a few global summaries (Shen et al. 2021)."""

    def __init__(self, width, head_dim=16):
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.query = nn.Conv2d(width, head_dim, 1, bias=False)
        self.key = nn.Conv2d(width, head_dim, 1, bias=False)
        self.value = nn.Conv2d(width, width, 3, padding="same", bias=False)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x):
        y = self.norm(x)
        q = self.query(y).flatten(2).softmax(dim=1)
        k = self.key(y).flatten(2).softmax(dim=2)
        v = self.value(y).flatten(2)
        mixed = (v @ k.transpose(1, 2)) @ q
        return x + self.out(mixed.unflatten(-1, x.shape[2:]))


class Sweep(nn.Module):
    """Recurrent sweep: a GRU along the rows, another along the columns (Visin et al. 2015)."""

    def __init__(self, width, hidden=16):
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.rows = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.columns = nn.GRU(2 * hidden, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Conv2d(2 * hidden, width, 1)

    def sweep(self, x, recurrence):
        lines = x.permute(0, 2, 3, 1)
        swept, _ = recurrence(lines.flatten(0, 1))
        return swept.unflatten(0, lines.shape[:2]).permute(0, 3, 1, 2)

    def forward(self, x):
        across = self.sweep(self.norm(x), self.rows)
        down = self.sweep(across.transpose(2, 3), self.columns).transpose(2, 3)
        return x + self.out(down)
