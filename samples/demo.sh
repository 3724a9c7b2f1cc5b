#!/bin/sh
# The main job on a sample: validate, compile, place, recover. Run it with: make demo
set -eu
cd "$(dirname "$0")/click-enrichment"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
run() {
    printf '\n$ planner %s\n' "$*"
    planner "$@"
}
run validate job.yaml cluster.yaml
run compile job.yaml --format text
planner compile job.yaml -o "$out/job.profile.json"
run place job.yaml --cluster cluster.yaml --balance --format text
planner place "$out/job.profile.json" --cluster cluster.yaml --format json --no-meta -o "$out/job.placement.json" 2> /dev/null
printf '\n$ planner recover job.yaml --placement job.placement.json\n'
planner recover job.yaml --placement "$out/job.placement.json" --format text
run show job.yaml --format mermaid
