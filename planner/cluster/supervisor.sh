#!/bin/sh
# Keep one TaskManager running: its process is started, and started again when it ends unasked.
#
#   sh supervisor.sh [-t ID] [-j JOURNAL] [-g GRACE] [-n RESTARTS] [-w WINDOW] -- COMMAND...
#
# POSIX shell, for images without Python. It passes signals on, waits longer after each failure, gives up
# after RESTARTS in WINDOW seconds with exit code 70, and writes every decision to JOURNAL as a line of
# JSON. Cancellations and leaks are seen by supervisor.py only. COMMAND has to become the JVM by exec,
# as Flink's taskmanager.sh start-foreground does.
set -u

task_manager=taskmanager journal='' grace=25 most=10 window=3600
stable=300 longest=60 bytes=1048576
child='' timer='' asked='' signalled='' run=0 failures=0 restarts=''

usage() {
    echo 'usage: supervisor.sh [-t ID] [-j JOURNAL] [-g GRACE] [-n RESTARTS] [-w WINDOW] -- COMMAND...' >&2
    exit 2
}

number() { # up to nine digits, which every shell compares
    case $1 in '' | *[!0-9]* | ??????????*) usage ;; esac
}

while getopts t:j:g:n:w: option; do
    case $option in
    t) task_manager=$OPTARG ;;
    j) journal=$OPTARG ;;
    g) number "$OPTARG" && grace=$OPTARG ;;
    n) number "$OPTARG" && most=$OPTARG ;;
    w) number "$OPTARG" && window=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

quoted() { # TEXT: as a JSON string
    printf '"%s"' "$(printf '%s' "$1" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g')"
}
name=$(quoted "$task_manager")

say() { # TEXT
    printf 'supervise: %s: %s\n' "$task_manager" "$1" >&2
}

note() { # DECISION FIELDS
    [ -n "$journal" ] || return 0
    if [ -p "$journal" ]; then # writing would wait until somebody reads it
        say "the journal $journal is a pipe; going on without it"
        journal=''
        return 0
    fi
    if [ -f "$journal" ] && [ "$(wc -c <"$journal")" -gt "$((bytes - 1000))" ]; then
        mv -f "$journal" "$journal.1"
    fi
    line="{\"time\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\", \"taskManager\": $name, \"decision\": \"$1\", \"run\": $run$2}"
    if ! { umask 077 && printf '%s\n' "$line" >>"$journal"; } 2>/dev/null; then
        say "the journal $journal cannot be written; going on without it"
        journal=''
    fi
}

oom_kills() { # how many processes of this control group the kernel has killed, of version 1 or 2
    one=$(sed -n 's/^[0-9]*:\(.*,\)\{0,1\}memory\(,.*\)\{0,1\}:\(\/.*\)$/\3/p' /proc/self/cgroup 2>/dev/null)
    two=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
    root=/sys/fs/cgroup
    for file in "$root/memory$one/memory.oom_control" "$root/memory/memory.oom_control" \
        "$root$two/memory.events" "$root/memory.events"; do
        count=$(sed -n 's/^oom_kill \([0-9]*\)$/\1/p' "$file" 2>/dev/null)
        if [ -n "$count" ]; then
            echo "$count"
            return
        fi
    done
    echo 0
}

meaning() { # CODE
    case $1 in
    1) echo 'Flink ended it after a fatal error' ;;
    3) echo 'Java ran out of memory, -XX:+ExitOnOutOfMemoryError' ;;
    126) echo 'the command cannot be executed' ;;
    127) echo 'the command was not found' ;;
    134) echo 'SIGABRT: the JVM crashed' ;;
    137) echo 'SIGKILL' ;;
    139) echo 'SIGSEGV: the JVM crashed' ;;
    143) echo 'SIGTERM' ;;
    239) echo "Flink's -17: a thread did not catch an exception, or shutting down took more than 5 s" ;;
    255) echo "the JVM was halted, Flink's -1" ;;
    *) echo 'no known meaning' ;;
    esac
}

