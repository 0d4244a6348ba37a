#!/bin/bash
# An archive sweep as a job array, from the login node: bash examples/slurm/sweep.sh
# All that the nodes need is fetched here; they have no network. For the whole archive: sets=(ucr112).
set -eu

sets=(GunPoint ItalyPowerDemand)
tsconv datasets fetch "${sets[@]}"
tsconv submit --offline "${sets[@]/#/-d}" --network tcn --members 1 --seed 0 --seed 1 --out runs/sweep \
    --time 0:20:00 --max-parallel 50

# Later, from anywhere that sees the folder; the table is runs/sweep/results.csv when all is done.
tsconv status runs/sweep
