#!/usr/bin/env bash
# The members of an ensemble spread over the GPUs of a node, into one run: as many at once as there
# are GPUs, the next as soon as one is done. STEPS=20 makes it a matter of seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
steps=${STEPS:-300}
members=${MEMBERS:-3}
gpus=${GPUS:-$(nvidia-smi --list-gpus 2>/dev/null | wc -l || true)}

# Each free place, from 0, takes the next member; without GPUs there are two places, on processors.
export OMP_NUM_THREADS=1
seq 0 $((members - 1)) |
    xargs -P "$((gpus > 0 ? gpus : 2))" -I{} --process-slot-var=CUDA_VISIBLE_DEVICES \
        tsconv train datasets/cbf/CBF_TRAIN.csv --out "$out/run" --members "$members" \
        --set training.steps="$steps" --member {}
tsconv evaluate "$out/run" datasets/cbf/CBF_TEST.csv
