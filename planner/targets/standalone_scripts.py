"""What starts the processes of a placement on hosts: POSIX shell, and units of systemd."""

from __future__ import annotations

GIVEN_UP = 70
"""The exit code of ``planner supervise`` after too many restarts."""
_CLUSTER = """#!/bin/sh
# sh cluster.sh start|spares|stop HOST [-D KEY=VALUE]...: the processes that ./hosts has for a host.
# They run in the background; FLINK_PID_DIR (/tmp) has a file with the process id of each.
set -eu
here=$(cd "$(dirname -- "$0")" && pwd)
usage() {
    echo "cluster.sh: say start, spares or stop, and a host that is in $here/hosts" >&2
    exit 64
}
[ $# -ge 2 ] || usage
what=$1
host=$2
shift 2
pids=${FLINK_PID_DIR:-/tmp}
logs=${FLINK_LOG_DIR:-${FLINK_HOME:?is not set; set it to the folder of a Flink distribution}/log}

# names reserve|'': processes of this host, those in reserve or the others
names() {
    while read -r name where reserve; do
        if [ "$where" = "$host" ] && [ "$reserve" = "$1" ]; then echo "$name"; fi
    done <"$here/hosts"
}

file() { echo "$pids/flink-JOB-$1.pid"; }

runs() { [ -f "$(file "$1")" ] && kill -0 "$(cat "$(file "$1")")" 2>/dev/null; }

all="$(names '') $(names reserve)"
[ "$all" != ' ' ] || usage
case $what in
start) chosen=$(names '') ;;
spares) chosen=$(names reserve) ;;
stop) chosen=$all ;;
*) usage ;;
esac

if [ "$what" != stop ]; then
    mkdir -p "$pids" "$logs"
    for name in $chosen; do
        if runs "$name"; then
            echo "$name runs already"
            continue
        fi
        nohup sh "$here/start.sh" "$name" "$@" </dev/null >>"$logs/flink-JOB-$name.out" 2>&1 &
        echo $! >"$(file "$name")"
        echo "$name starts; $logs/flink-JOB-$name.out is its log"
    done
    exit 0
fi

for name in $chosen; do
    if runs "$name"; then kill "$(cat "$(file "$name")")"; fi
done
left=60
for name in $chosen; do
    while runs "$name"; do
        if [ "$left" = 0 ]; then
            echo "cluster.sh: $name, process $(cat "$(file "$name")"), has not ended in 60 s" >&2
            exit 1
        fi
        left=$((left - 1))
        sleep 1
    done
    rm -f "$(file "$name")"
done
"""
_UNIT = """[Unit]
Description=Flink {what}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
EnvironmentFile=/etc/default/flink-{job}
User=flink
ExecStart={command}
SuccessExitStatus=143
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={given_up}
KillMode=mixed
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
"""


def cluster_script(job: str) -> str:
    """Return what starts and stops the processes of a host."""
    return _CLUSTER.replace("JOB", job)


def jobmanager_unit(job: str, name: str) -> str:
    """Return the unit of a JobManager, which systemd itself starts again."""
    command = f"/bin/sh ${{EXPORT}}/start.sh {name}"
    return _UNIT.format(what=f"JobManager of {job}", job=job, command=command, given_up="")


def taskmanager_unit(job: str, name: str, task_manager: str, rest: str) -> str:
    """Return the unit of a TaskManager, which ``planner supervise`` starts again."""
    journal = f"${{JOURNALS}}/{name}.supervise.jsonl"
    words = ["/usr/bin/env", "planner", "supervise", "-t", _word(task_manager)]
    words += ["-p", "${EXPORT}/job.placement.json", "--rest", rest, "--journal", journal]
    command = " ".join([*words, "--", "/bin/sh", "${EXPORT}/start.sh", name])
    return _UNIT.format(what=f"TaskManager {name} of {job}", job=job, command=command, given_up=GIVEN_UP)


def _word(text: str) -> str:
    """Quote a word of a command line of systemd, which expands ``%`` and ``$`` in quotes too."""
    for special, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(special, written)
    return f'"{text}"'
