#!/usr/bin/env bash
# One network by two processes of this machine, on a GPU each where it has them: each computes half
# of every batch, and the run is the one that a single process makes. STEPS=20: a matter of seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
steps=${STEPS:-300}
processes=${PROCESSES:-2}

export OMP_NUM_THREADS=1 # a processor's cores are shared out: torchrun's default, without its warning
torchrun --standalone --nproc-per-node="$processes" -m tsconv \
    train datasets/cbf/CBF_TRAIN.csv --out "$out/run" --members 1 --set training.steps="$steps"
tsconv evaluate "$out/run" datasets/cbf/CBF_TEST.csv
