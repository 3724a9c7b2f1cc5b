#!/bin/sh
# A SQL job on a real local cluster of unequal TaskManagers, under a placement. Run it with: make demo-flink
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
cd "$out"
trap 'planner down > /dev/null 2>&1 || true; rm -rf "$out"' EXIT
trap 'exit 130' INT TERM
cp "$here"/job.sql "$here"/cluster.yaml .
run() {
    printf '\n$ planner %s\n' "$*"
    planner "$@"
}
printf 'job.profile.json of the sample holds the edits: three groups, their resources and parallelism.\n'
run compile job.sql --from "$here/job.profile.json" -o job.profile.json
run place job.profile.json --cluster cluster.yaml --format text
planner place job.profile.json --cluster cluster.yaml -o job.placement.json 2> /dev/null
run up
run run job.sql
run status
run verify
run down
