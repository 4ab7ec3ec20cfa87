"""A short causal convolution: each channel looks at the last four characters, then all mix."""

from torch import nn
from torch.nn import functional


class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        hidden = 64
        self.enter = nn.Linear(input_shape[1], hidden)
        self.convolution = nn.Conv1d(hidden, hidden, kernel_size=4, groups=hidden)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(hidden, output_shape[1]))

    def forward(self, x):
        past = functional.pad(self.enter(x).transpose(1, 2), (3, 0))
        return self.mix(self.convolution(past).transpose(1, 2))