# A command in the background ignores SIGINT, so it is asked to end by SIGTERM.
stop() { # SIGNAL RECEIVED
    signalled=1
    if [ -z "$asked" ]; then
        asked=$2
        note stop ", \"seen\": \"SIG$2\""
        if [ -n "$child" ]; then
            (sleep "$grace" && kill -s KILL "$child") >/dev/null 2>&1 &
            timer=$!
        fi
    fi
    pass "$1" "$2"
}

pass() { # SIGNAL RECEIVED
    signalled=1
    if [ -n "$child" ]; then
        say "SIG$2 passed on"
        kill -s "$1" "$child" 2>/dev/null
    fi
}

trap 'stop TERM TERM' TERM
trap 'stop TERM INT' INT
trap 'stop HUP HUP' HUP
trap 'pass QUIT QUIT' QUIT
trap 'pass USR1 USR1' USR1
trap 'pass USR2 USR2' USR2

# A signal that comes just before a wait would be heard when that ends. Something ends it every few seconds.
trap 'signalled=1' ALRM
(while kill -s ALRM $$; do sleep 5; done) >/dev/null 2>&1 &
ticker=$!
trap 'kill "$ticker" 2>/dev/null' EXIT

await() { # waits for the child, however often signals interrupt that; sets code
    code=''
    while :; do
        signalled='' before=$code
        wait "$child"
        code=$?
        # a signal may come after the end: then there is nothing to wait for any more
        if [ "$code" = 127 ] && [ -n "$before" ] && ! kill -0 "$child" 2>/dev/null; then
            code=$before
            return
        fi
        [ -n "$signalled" ] || return
    done
}

ended() { # DECISION WORDS FIELDS
    say "ended with $code ($(meaning "$code"))$oom; $2"
    note "$1" ", \"exitCode\": $code, \"exitName\": $(quoted "$(meaning "$code")"), \"outOfMemory\": $kind, \"ranSeconds\": $ran$3"
}

while :; do
    if [ -n "$asked" ]; then # while it waited
        case $asked in HUP) exit 129 ;; INT) exit 130 ;; *) exit 143 ;; esac
    fi
    run=$((run + 1))
    kills=$(oom_kills)
    started=$(date +%s)
    "$@" &
    child=$!
    [ -z "$asked" ] || kill -s TERM "$child" 2>/dev/null
    say "started, process $child"
    note start ", \"process\": $child"
    await
    child=''
    [ -z "$timer" ] || kill "$timer" 2>/dev/null
    now=$(date +%s)
    ran=$((now - started)) oom='' kind=null
    if [ "$code" = 137 ] && [ "$(oom_kills)" -gt "$kills" ]; then
        oom=', container memory ran out' kind='"container"'
    fi
    if [ -n "$asked" ] || [ "$code" = 0 ]; then
        ended exit 'nothing left to do' ''
        exit "$code"
    fi

    recent='' count=0
    for each in $restarts; do
        if [ $((now - each)) -lt "$window" ]; then
            recent="$recent $each" count=$((count + 1))
        fi
    done
    if [ "$count" -ge "$most" ]; then
        ended give-up "giving up: $count restarts in $window s; exit code 70" \
            ", \"restarts\": $count, \"ofAtMost\": $most, \"inSeconds\": $window"
        exit 70
    fi
    restarts="$recent $now" count=$((count + 1))
    [ "$ran" -lt "$stable" ] || failures=0
    delay=0
    if [ "$failures" -gt 0 ]; then
        delay=1 each=1
        while [ "$each" -lt "$failures" ] && [ "$delay" -lt "$longest" ]; do
            delay=$((delay * 2)) each=$((each + 1))
        done
        [ "$delay" -le "$longest" ] || delay=$longest
    fi
    failures=$((failures + 1))
    ended restart "starting it again in $delay s, restart $count of at most $most in $window s" \
        ", \"restarts\": $count, \"ofAtMost\": $most, \"inSeconds\": $window, \"afterSeconds\": $delay"
    if [ "$delay" -gt 0 ]; then
        sleep "$delay" >/dev/null 2>&1 &
        while [ -z "$asked" ] && kill -0 $! 2>/dev/null; do
            wait $!
        done
    fi
done
