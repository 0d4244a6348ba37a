"""Train, save, load and predict in Python, on a set that comes with sktime: nothing downloads."""

import sys
import tempfile
from pathlib import Path

import tsconv
from tsconv.data.archive import find_data, load_data
from tsconv.data.format import Schema
from tsconv.evaluation.report import evaluate

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 300

train, test = load_data(find_data("ItalyPowerDemand"), Schema())
config = tsconv.load_config("fast", settings={"members": 3, "training.steps": steps})
classifier = tsconv.fit(train, config)

evaluation = evaluate(test.y, classifier.member_proba(test), classifier.classes)
print(evaluation.table.round(4).to_string())

with tempfile.TemporaryDirectory() as folder:
    # The same, as an sktime estimator that lives in pipelines and cross-validation.
    estimator = tsconv.InceptionTimeClassifier(members=2, steps=steps, random_state=0)
    estimator.fit(train.X, train.labels)
    estimator.save_run(Path(folder) / "run")
    loaded = tsconv.load(Path(folder) / "run")
    print(loaded.predict(test)[:5], (loaded.predict(test) == test.labels).mean())
