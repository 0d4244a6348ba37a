#!/bin/sh
# Submits array.sh for each line of tasks.txt, or those from line $1 on, counted from 0, and collect.sh
# after them. The numbers that Slurm gives to the jobs go to jobs.txt, which `tsconv status` reads.
# What jobs.txt has is not submitted again: where Slurm refused a part, this goes on with it.
set -eu
cd "$(dirname "$0")"

longest=@longest    # tasks of one array, as the site's MaxArraySize allows
parallel=@parallel    # tasks that run at once

touch jobs.txt
next=$(awk '$1 == "array" { n = $3 + substr($4, 3) + 1 } END { print n + 0 }' jobs.txt)
first=${1:-$next}
n_tasks=$(grep -c '^[[:space:]]*[^[:space:]#]' tasks.txt)
n_arrays=$(((n_tasks - first + longest - 1) / longest))
parallel=$((parallel > n_arrays && n_arrays > 0 ? parallel / n_arrays : 1))
while [ "$first" -lt "$n_tasks" ]; do
    last=$((n_tasks - first < longest ? n_tasks - first - 1 : longest - 1))
    job=$(sbatch --parsable --array="0-$last%$parallel" array.sh "$first")
    job=${job%%;*}  # a cluster's name may follow
    echo "array $job $first 0-$last" >>jobs.txt
    first=$((first + last + 1))
done
case $(tail -n 1 jobs.txt) in
collect*) echo "all of it is submitted already; again from line 0: sh submit.sh 0" ;;
*)
    # After all arrays of the benchmark, also those of other submissions.
    after=afterany$(awk '$1 == "array" { printf ":%s", $2 }' ../*/jobs.txt)
    job=$(sbatch --parsable --dependency="$after" --kill-on-invalid-dep=yes collect.sh)
    echo "collect ${job%%;*}" >>jobs.txt
    ;;
esac
