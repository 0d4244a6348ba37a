#!/bin/bash
# A sweep on a partition whose jobs give way to others: bash examples/slurm/preemptible.sh
# A task that is preempted saves where it is, if the site warns it (preempt_send_user_signal), and
# else goes on from its last checkpoint when it starts again.
set -eu

tsconv submit -d ItalyPowerDemand --network tcn --members 1 --seed 0 --seed 1 --out runs/preemptible \
    --partition "${PARTITION:-low}" --time 0:20:00 --sbatch-arg=--signal=B:USR1@60
tsconv status runs/preemptible
