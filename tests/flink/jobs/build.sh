#!/bin/sh
# Build the jars again; needs a JDK (javac, jar), which tests do not.
set -eu
cd "$(dirname "$0")"
jars=$(python3 -c 'from planner.flink.jvm import flink_jars; print(":".join(map(str, flink_jars())))')
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

build() { # JAR CLASS SOURCES
    file=$1 class=$2
    shift 2
    mkdir "$out/$class"
    javac --release 11 -Xlint:-options -cp "$jars" -d "$out/$class" "$@"
    jar --create --file "$file" --main-class "$class" -C "$out/$class" .
}

case ${1:-all} in
all | test) build test-job.jar TestJob ./*.java ;;
esac
case ${1:-all} in
all | leak) build leak-job.jar LeakJob leaks/*.java ;;
esac
case ${1:-all} in
all | restart) build restart-job.jar RestartJob restarts/*.java ;;
esac
