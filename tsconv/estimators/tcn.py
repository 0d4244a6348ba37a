"""The temporal convolutional network as an estimator."""

from collections.abc import Mapping
from typing import Any

from tsconv.config import Config
from tsconv.estimators.ensemble import ClassWeight, EnsembleClassifier, RandomState, named_options

NAMED = ("levels", "width", "kernel_size", "dropout", "pooling", "standardise", "initial")
"""Options of the network that are parameters here."""


class TCNClassifier(EnsembleClassifier):
    """An ensemble of temporal convolutional networks, causal and dilated.

    Bai, Kolter & Koltun, "An empirical evaluation of generic convolutional and recurrent networks
    for sequence modeling", 2018, https://arxiv.org/abs/1803.01271.

    Args:
        levels: blocks; None takes the fewest that see the longest training series whole.
        width: channels of every block.
        kernel_size: time points a kernel sees.
        dropout: share of values dropped after each convolution while training, None for the
            recipe's, as of the two below.
        pooling: over time, "mean", "max" or "last".
        standardise: a batch norm between pooling and linear map.
        initial: how weights are drawn, "uniform", "normal" or "he".
        recipe: and all that follow, as of :class:`EnsembleClassifier`.

    Example:
        >>> from sktime.datasets import load_unit_test
        >>> from tsconv.estimators import TCNClassifier
        >>> X, y = load_unit_test(split="train")
        >>> classifier = TCNClassifier(width=4, members=1, steps=2, random_state=0)
        >>> classifier.fit(X, y).predict(X).shape
        (20,)
    """

    def __init__(
        self,
        *,
        levels: int | None = None,
        width: int = 25,
        kernel_size: int = 7,
        dropout: float | None = None,
        pooling: str = "mean",
        standardise: bool | None = None,
        initial: str | None = None,
        recipe: str = "fast",
        members: int = 5,
        epochs: int | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        valid_fraction: float | None = None,
        class_weight: ClassWeight = None,
        settings: Mapping[str, Any] | None = None,
        device: str = "auto",
        precision: str = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.levels = levels
        self.width = width
        self.kernel_size = kernel_size
        self.dropout = dropout
        self.pooling = pooling
        self.standardise = standardise
        self.initial = initial
        super().__init__(
            recipe=recipe,
            members=members,
            epochs=epochs,
            steps=steps,
            batch_size=batch_size,
            lr=lr,
            valid_fraction=valid_fraction,
            class_weight=class_weight,
            settings=settings,
            device=device,
            precision=precision,
            random_state=random_state,
        )

    def _network(self) -> tuple[str, dict[str, Any]]:
        return "tcn", {key: getattr(self, key) for key in NAMED}

    @classmethod
    def _network_parameters(cls, config: Config) -> dict[str, Any]:
        return named_options(config, cls, "tcn")

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small sets of parameters, for sktime's checks."""
        return [
            {"width": 3, "kernel_size": 3, "members": 2, "steps": 4},
            {
                "levels": 1,
                "width": 2,
                "pooling": "last",
                "members": 1,
                "epochs": 1,
                "batch_size": 8,
            },
        ]
