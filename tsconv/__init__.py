"""Time-series classification with convolutional networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsconv.classifier import Classifier, fit
    from tsconv.config import load_config
    from tsconv.data.dataset import TimeSeriesDataset
    from tsconv.estimators import ConvClassifier, InceptionTimeClassifier, TCNClassifier
    from tsconv.workflows.read import load, read
    from tsconv.workflows.save import save

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "ConvClassifier",
    "InceptionTimeClassifier",
    "TCNClassifier",
    "TimeSeriesDataset",
    "__version__",
    "fit",
    "load",
    "load_config",
    "read",
    "save",
]

_HOMES = {
    "Classifier": "tsconv.classifier",
    "ConvClassifier": "tsconv.estimators",
    "InceptionTimeClassifier": "tsconv.estimators",
    "TCNClassifier": "tsconv.estimators",
    "TimeSeriesDataset": "tsconv.data.dataset",
    "fit": "tsconv.classifier",
    "load": "tsconv.workflows.read",
    "load_config": "tsconv.config",
    "read": "tsconv.workflows.read",
    "save": "tsconv.workflows.save",
}


def __getattr__(name: str) -> Any:
    """The public names, each imported when it is first asked for: torch takes seconds to load."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tsconv' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
