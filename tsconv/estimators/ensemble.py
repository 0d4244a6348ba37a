"""What the estimators share: parameters, labels, and training through the classifier."""

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sktime.classification.base import BaseClassifier

from tsconv.classifier import Classifier, fit
from tsconv.config import Config, load_config, to_dict
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.panel import from_panel
from tsconv.errors import ConfigError, DataError
from tsconv.runs.paths import RunDir
from tsconv.runs.store import load_run, save_classifier

RandomState = int | np.random.RandomState | np.random.Generator | None
ClassWeight = Literal["balanced"] | Mapping[Hashable, float] | None

DAILY = ("epochs", "steps", "batch_size", "lr", "class_weight", "device", "precision")
"""Fields of the training config that are parameters of every estimator here."""


def shared_parameters(config: Config) -> dict[str, Any]:
    """Parameters of an estimator that resolve to ``config``, those of its network left out."""
    training = to_dict(config.training)
    daily = {key: training.pop(key) for key in DAILY}
    settings = {f"training.{key}": value for key, value in training.items()}
    settings |= {f"preprocessing.{k}": value for k, value in to_dict(config.preprocessing).items()}
    return {
        **daily,
        "recipe": config.recipe,
        "members": config.members,
        "valid_fraction": config.valid_fraction,
        "random_state": config.seed,
        "settings": settings,
    }


def named_options(config: Config, estimator: type[BaseClassifier], network: str) -> dict[str, Any]:
    """The network options of ``config`` as parameters of an estimator of that one network.

    Raises:
        ConfigError: another network, or an option that the estimator has no parameter for.
    """
    known = estimator.get_param_names()
    stray = [key for key in config.network.options if key not in known]
    if config.network.name != network or stray:
        found = ", ".join([config.network.name, *stray])
        raise ConfigError(
            f"{estimator.__name__}: expected a {network} with the options that are its parameters, "
            f"found {found}; use ConvClassifier"
        )
    return dict(config.network.options)


def names_of(classes: NDArray[Any]) -> list[str]:
    """What each label is called where labels are strings."""
    return [str(label) for label in classes.tolist()]


def draw_seed(random_state: RandomState) -> int:
    """A seed from what scikit-learn calls a random state; from the system's entropy for None."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if random_state is None or isinstance(random_state, np.random.Generator):
        return int(np.random.default_rng(random_state).integers(2**31 - 1))
    return int(random_state)


def plain(value: Any) -> Any:
    """A NumPy scalar, as grids of parameters hold, as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


