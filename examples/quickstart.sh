#!/usr/bin/env bash
# From a CSV to predictions. STEPS=20 makes it a matter of seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
steps=${STEPS:-300}

tsconv inspect datasets/cbf/CBF_TRAIN.csv
tsconv train datasets/cbf/CBF_TRAIN.csv --out "$out/run" --members 3 --set training.steps="$steps"
tsconv predict "$out/run" datasets/cbf/CBF_TEST.csv --out "$out/predictions.csv"
head -n 3 "$out/predictions.csv"
tsconv evaluate "$out/run" datasets/cbf/CBF_TEST.csv
