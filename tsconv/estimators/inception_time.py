"""InceptionTime as an estimator."""

from collections.abc import Mapping, Sequence
from typing import Any

from tsconv.config import Config
from tsconv.estimators.ensemble import ClassWeight, EnsembleClassifier, RandomState, named_options


class InceptionTimeClassifier(EnsembleClassifier):
    """InceptionTime: an ensemble of five Inception networks, their probabilities averaged.

    Ismail Fawaz et al., "InceptionTime: Finding AlexNet for time series classification", DMKD 2020,
    https://arxiv.org/abs/1909.04939. The network is the authors'; ``recipe="paper"`` trains it as
    they did, the default in far fewer steps.

    Args:
        depth: inception modules.
        n_filters: channels of each of a module's branches.
        kernel_sizes: of a module's convolutions.
        bottleneck: channels the kernels see, 0 for no bottleneck.
        residual: a shortcut around every third module.
        recipe: and all that follow, as of :class:`EnsembleClassifier`.

    Example:
        >>> from sktime.datasets import load_unit_test
        >>> from tsconv.estimators import InceptionTimeClassifier
        >>> X, y = load_unit_test(split="train")
        >>> classifier = InceptionTimeClassifier(depth=1, members=2, steps=2, random_state=0)
        >>> classifier.fit(X, y).predict(X).shape
        (20,)
    """

    def __init__(
        self,
        *,
        depth: int = 6,
        n_filters: int = 32,
        kernel_sizes: Sequence[int] = (40, 20, 10),
        bottleneck: int = 32,
        residual: bool = True,
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
        self.depth = depth
        self.n_filters = n_filters
        self.kernel_sizes = kernel_sizes
        self.bottleneck = bottleneck
        self.residual = residual
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
        named = ("depth", "n_filters", "kernel_sizes", "bottleneck", "residual")
        return "inception", {key: getattr(self, key) for key in named}

    @classmethod
    def _network_parameters(cls, config: Config) -> dict[str, Any]:
        return named_options(config, cls, "inception")

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small sets of parameters, for sktime's checks."""
        return [
            {"depth": 1, "n_filters": 2, "kernel_sizes": (4, 2), "members": 2, "steps": 4},
            {
                "depth": 3,
                "n_filters": 1,
                "bottleneck": 0,
                "members": 1,
                "epochs": 1,
                "batch_size": 8,
            },
        ]
