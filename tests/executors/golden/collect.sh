#!/bin/bash
# What follows once every task has ended, however it ended.
#SBATCH --job-name=tsconv
#SBATCH --chdir=/home/me
#SBATCH --open-mode=append
#SBATCH --partition=long
#SBATCH --time=4:00:00
#SBATCH --exclusive
#SBATCH --output=/scratch/me/slurm/1/logs/collect-%j.log

module load gcc/13
export TSCONV_OFFLINE=1
export MALLOC_ARENA_MAX=2
ulimit -n 4096
python -m tsconv collect 'my runs' --out 'my runs/results.csv'
