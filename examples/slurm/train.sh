#!/bin/bash
# One training: sbatch examples/slurm/train.sh
# A minute before its time ends, tsconv is warned, saves where it is and ends with exit code 75; the
# job then queues itself again, and goes on.
#SBATCH --job-name=tsconv-train
#SBATCH --time=0:20:00
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@60

export TSCONV_OFFLINE=1  # no network on compute nodes
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

tsconv train GunPoint --out runs/one ${STEPS:+--set training.steps=$STEPS} &
trap 'kill -s USR1 $!' USR1
wait $! || wait $!  # the first one also ends when the signal comes
code=$?
[ "$code" -ne 75 ] || scontrol requeue "$SLURM_JOB_ID"
exit "$code"
