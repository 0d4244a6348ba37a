#!/usr/bin/env bash
# One network by the processes of two nodes. From the folder of your data, on the login node:
#     sbatch examples/slurm/two_nodes.sh [GunPoint [runs/two-nodes [more options of tsconv train]]]
#SBATCH --job-name=tsconv
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=2
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@60
#SBATCH --open-mode=append
#SBATCH --requeue
# With GPUs: #SBATCH --gpus-per-node=4
set -uo pipefail
data=${1:-GunPoint}
run=${2:-runs/two-nodes}
options=("${@:3}" ${STEPS:+--set training.steps="$STEPS"})

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(scontrol show node "$head" | sed -n 's/.*NodeAddr=\([^ ]*\).*/\1/p') # where Slurm finds it
export RENDEZVOUS="$address:$((20000 + SLURM_JOB_ID % 20000))" # a port that no other job takes
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # which srun does not take over since Slurm 22.05
export PROCESSES=${SLURM_GPUS_ON_NODE:-1}
export OMP_NUM_THREADS=$((SLURM_CPUS_PER_TASK / PROCESSES > 0 ? SLURM_CPUS_PER_TASK / PROCESSES : 1))

# USR1 comes a minute before the time limit, to all processes of the step. It would kill torchrun
# itself and leave its workers behind, so that it ignores it; the workers save what is under way.
srun --kill-on-bad-exit=1 bash -c '
    trap "" USR1
    exec torchrun --nnodes="$SLURM_NNODES" --nproc-per-node="$PROCESSES" \
        --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="$RENDEZVOUS" \
        -m tsconv train "$@"' train "$data" --out "$run" --members 1 --offline "${options[@]}"
code=$?

# torchrun ends with 1 whatever its workers end with; one that was stopped ended with 75.
[[ $code -eq 0 || -e $run/DONE ]] && exit 0
if [[ ${SLURM_RESTART_COUNT:-0} -lt 20 ]] && compgen -G "$run/members/*.checkpoint.safetensors"; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
