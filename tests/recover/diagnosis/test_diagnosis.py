"""Logs of broken clusters to diagnoses: real ones (tests/oracles/make_logs.py) and composed ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from planner.documents.finding import Severity
from planner.recover.diagnosis.classes import CLASSES
from planner.recover.diagnosis.diagnose import Diagnosis, diagnose

LOGS = Path(__file__).parent.parent / "logs"
"""A folder for each cluster; those that begin with ``composed`` were written by hand in Flink's words."""
OOM = "java.lang.OutOfMemoryError: "
CLOSED = "RemoteTransportException: Connection unexpectedly closed by remote task manager"
SCENARIOS: dict[str, list[tuple[str, str, str]]] = {
    "heap": [
        ("heap", r"tm-\d", OOM + "Java heap space"),
        (">gave-up", "", "Recovery is suppressed by Fixed"),
    ],
    "direct": [
        ("direct-memory", r"tm-\d", OOM + "Direct buffer memory"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "metaspace": [
        ("metaspace", r"tm-\d", OOM + "Metaspace"),
        (">?uncaught-exception", r"tm-\d", "produced an uncaught exception"),
        (">?fatal-error", r"tm-\d", "Fatal error occurred while executing the TaskManager"),
        (">?unreachable", r"tm-\d", "the recipient is unreachable|no longer reachable"),
        (">?connection-lost", r"tm-\d", CLOSED),
        (">?no-slots", "", "Could not acquire"),
        (">?gave-up", "", "Recovery is suppressed"),
    ],
    "user-code": [
        ("user-code", "", "java.lang.IllegalStateException: cannot price order 4711"),
        (">gave-up", "", "Recovery is suppressed by Fixed"),
    ],
    "missing-class": [
        ("class-missing", "", "NoClassDefFoundError: LeftOut"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "killed": [
        (">?rpc-timeout", "", "timed out"),
        ("unreachable", "tm-2", "the recipient is unreachable|no longer reachable"),
        (">connection-lost", "tm-2", CLOSED),
    ],
    "frozen": [
        (">?rpc-timeout", "", "timed out"),
        ("heartbeat", "tm-2", "eartbeat of TaskManager with id tm-2 timed out"),
        (">heartbeat", "JobManager", "The heartbeat of (JobManager|ResourceManager) with id"),
        (">?jobmanager-lost", "JobManager", "no longer reachable"),
        (">?connection-lost", "tm-2", CLOSED),
        (">?unreachable", "tm-2", "the recipient is unreachable|no longer reachable"),
    ],
    "drained": [("terminated", "tm-2", "RECEIVED SIGNAL 15: SIGTERM")],
    "no-slots": [
        ("no-slots", "", "Could not acquire the minimum required resources"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "no-slots-adaptive": [("no-slots", "", "Not enough resources available for scheduling")],
    "network-pressure": [("network-pressure", r"tm-\d", "Memory usage")],
    "network-buffers": [
        ("network-buffers", r"tm-\d", "Insufficient number of network buffers"),
        (">?gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "stuck": [
        ("stuck-cancel", r"tm-\d", "did not react to cancelling|did not exit gracefully"),
        (">fatal-error", r"tm-\d", "Fatal error occurred|Encountered fatal error"),
        (">?unreachable", r"tm-\d", "the recipient is unreachable|no longer reachable"),
        (">?connection-lost", r"tm-\d", CLOSED),
    ],
    "checkpoint-expired": [("checkpoint-expired", "", "expired before completing")],
    "checkpoint-failed": [
        ("checkpoint-failed", "", "Could not complete snapshot 1 for operator"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "checkpoint-tolerance": [
        ("checkpoint-expired", "", "expired before completing"),
        (">checkpoint-tolerance", "", "Exceeded checkpoint tolerable failure threshold"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "killed-for-good": [
        ("unreachable", "tm-2", "the recipient is unreachable|no longer reachable"),
        (">connection-lost", "tm-2", CLOSED),
        (">no-slots", "", "Could not acquire"),
        (">gave-up", "", "Recovery is suppressed"),
        (">?partition-not-found", ".*", "PartitionNotFound"),
    ],
    "rpc-size": [
        ("rpc-size", "", "Discarding oversized payload"),
        (">?gave-up", "", "Recovery is suppressed"),
        (">?rpc-timeout", "", "timed out"),
    ],
    "two-causes": [
        ("user-code", "", "java.lang.IllegalStateException: cannot price order 4711"),
        (">gave-up", "", "Recovery is suppressed"),
        ("unreachable", "tm-2", "the recipient is unreachable|no longer reachable"),
        (">connection-lost", "tm-2", CLOSED),
    ],
    "three-causes": [
        ("class-missing", "", "NoClassDefFoundError: LeftOut"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
        ("user-code", "", "java.lang.IllegalStateException: cannot price order 4711"),
        ("metaspace", r"tm-\d", OOM + "Metaspace"),
        (">?uncaught-exception", r"tm-\d", "produced an uncaught exception"),
        (">?fatal-error", r"tm-\d", "Fatal error occurred while executing the TaskManager"),
        (">?unreachable", r"tm-\d", "the recipient is unreachable|no longer reachable"),
        (">?connection-lost", r"tm-\d", CLOSED),
    ],
    "jobmanager-killed": [
        ("heartbeat", "JobManager", "The heartbeat of (JobManager|ResourceManager) with id"),
        (">?jobmanager-lost", "JobManager", "no longer reachable"),
        (">registration", r"tm-\d", "Could not register at the ResourceManager"),
        (">fatal-error", r"tm-\d", "Fatal error occurred in TaskExecutor"),
    ],
    "re-registered": [
        (">?unreachable", "tm-2", "the recipient is unreachable|no longer reachable"),
        ("re-registered", "tm-2", "re-registered with a new session id"),
        (">?connection-lost", "tm-2", CLOSED),
    ],
    "threads": [
        ("threads", r"tm-\d", "unable to create native thread"),
        (">?fatal-error", r"tm-\d", "Fatal error occurred|Encountered fatal error"),
        (">?gave-up", "", "Recovery is suppressed"),
    ],
    "supervised": [
        ("metaspace", "large-0", OOM + "Metaspace"),
        (">ended", "(large|small)-0", r"supervisor: TaskManager \w+-0 ended with"),
        (">unreachable", "large-0", "no longer reachable"),
        (">connection-lost", "large-0", CLOSED),
        (">fatal-error", "small-0", "FATAL - exception in exception handler"),
    ],
    "checkpoint-storage": [
        ("checkpoint-storage", "", "larger than the maximum permitted memory-backed state"),
        (">checkpoint-failed", "", "Could not materialize checkpoint"),
        (">checkpoint-tolerance", "", "Exceeded checkpoint tolerable failure threshold"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "weight": [
        ("managed-memory", r"tm-\d", "fraction of memory to allocate"),
        (">state-backend", r"tm-\d", "Exception while creating StreamOperatorStateContext"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "uid": [("state-mapping", "", "Cannot map checkpoint/savepoint state")],
    "max-parallelism": [("state-mapping", "", "Max parallelism mismatch")],
    "composed-bare": [
        ("heap", "tm-1", OOM + "Java heap space"),
        (">fatal-error", "tm-1", "Encountered fatal error"),
    ],
    "composed-cascade": [  # what one that is lost breaks ends another one
        ("unreachable", "tm-1", "no longer reachable"),
        (">connection-lost", "tm-1", CLOSED),
        (">fatal-error", "tm-2", "FATAL - exception in exception handler"),
    ],
    "composed-exclusive-buffers": [
        ("network-buffers", "tm-1", "Timeout triggered when requesting exclusive")
    ],
    "composed-jvm-output": [("heap", "", OOM + "Java heap space")],
    "composed-lost-for-good": [
        ("unreachable", "tm-2", "no longer reachable"),
        (">connection-lost", "tm-2", CLOSED),
        (">no-slots", "", "Slot request bulk is not fulfillable"),
        (">gave-up", "", "Recovery is suppressed by FixedDelay"),
    ],
    "composed-managed": [
        ("managed-memory", "tm-1", "Not enough memory left to reserve"),
        (">state-backend", "tm-1", "Exception while creating StreamOperatorStateContext"),
    ],
    "composed-network-buffers": [
        ("network-buffers", "tm-4", "Insufficient number of network buffers"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
    ],
    "composed-no-slots-adaptive": [("no-slots", "", "Not enough resources available for scheduling")],
    "composed-rpc-size": [
        ("rpc-size", "", "Discarding oversized payload"),
        (">rpc-timeout", "", "This is usually caused by"),
    ],
    "composed-threads": [("threads", "tm-1", "unable to create native thread")],
    "composed-two-causes": [
        ("user-code", "", "java.lang.IllegalStateException: cannot price order 4711"),
        (">gave-up", "", "Recovery is suppressed by NoRestart"),
        ("metaspace", "tm-2", OOM + "Metaspace"),
        (">uncaught-exception", "tm-2", "FATAL: Thread"),
        (">connection-lost", "tm-2", CLOSED),
        (">unreachable", "tm-2", "no longer reachable"),
    ],
    "composed-weight": [("managed-memory", "worker-2:33245-1f2e3d", "fraction of memory to allocate")],
    "composed-checkpoint-storage": [
        ("checkpoint-storage", "", "larger than the maximum permitted memory-backed state"),
        (">checkpoint-failed", "", "Could not materialize checkpoint"),
        (">checkpoint-tolerance", "", "Exceeded checkpoint tolerable failure threshold"),
    ],
    "composed-container-killed": [
        ("container-killed", "orders-taskmanager-1-2", "reason=OOMKilled"),
        (">connection-lost", "orders-taskmanager-1-2", CLOSED),
    ],
    "composed-yarn-killed": [
        ("container-killed", "container_e07_1700000000000_0042_01_000003", "PHYSICAL"),
        (">unknown", "container_e07_1700000000000_0042_01_000003", "marked as failed"),
    ],
    "composed-declined": [("checkpoint-declined", "", "tasks not ready")],
    "composed-gc": [
        ("heap", "tm-1", OOM + "GC overhead limit exceeded"),
        (">fatal-error", "tm-1", "Encountered fatal error"),
        (">connection-lost", "tm-1", CLOSED),
        (">unreachable", "tm-1", "no longer reachable"),
    ],
    "composed-jobmanager-heap": [
        ("heap", "JobManager", OOM + "Java heap space"),
        (">uncaught-exception", "JobManager", "FATAL: Thread"),
        (">heartbeat", "JobManager", "The heartbeat of JobManager"),
    ],
    "composed-kubectl": [("user-code", "", "ArithmeticException")],
    "composed-logstash": [("checkpoint-expired", "", "expired before completing")],
    "composed-network-pressure": [("network-pressure", "tm-1", "Memory usage")],
    "composed-re-registered": [("re-registered", "tm-3", "re-registered with a new session id")],
    "composed-registration": [
        ("registration", "worker-3:41233-9a1e0c", "Could not register"),
        (">fatal-error", "worker-3:41233-9a1e0c", "Fatal error occurred in TaskExecutor"),
    ],
    "composed-restart-of-a-slow-one": [("partition-not-found", "worker-2:33245-1f2e3d", "PartitionNotFound")],
    "composed-uncaught": [("uncaught-exception", "tm-5", "FATAL: Thread")],
    "composed-workers": [
        ("workers", "session-taskmanager-1-1", "did not register in"),
        (">no-slots", "", "Slot request bulk is not fulfillable"),
    ],
}
"""By scenario: class, process, and what the evidence says; > where it follows from another, >? where it may."""
FOLDERS = sorted(path.name for path in LOGS.iterdir())


def read(folder: str) -> list[Diagnosis]:
    def pieces(path: Path) -> Iterator[bytes]:
        yield path.read_bytes()

    return diagnose((path.name, pieces(path)) for path in sorted((LOGS / folder).iterdir()))


def scenario(folder: str) -> str:
    """Return the scenario of a folder, which has the version of Flink and perhaps a layout behind it."""
    return re.sub(r"-\d+\.\d+\.\d+(-\w+)?$", "", folder)


@pytest.mark.parametrize("folder", [name for name in FOLDERS if "healthy" not in name])
def test_the_first_cause_comes_first(folder: str) -> None:
    found, expected = read(folder), SCENARIOS[scenario(folder)]
    first = [one.kind.name for one in found if one.follows is None]
    assert first == [name for name, _, _ in expected if name[0] != ">"], [one.evidence for one in found]
    below = {one.kind.name for one in found if one.follows is not None}
    assert below >= {name[1:] for name, _, _ in expected if name[0] == ">" and name[1] != "?"}
    assert below <= {name.strip(">?") for name, _, _ in expected}
    for one in found:
        ((_, _, evidence),) = (
            each
            for each in expected
            if each[0].strip(">?") == one.kind.name and re.fullmatch(each[1], one.process)
        )
        assert re.search(evidence, one.evidence.text)
        line = (LOGS / folder / one.evidence.file).read_text().splitlines()[one.evidence.number - 1]
        assert one.evidence.text in line or line.startswith("{")
    assert found[0].follows is None


@pytest.mark.parametrize("folder", [name for name in FOLDERS if "healthy" in name])
def test_no_false_alarm(folder: str) -> None:
    assert read(folder) == []


def test_there_are_logs_of_every_class_and_version() -> None:
    assert len(FOLDERS) >= 60
    assert sum("healthy" in name for name in FOLDERS) >= 10
    known = {name.strip(">?") for expected in SCENARIOS.values() for name, _, _ in expected}
    assert {one.name for one in CLASSES} - known == {"leak"}, "which test_journals.py has"
    assert {name.rpartition("-")[2] for name in REAL} == {"1.20.5", "2.2.1", "2.3.0"}


REAL = [name for name in FOLDERS if re.search(r"\d$", name)]
"""Real logs in the layout of Flink's distribution."""


def as_kubectl(text: str) -> bytes:
    return "".join(
        f"[pod/tm-0/main] 2030-01-01T00:00:00.{number:09d}Z {line}\n"
        for number, line in enumerate(text.splitlines(), 1)
    ).encode()


def as_ecs(text: str) -> bytes:
    """Return the events of a log as JSON lines; what follows a head is its trace."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        if head := re.match(r"(\S+) (\S+),(\d+) (\w+)\s+(\S+)\s+\[\] - (.*)", line):
            day, time, millis, level, logger, message = head.groups()
            stamp = f"{day}T{time}.{millis}Z"
            found.append({"@timestamp": stamp, "log.level": level, "log.logger": logger, "message": message})
        elif found:
            before = found[-1].get("error.stack_trace", "")
            found[-1]["error.stack_trace"] = f"{before}\n{line}" if before else line
    return "".join(json.dumps(entry) + "\n" for entry in found).encode()


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("layout", [as_kubectl, as_ecs, lambda text: text.encode("utf-16")])
def test_the_layout_does_not_matter(name: str, layout: Callable[[str], bytes]) -> None:
    files = [(path.name, [layout(path.read_text())]) for path in sorted((LOGS / name).iterdir())]
    found = [(one.kind.name, one.process, one.evidence.file) for one in diagnose(files)]
    assert found == [(one.kind.name, one.process, one.evidence.file) for one in read(name)]


@pytest.mark.parametrize("name", ["composed-gc", "composed-container-killed"])
def test_the_order_of_files_does_not_matter(name: str) -> None:
    files = [(path.name, [path.read_bytes()]) for path in (LOGS / name).iterdir()]
    there = [(one.kind.name, one.evidence) for one in diagnose(files)]
    assert there == [(one.kind.name, one.evidence) for one in diagnose(reversed(files))]


def test_what_happens_on_many_taskmanagers_is_one_failure() -> None:
    line = (
        "2026-03-02 02:31:31,411 INFO  org.apache.flink.runtime.executiongraph.ExecutionGraph - map ({0}/99) (a_b_{0}_0)"
        " switched from RUNNING to FAILED on tm-{0} @ host-{0} (dataPort=1).\njava.lang.OutOfMemoryError: Java heap space\n"
    )
    (one,) = diagnose([("jm.log", ["".join(map(line.format, range(9))).encode()])])
    assert (one.process, len(one.others), one.count) == ("tm-0", 8, 9)


def test_a_class_that_a_library_looks_for_is_no_failure() -> None:
    line = "2026-03-02 02:31:31,411 {} org.apache.flink.runtime.util.HadoopUtils - no Hadoop\n{}\n"
    missing = "java.lang.ClassNotFoundException: org.apache.hadoop.conf.Configuration"
    assert diagnose([("tm.log", [line.format("WARN ", missing).encode()])]) == []
    (one,) = diagnose([("tm.log", [line.format("ERROR", missing).encode()])])
    assert one.kind.name == "class-missing"


def test_names_are_kept_apart_up_to_a_limit() -> None:
    line = "2026-03-02 02:31:31,411 INFO  org.apache.flink.runtime.jobmaster.JobMaster - TaskManager with id {} is no longer reachable.\n"
    found = diagnose([("jm.log", ["".join(map(line.format, range(3000))).encode()])])
    assert [len(one.others) for one in found] == [999]


def test_a_process_that_was_told_to_end_and_came_back_can_be_killed() -> None:
    logger = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    before = (
        f"2026-03-02 02:31:00,000 INFO  {logger} - Starting TaskManager with ResourceID: tm-1\n"
        f"2026-03-02 02:31:31,411 WARN  {logger} - RECEIVED SIGNAL 15: SIGTERM. Shutting down as requested.\n"
    )
    after = f"2026-03-02 02:32:00,000 INFO  {logger} - Starting TaskManager with ResourceID: tm-1\n"
    jobmanager = (
        "INFO  org.apache.flink.runtime.executiongraph.ExecutionGraph - map (1/1) (a_b_0_0) switched from"
    )
    failed = (
        f"2026-03-02 02:31:31,500 {jobmanager} RUNNING to FAILED on tm-1 @ host (dataPort=1).\n"
        "org.apache.flink.util.FlinkExpectedException: The TaskExecutor is shutting down.\n"
        f"2026-03-02 02:32:30,500 {jobmanager} RUNNING to FAILED on tm-1 @ host (dataPort=1).\n"
        "org.apache.flink.runtime.jobmaster.JobMasterException: TaskManager with id tm-1 is no longer reachable.\n"
    )
    logs = [("tm-1.log.1", before), ("tm-1.log", after), ("jm.log", failed)]
    found = diagnose([(name, [text.encode()]) for name, text in logs])
    assert [(one.kind.name, one.follows) for one in found] == [("unreachable", None), ("terminated", None)]


def test_an_evicted_taskmanager_is_no_error_unless_the_job_gave_up() -> None:
    text = (
        "2026-03-02 02:31:30,000 WARN  org.apache.flink.runtime.taskexecutor.TaskManagerRunner - Starting TaskManager with ResourceID: tm-1\n"
        "2026-03-02 02:31:31,411 WARN  org.apache.flink.runtime.taskexecutor.TaskManagerRunner - RECEIVED SIGNAL 15: SIGTERM. Shutting down as requested.\n"
    )
    failed = (
        "2026-03-02 02:31:31,500 INFO  org.apache.flink.runtime.executiongraph.ExecutionGraph - map (1/1) (a_b_0_0)"
        " switched from RUNNING to FAILED on tm-1 @ host (dataPort=1).\n"
        "org.apache.flink.util.FlinkExpectedException: The TaskExecutor is shutting down.\n"
    )
    gave_up = (
        "2026-03-02 02:31:31,511 INFO  org.apache.flink.runtime.executiongraph.ExecutionGraph - Job a (b) switched from state RUNNING to FAILING.\n"
        "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy\n"
        "Caused by: org.apache.flink.util.FlinkExpectedException: The TaskExecutor is shutting down.\n"
    )
    tm = ("tm.log", [text.encode()])
    assert diagnose([tm]) == []
    (one,) = diagnose([tm, ("jm.log", [failed.encode()])])
    assert (one.kind.name, one.severity, one.evidence.file) == ("terminated", Severity.INFO, "tm.log")
    (one, other) = diagnose([tm, ("jm.log", [(failed + gave_up).encode()])])
    assert (other.kind.name, other.severity, other.follows) == ("gave-up", Severity.ERROR, 0)
    assert [(change.option, change.before, change.after) for change in other.changes] == [
        ("restart-strategy.type", "none", "exponential-delay")
    ]


def test_a_taskmanager_that_is_lost_again_and_again() -> None:
    begun = datetime(2026, 1, 1)
    messages = (
        "Heartbeat of TaskManager with id tm-1 timed out.",
        "TaskManager with id tm-1 is no longer reachable.",
    )
    lines = [
        f"{begun + timedelta(seconds=20 * number):%Y-%m-%d %H:%M:%S},000 INFO  org.apache.flink.runtime.resourcemanager.R"
        f" [] - {messages[number % 2]}\n"
        for number in range(1200)
    ]
    found = diagnose([("jm.log", ["".join(lines).encode()])])
    assert len(found) > 900
    assert [one.follows for one in found] == [None, *range(len(found) - 1)]


def test_failures_that_explain_each_other_are_all_told() -> None:
    """Two processes end themselves since each loses the other."""
    line = (
        "2026-03-02 02:31:{:02d},411 ERROR org.apache.flink.runtime.taskexecutor.TaskManagerRunner - {}\n"
        "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException: Connection unexpectedly closed by"
        " remote task manager '10.0.0.1:4711 [ {} ] '.\n"
    )
    start = "2026-03-02 02:31:00,000 INFO  a.B - Starting TaskManager with ResourceID: {}\n"
    fatal = "Fatal error occurred while executing the TaskManager. Shutting it down..."
    logs = [
        (f"{mine}.log", [(start.format(mine) + line.format(second, fatal, other)).encode()])
        for second, mine, other in ((10, "tm-1", "tm-2"), (11, "tm-2", "tm-1"))
    ]
    found = diagnose(logs)
    assert {(one.kind.name, one.process) for one in found} == {
        (kind, tm) for kind in ("fatal-error", "connection-lost") for tm in ("tm-1", "tm-2")
    }
    assert [one.follows for one in found].count(None) == 1
