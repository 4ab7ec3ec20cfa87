"""A small convolutional network: the architecture to beat."""

from torch import nn

WIDTHS = (24, 48, 96)


def stage(width, wide, stride):
    return nn.Sequential(
        nn.Conv2d(width, wide, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
    )


class Model(nn.Module):
    """Images (channels, height, width) to one vector."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        first, *others = WIDTHS
        layers = [stage(input_shape[0], first, 1)]
        width, side = first, min(input_shape[1:])
        for wide in others:
            layers.append(stage(width, wide, 2 if side >= 4 else 1))
            width, side = wide, side // 2
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(width, output_shape[0])

    def forward(self, x):
        return self.head(self.features(x))
