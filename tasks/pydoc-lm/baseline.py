"""A short causal convolution over the last few characters, each channel on its own, then mixed."""

from torch import nn
from torch.nn import functional


class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        width = input_shape[1]
        self.reach = 4
        self.convolution = nn.Conv1d(width, width, kernel_size=self.reach, groups=width)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(width, width))

    def forward(self, x):
        past = functional.pad(x.transpose(1, 2), (self.reach - 1, 0))
        return self.mix(self.convolution(past).transpose(1, 2))
