"""An estimator of whatever network is registered."""

from collections.abc import Mapping
from typing import Any

from tsconv.config import Config
from tsconv.estimators.ensemble import ClassWeight, EnsembleClassifier, RandomState


class ConvClassifier(EnsembleClassifier):
    """An ensemble of any registered network.

    Args:
        network: a registered name, see ``tsconv networks``.
        network_options: keyword arguments of the network's constructor.
        recipe: and all that follow, as of :class:`EnsembleClassifier`.

    Example:
        >>> from sktime.datasets import load_unit_test
        >>> from tsconv.estimators import ConvClassifier
        >>> X, y = load_unit_test(split="train")
        >>> small = {"depth": 1, "n_filters": 4}
        >>> classifier = ConvClassifier(network_options=small, members=1, steps=2, random_state=0)
        >>> classifier.fit(X, y).predict_proba(X).shape
        (20, 2)
    """

    def __init__(
        self,
        network: str = "inception",
        *,
        network_options: Mapping[str, Any] | None = None,
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
        self.network = network
        self.network_options = network_options
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
        return self.network, dict(self.network_options or {})

    @classmethod
    def _network_parameters(cls, config: Config) -> dict[str, Any]:
        return {"network": config.network.name, "network_options": dict(config.network.options)}

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small sets of parameters, for sktime's checks."""
        inception = {"depth": 1, "n_filters": 2, "kernel_sizes": (4, 2)}
        return [
            {"network_options": inception, "members": 2, "steps": 4, "device": "cpu"},
            {
                "network": "tcn",
                "network_options": {"levels": 1, "width": 3},
                "members": 1,
                "epochs": 1,
            },
        ]
