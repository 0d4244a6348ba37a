"""A network of your own: one class, registered, and all of tsconv works with it.

Wang, Yan & Oates, "Time series classification from scratch with deep neural networks: a strong
baseline", IJCNN 2017, https://arxiv.org/abs/1611.06455: the fully convolutional network (FCN).
In a clone, this class would be ``tsconv/networks/fcn.py``, and `tsconv train --network fcn`
would know it.
"""

import sys
from pathlib import Path

from torch import Tensor, nn

import tsconv
from tsconv.layers.batch_norm import BatchNorm
from tsconv.layers.convolution import Convolution
from tsconv.layers.masking import time_mask, zero_padding
from tsconv.networks import NETWORKS, Network
from tsconv.networks.heads import Head


@NETWORKS.register("fcn")
class FCN(Network):
    """Three convolutions, each with batch normalisation and ReLU, and the mean over time.

    Shape:
        (N, C, L) -> (N, K).
    """

    paper = (
        "Wang, Yan & Oates, Time series classification from scratch with deep neural networks: a "
        "strong baseline, IJCNN 2017, https://arxiv.org/abs/1611.06455"
    )

    def __init__(self, n_channels: int, n_classes: int, *, width: int = 128) -> None:
        super().__init__()
        widths = (n_channels, width, 2 * width, width)
        self.convolutions = nn.ModuleList(
            Convolution(widths[k], widths[k + 1], kernel_size, bias=False)  # the norm adds one
            for k, kernel_size in enumerate((8, 5, 3))
        )
        self.norms = nn.ModuleList(BatchNorm(each) for each in widths[1:])
        self.head = Head(width, n_classes)

    @property
    def receptive_field(self) -> int:
        return 1 + 7 + 4 + 2

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = time_mask(lengths, x.shape[-1])  # None when every series is whole
        x = zero_padding(x, mask)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = norm(convolution(x), mask).relu()
        return x


def main() -> None:
    """Train three of them on the set that comes with the project."""
    folder = Path(__file__).parent.parent / "datasets" / "cbf"
    train, test = tsconv.read(folder / "CBF_TRAIN.ts"), tsconv.read(folder / "CBF_TEST.ts")
    steps = sys.argv[1] if len(sys.argv) > 1 else "100"
    settings = {"network.name": "fcn", "members": 3, "training.steps": int(steps)}
    classifier = tsconv.fit(train, tsconv.load_config(settings=settings))
    accuracy = (classifier.predict(test) == test.labels).mean()
    print(f"{classifier.members[0].network.n_parameters:,} parameters a member")
    print(f"test accuracy of {len(classifier.members)} members: {accuracy:.3f}")


if __name__ == "__main__":
    main()
