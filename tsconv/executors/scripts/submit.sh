#!/bin/sh
# Submits array.sh for each line of tasks.txt, or those from line $1 on, counted from 0, and collect.sh
# after them. The numbers that Slurm gives to the jobs go to jobs.txt, which `tsconv status` reads.
set -eu
cd "$(dirname "$0")"

longest=@longest    # tasks of one array, as the site's MaxArraySize allows
parallel=@parallel    # tasks that run at once

first=${1:-0}
n_tasks=$(grep -c '^[[:space:]]*[^[:space:]#]' tasks.txt)
n_arrays=$(((n_tasks - first + longest - 1) / longest))
parallel=$((parallel > n_arrays ? parallel / n_arrays : 1))
after=afterany
while [ "$first" -lt "$n_tasks" ]; do
    last=$((n_tasks - first < longest ? n_tasks - first - 1 : longest - 1))
    job=$(sbatch --parsable --array="0-$last%$parallel" array.sh "$first")
    job=${job%%;*}  # a cluster's name may follow
    echo "array $job $first 0-$last" >>jobs.txt
    after=$after:$job
    first=$((first + last + 1))
done
job=$(sbatch --parsable --dependency="$after" --kill-on-invalid-dep=yes collect.sh)
echo "collect ${job%%;*}" >>jobs.txt
