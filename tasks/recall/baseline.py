"""A gated recurrence: it carries all that it has read in one state of fixed size."""

from torch import nn


class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        hidden = 32
        self.recurrence = nn.GRU(input_shape[1], hidden, batch_first=True)
        self.mix = nn.Linear(hidden, output_shape[1])

    def forward(self, x):
        states, _ = self.recurrence(x)
        return self.mix(states)
