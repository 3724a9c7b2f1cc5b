#!/bin/sh
# Build test-job.jar again; needs a JDK (javac, jar), which tests do not.
set -eu
cd "$(dirname "$0")"
jars=$(python3 -c 'from planner.flink.jvm import flink_jars; print(":".join(map(str, flink_jars())))')
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
javac --release 11 -Xlint:-options -cp "$jars" -d "$out" ./*.java
jar --create --file test-job.jar --main-class TestJob -C "$out" .
