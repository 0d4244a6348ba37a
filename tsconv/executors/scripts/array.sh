#!/bin/bash
# One task of a job array; line k of tasks.txt, counted from 0, says what task k does.
# Written by tsconv, to be read and edited; `sh submit.sh` submits what is here. What is finished is
# skipped, so a task may be started any number of times.
@directives

# An array longer than the site allows comes in pieces, and $1 is the first task of this one.
task=$((${1:-0} + SLURM_ARRAY_TASK_ID))
# Not $SLURM_JOB_ID: the last task has the whole array's, and to requeue that requeues every task.
job=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
note() { echo "$(date +%Y-%m-%dT%H:%M:%S%z) $job ${SLURMD_NODENAME:-$(hostname)} $*" >>@events/"$task".txt; }

# Warnings, of the end of the time or of a preemption, come to this shell alone: python is told, saves
# where it is and ends with exit code 75. One that comes during the site's setup waits for python.
python= told= ending= again=
tell() { told=$1; [ -z "$python" ] || kill -s "$1" "$python"; }
trap 'tell USR1' USR1
trap 'tell USR2' USR2
trap 'ending=yes; tell TERM' TERM
note started

@setup
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
set +eu  # whatever the setup has set, what follows looks at exit codes

@command "$task" &
python=$!
[ -z "$told" ] || { sleep 1; tell "$told"; }  # not before it is python: until then it is this shell
while :; do
    told=
    wait "$python"
    code=$?
    [ -n "$told" ] || break  # else a signal ended the wait, and not python's end
done
note ended "$code"

# 138 and 140: USR1 or USR2 came before python listened. After TERM the job is being cancelled or
# requeued already; to requeue it here would undo a scancel.
case $code in 75 | 138 | 140) again=yes ;; esac
if [ -n "$again" ] && [ -z "$ending" ] && [ "${SLURM_RESTART_COUNT:-0}" -lt @most_requeues ]; then
    note requeued
    scontrol requeue "$job" || note stays
fi
exit "$code"
