"""A plain small CNN: two convolutions, each with a pooling, and a linear head."""

from torch import nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        channels, height, width = input_shape
        hidden = 48
        self.features = nn.Sequential(
            nn.Conv2d(channels, 24, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(24, hidden, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Linear(hidden * (height // 4) * (width // 4), output_shape[0])

    def forward(self, x):
        return self.head(self.features(x).flatten(1))
