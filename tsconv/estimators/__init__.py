"""Classifiers for sktime and scikit-learn: the same training as the command line's, by their rules.

Loaded on demand, because sktime takes seconds to import. Parameters bear the names of the config's
fields; None leaves a setting to the recipe.
"""

from tsconv.estimators.conv import ConvClassifier
from tsconv.estimators.inception_time import InceptionTimeClassifier
from tsconv.estimators.tcn import TCNClassifier

__all__ = ["ConvClassifier", "InceptionTimeClassifier", "TCNClassifier"]