class EnsembleClassifier(BaseClassifier):  # type: ignore[misc]
    """What the estimators below share: all but the network.

    Args:
        recipe: the preset that the other settings start from, "fast" or "paper".
        members: networks in the ensemble.
        epochs: budget in passes over the training part, in place of the recipe's budget.
        steps: budget in optimiser steps, in place of the recipe's budget.
        batch_size: instances a step.
        lr: learning rate.
        valid_fraction: share of the training part held out to validate on; weights are selected by
            it with ``settings={"training.select": "valid_loss"}``.
        class_weight: "balanced", or what an instance of each class counts (1 for those not named).
        settings: any other setting by its dotted name, as {"training.clip_norm": 1.0}.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "float32" or "bfloat16".
        random_state: a number repeats a training (it is the command line's seed); None differs at
            each fit. The global random states are neither read nor changed.

    Attributes:
        classifier_: the fitted :class:`tsconv.classifier.Classifier`, with members and config.
    """

    _tags = {  # noqa: RUF012  # as sktime declares them
        "authors": "tsconv developers",
        "maintainers": "tsconv developers",
        "python_dependencies": "torch>=2.6",
        # the four that from_panel reads as they are; sktime turns all others into the first
        "X_inner_mtype": ["pd-multiindex", "numpy3D", "nested_univ", "df-list"],
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "capability:predict_proba": True,
        "capability:class_weight": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    classifier_: Classifier

    # scikit-learn 1.9 lays this on an estimator around `fit`, at whose start sktime takes away all
    # attributes that the class does not know; without it every search over parameters fails.
    _parent_callback_ctx: Any = None

    def __init__(
        self,
        *,
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
        self.recipe = recipe
        self.members = members
        self.epochs = epochs
        self.steps = steps
        self.batch_size = batch_size
        self.lr = lr
        self.valid_fraction = valid_fraction
        self.class_weight = class_weight
        self.settings = settings
        self.device = device
        self.precision = precision
        self.random_state = random_state
        super().__init__()

    @abstractmethod
    def _network(self) -> tuple[str, dict[str, Any]]:
        """The network's registered name, and its options, None for one left to the network."""

    @classmethod
    @abstractmethod
    def _network_parameters(cls, config: Config) -> dict[str, Any]:
        """Parameters that make :meth:`_network` give the config's network."""

    @classmethod
    def from_run(cls, path: str | Path) -> Self:
        """The estimator of a finished run directory, as the command line or :meth:`save_run` makes.

        Raises:
            RunError: there is no finished run, or a file in it is damaged.
            ConfigError: the run's network is not this estimator's.
        """
        return cls.from_classifier(load_run(RunDir(Path(path))))

    def save_run(self, path: str | Path, *, overwrite: bool = False) -> Self:
        """Write the fitted classifier as a run directory, which the command line takes.

        Raises:
            RunError: there is a run already, and ``overwrite`` is not asked for.
        """
        self.check_is_fitted()
        save_classifier(RunDir(Path(path)), self.classifier_, overwrite=overwrite)
        return self

    @classmethod
    def from_classifier(cls, classifier: Classifier) -> Self:
        """A fitted estimator around a trained classifier, such as ``tsconv.load(run)`` gives.

        Labels are strings, as they are to the classifier. Parameters are what it was trained with,
        so that a clone fitted to the same data becomes its equal.

        Raises:
            ConfigError: the classifier's network is not this estimator's.
        """
        config = classifier.config
        estimator = cls(**cls._network_parameters(config), **shared_parameters(config))
        estimator.classifier_ = classifier
        estimator.classes_ = np.array(classifier.classes)
        estimator.n_classes_ = len(classifier.classes)
        estimator._class_dictionary = {label: k for k, label in enumerate(classifier.classes)}
        estimator._y_metadata = {"is_univariate": True}
        estimator._y_inner_mtype = "numpy1D"
        estimator._is_fitted = True
        return estimator

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn 1.6 and later asks of an estimator before it splits by class."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=False, three_d_array=True, allow_nan=True),
        )

    def _fit(self, X: Any, y: NDArray[Any]) -> Self:
        self.classifier_ = fit(self._training_part(X, y), self._resolve_config())
        return self

    def _predict_proba(self, X: Any) -> NDArray[np.float64]:
        known = self.classifier_.classes  # sorted as text, ours as what they are
        order = [known.index(name) for name in names_of(self.classes_)]
        return self.classifier_.predict_proba(from_panel(X))[:, order]

    def _internal_convert(self, X: Any, y: Any = None) -> Any:
        """As sktime's; also takes a list of arrays, (C, length) or, of one channel, (length,).

        Raises:
            DataError: a label is missing, which sktime would take for a class or fail to sort.
        """
        if y is not None and (is_missing := np.asarray(pd.isna(y)).ravel()).any():
            raise DataError(
                "y: expected a label for each series, found none at instance "
                f"{int(np.argmax(is_missing))}; fill it in or leave the series out"
            )
        if isinstance(X, list) and all(isinstance(each, np.ndarray) for each in X):
            X = [pd.DataFrame(np.atleast_2d(each).T) for each in X]
        return super()._internal_convert(X, y)

    def _training_part(self, X: Any, y: NDArray[Any]) -> TimeSeriesDataset:
        codes = np.searchsorted(self.classes_, y)
        return from_panel(X, np.array(names_of(self.classes_), dtype=object)[codes])

    def _weights_by_name(self, given: Mapping[Hashable, float]) -> dict[str, float]:
        """Weights by what a label is called; 1 and 1.0 are one label."""
        called = dict(zip(self.classes_.tolist(), names_of(self.classes_), strict=True))
        return {called.get(label, str(label)): plain(each) for label, each in given.items()}

    def _resolve_config(self) -> Config:
        name, options = self._network()
        given = {
            "network.name": name,
            "members": self.members,
            "valid_fraction": self.valid_fraction,
            "seed": draw_seed(self.random_state),
            **{f"network.options.{key}": value for key, value in options.items()},
            **{f"training.{key}": getattr(self, key) for key in DAILY},
        }
        if isinstance(self.class_weight, Mapping):
            given["training.class_weight"] = self._weights_by_name(self.class_weight)
        extra = self.settings or {}
        settled = {key: plain(value) for key, value in {**given, **extra}.items()}
        unset = [f"{key}=none" for key, value in extra.items() if value is None]
        return load_config(self.recipe, settings=settled, overrides=unset)
