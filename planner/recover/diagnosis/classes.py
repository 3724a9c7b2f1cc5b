"""The classes of failures as data: what Flink logs, what it means, and where Flink says so.

Evidence is written as Flink's own message, with ``{name}`` where Flink fills something in. ``{tm}`` is the
TaskManager that it names. A test looks every message up in the classes of the supported versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from planner.documents.finding import Severity
from planner.recover.diagnosis.log import SUPERVISOR
from planner.rules.base import FLINK_CODE, FLINK_DOCS

LONGEST_LOOKED_AT = 4096
"""Characters of a line in which evidence is looked for."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")
_RUNTIME = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/"
_MEMORY_DOCS = f"{FLINK_DOCS}deployment/memory/mem_trouble/"


class Rank(IntEnum):
    """How near to the first cause a class is; one follows from another of a lower rank."""

    CAUSE = 0
    LOSS = 1
    """A process is gone or silent; its own log may say why."""
    CONSEQUENCE = 2
    """Something else failed before."""


@dataclass(frozen=True, slots=True)
class FailureClass:
    """One class of failures: its evidence, the cause in plain words, what to do, and its source."""

    name: str
    title: str
    evidence: tuple[str, ...]
    cause: str
    remedy: str
    source_url: str
    rank: Rank = Rank.CAUSE
    severity: Severity = Severity.ERROR


def pattern(message: str) -> re.Pattern[str]:
    """Return what finds a message in a line, with a group for every placeholder."""
    parts = PLACEHOLDER.split(message)
    found = [re.escape(parts[0])]
    for index in range(1, len(parts), 2):
        name, rest = parts[index], parts[index + 1]
        last = index == len(parts) - 2 and not rest
        filled = (
            r"[\w.$/]{1,300}$" if name == "class" else r"\S{1,300}" if name == "tm" or last else r".{1,300}?"
        )
        found.append(f"(?P<{name.replace('class', 'class_')}>{filled})" + re.escape(rest))
    return re.compile("".join(found))


CLASSES = (
    FailureClass(
        "heap",
        "the Java heap is full",
        (
            "java.lang.OutOfMemoryError: Java heap space",
            "java.lang.OutOfMemoryError: GC overhead limit exceeded",
        ),
        "State of the hashmap backend, objects of the job's code, or too many slots for this heap.",
        "give its tasks more heap, or put fewer slots there",
        _MEMORY_DOCS,
    ),
    FailureClass(
        "direct-memory",
        "direct memory is used up",
        (
            "java.lang.OutOfMemoryError: Direct buffer memory",
            "java.lang.OutOfMemoryError: Cannot reserve {bytes} bytes of direct buffer memory",
            "OutOfDirectMemoryError: failed to allocate {bytes} byte(s) of direct memory",
        ),
        "Clients and libraries of the job allocate more direct memory than the JVM allows.",
        "raise task off-heap memory; where that does not help, framework off-heap memory",
        _MEMORY_DOCS,
    ),
    FailureClass(
        "metaspace",
        "metaspace is full",
        ("java.lang.OutOfMemoryError: Metaspace", "java.lang.OutOfMemoryError: Compressed class space"),
        "The classes of the job and its libraries do not fit, or those of earlier submissions are still"
        " held.",
        "raise metaspace once; if it fills again, it is a leak: put drivers into lib/ and restart the"
        " TaskManager",
        _MEMORY_DOCS,
    ),
    FailureClass(
        "threads",
        "no more threads can be started",
        ("java.lang.OutOfMemoryError: unable to create native thread",),
        "The container's limit of processes is reached, or the job's code starts threads and never ends"
        " them.",
        "look at the thread dump of the TaskManager; raise the limit of processes of the container",
        _MEMORY_DOCS,
    ),
    FailureClass(
        "container-killed",
        "the container was killed for its memory",
        (
            "exitCode=137, reason=OOMKilled",
            "beyond physical memory limits",
            "beyond the 'PHYSICAL' memory limit",
            f"{SUPERVISOR} {{tm}} ran out of the memory of its container",
        ),
        "The process took more memory than its container may: native memory of RocksDB, malloc or libraries,"
        " which no limit of the JVM covers.",
        "raise JVM overhead, and leave state.backend.rocksdb.memory.managed at true",
        _MEMORY_DOCS,
    ),
    FailureClass(
        "leak",
        "a part of its memory only grows",
        (f"{SUPERVISOR} {{tm}} {{figure}} at {{share}} of its limit, growing for {{seconds}} s",),
        "Code of the job or a library keeps what it allocates; its supervisor restarts it before the limit is"
        " reached.",
        "find what is kept: threads are in its log, the heap in a dump; more memory only puts it off",
        f"{FLINK_DOCS}ops/debugging/application_profiling/",
    ),
    FailureClass(
        "network-buffers",
        "network memory has too few buffers",
        (
            "Insufficient number of network buffers: required {required}, but only {available} available."
            " The total number of network buffers is currently set to {total} of {size} bytes each.",
            "Timeout triggered when requesting exclusive buffers: The total number of network buffers is"
            " currently set to {total} of {size} bytes each.",
        ),
        "The exchanges of the tasks need more buffers than the TaskManager has.",
        "raise network memory, or lower parallelism",
        f"{FLINK_DOCS}deployment/memory/network_mem_tuning/",
    ),
    FailureClass(
        "network-pressure",
        "network memory is nearly used up",
        ("Memory usage [{percent}%] is too high to satisfy all of the requests",),
        "Buffer pools ask for more than there is and get fewer buffers, which costs throughput.",
        "raise network memory",
        f"{FLINK_DOCS}deployment/memory/network_mem_tuning/",
        severity=Severity.WARNING,
    ),
    FailureClass(
        "managed-memory",
        "a slot has no managed memory for what the job keeps in it",
        (
            "Not enough memory left to reserve from the slot's managed memory.",
            "The fraction of memory to allocate should not be 0. Please make sure that all types of managed"
            " memory consumers contained in the job are configured with a non-negative weight via",
            "Could not allocate {pages} pages",
        ),
        "RocksDB, batch operators and Python take managed memory of their slot, and it has none or too"
        " little.",
        "give the group managed memory, or the consumer a weight",
        f"{FLINK_DOCS}deployment/memory/mem_setup_tm/",
    ),
    FailureClass(
        "state-backend",
        "the state backend could not be built",
        ("Failed to build RocksDB state backend", "Exception while creating StreamOperatorStateContext"),
        "Local disk, the download of state, or the backend's libraries.",
        "read the cause below it; look at the disk of the TaskManager and at the checkpoint storage",
        f"{FLINK_DOCS}ops/state/state_backends/",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "class-missing",
        "a class is missing where the job runs",
        (
            "java.lang.ClassNotFoundException: {class}",
            "java.lang.NoClassDefFoundError: {class}",
            "Cannot load user class: {class}",
            "java.lang.NoSuchMethodError: {method}",
        ),
        "It is not in the job's jar, or there in another version than it was compiled with.",
        "build the jar with it, or put the library into lib/ of every Flink process, not both",
        f"{FLINK_DOCS}ops/debugging/debugging_classloading/",
    ),
    FailureClass(
        "state-mapping",
        "the job does not fit the state that it starts from",
        (
            "Cannot map checkpoint/savepoint state for operator {operator} to the new program",
            "Max parallelism mismatch between checkpoint/savepoint state and new program. Cannot map operator"
            " {operator} with max parallelism {old} to new program with max parallelism {new}.",
        ),
        "An operator of the checkpoint has another uid or another maximum parallelism in the new program.",
        "restore the old uid or maximum parallelism; or drop that state on purpose (--allowNonRestoredState)",
        f"{FLINK_DOCS}ops/state/savepoints/",
    ),
    FailureClass(
        "no-slots",
        "there are not enough slots for the job",
        (
            "Could not acquire the minimum required resources",
            "Slot request bulk is not fulfillable! Could not allocate the required slot within slot"
            " request timeout",
            "Not enough resources available for scheduling.",
        ),
        "Too few TaskManagers, slots too small for their group, or quotas that no TaskManager offers.",
        "start what is missing (planner up), or place the job again on what is there (planner place)",
        f"{FLINK_DOCS}deployment/finegrained_resource/",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "workers",
        "new TaskManagers do not come up",
        (
            "Reaching max start worker failure rate: {rate}",
            "Worker {tm} did not register in {time}, will stop it and request a new one if needed.",
        ),
        "The platform cannot start them: image, quota, node, or they cannot reach the JobManager.",
        "look at the events of the pods or containers",
        f"{_RUNTIME}resourcemanager/active/ActiveResourceManager.java",
    ),
    FailureClass(
        "registration",
        "a TaskManager could not register at the JobManager",
        (
            "Could not register at the ResourceManager within the specified maximum registration"
            " duration {time}",
        ),
        "Network, DNS, or jobmanager.rpc.address that leads elsewhere.",
        "check that the TaskManager resolves and reaches jobmanager.rpc.address; then raise the time-out",
        f"{_RUNTIME}taskexecutor/TaskExecutor.java",
    ),
    FailureClass(
        "stuck-cancel",
        "a task does not react to being cancelled",
        (
            "Task did not exit gracefully within {seconds} + seconds.",
            "did not react to cancelling signal - {what}; it is stuck for {seconds} seconds in method:",
            f"{SUPERVISOR} {{tm}} cancelling {{task}} takes {{seconds}} s",
        ),
        "Code of the job blocks and ignores interrupts; Flink then ends the whole TaskManager.",
        "let the code end when it is interrupted",
        f"{_RUNTIME}taskmanager/Task.java",
    ),
    FailureClass(
        "rpc-size",
        "a message between processes is larger than it may be",
        (
            "Discarding oversized payload sent to",
            "'s result size {size} exceeds the maximum size",
        ),
        "Many subtasks, large closures or large lists of splits in one message.",
        "raise the frame size on all processes; keep large data out of the job's functions",
        f"{FLINK_DOCS}deployment/config/",
    ),
    FailureClass(
        "checkpoint-expired",
        "checkpoints do not complete in time",
        ("expired before completing.",),
        "Backpressure or skew holds barriers up, or the storage is slow.",
        "cure the backpressure first; unaligned checkpoints after an aligned time-out pass it",
        f"{FLINK_DOCS}ops/state/checkpointing_under_backpressure/",
    ),
    FailureClass(
        "checkpoint-storage",
        "checkpoints are too large for the memory of the JobManager",
        (
            "Size of the state is larger than the maximum permitted memory-backed state."
            " Size={size}, maxSize={most}.",
        ),
        "Without a folder for checkpoints Flink sends state to the JobManager, up to 5 mb of each task.",
        "keep checkpoints in a file system",
        f"{FLINK_DOCS}ops/state/checkpoints/",
    ),
    FailureClass(
        "checkpoint-failed",
        "a task could not write its part of a checkpoint",
        (
            "Could not materialize checkpoint {id} for operator",
            "Could not complete snapshot {id} for operator",
        ),
        "Code of the job, or the storage of checkpoints: permission, quota, connection.",
        "read the cause below it",
        f"{FLINK_DOCS}ops/state/checkpoints/",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "user-code",
        "the job's own code failed",
        (),
        "The exception comes from classes that are not Flink's.",
        "nothing to change in Flink's options: mend the code, or the data that it got",
        f"{FLINK_DOCS}ops/state/task_failure_recovery/",
    ),
    FailureClass(
        "uncaught-exception",
        "a thread of the process failed, and Flink ended the process (exit code 239)",
        ("FATAL: Thread '{thread}' produced an uncaught exception. Stopping the process...",),
        "A defect, or a resource that ran out: the exception below it says which.",
        "nothing to change; report the exception below it",
        f"{FLINK_CODE}flink-core/src/main/java/org/apache/flink/util/FatalExitExceptionHandler.java",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "fatal-error",
        "the process ended itself",
        (
            "Fatal error occurred while executing the TaskManager. Shutting it down...",
            "FATAL - exception in exception handler of task {task} (",
            "Fatal error occurred in TaskExecutor",
            "Encountered fatal error {error} - terminating the JVM",
            "Fatal error occurred in the cluster entrypoint.",
            "Terminating TaskManagerRunner with exit code 1.",
        ),
        "What failed before it left the process unusable.",
        "the exception below it, or the lines before it, say why",
        f"{_RUNTIME}taskexecutor/TaskManagerRunner.java",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "terminated",
        "it was told to end (SIGTERM)",
        ("RECEIVED SIGNAL 15: SIGTERM. Shutting down as requested.", "The TaskExecutor is shutting down."),
        "Somebody or the platform ended it: eviction, drain, preemption, an update.",
        "nothing to change; for maintenance start the replacement first",
        f"{_RUNTIME}util/SignalHandler.java",
        severity=Severity.INFO,
    ),
    FailureClass(
        "unreachable",
        "it is gone without a word, or the network to it is down",
        ("TaskManager with id {tm} is no longer reachable.", "because the recipient is unreachable."),
        "Nobody answers at its address. A process that is killed (SIGKILL, exit code 137) logs nothing.",
        "look at how its process or container ended, and at its host",
        f"{_RUNTIME}jobmaster/JobMaster.java",
        rank=Rank.LOSS,
    ),
    FailureClass(
        "ended",
        "its process ended unasked",
        (f"{SUPERVISOR} {{tm}} ended with {{code}} ({{meaning}})",),
        "The exit code says how, and its log before the restart may say why.",
        "read its log before the restart; a SIGKILL comes from the system or its platform",
        f"{FLINK_DOCS}deployment/resource-providers/standalone/overview/",
        rank=Rank.LOSS,
    ),
    FailureClass(
        "heartbeat",
        "it did not answer heartbeats",
        (
            "eartbeat of TaskManager with id {tm} timed out.",
            "The heartbeat of JobManager with id {id} timed out.",
            "The heartbeat of ResourceManager with id {id} timed out.",
        ),
        "A long garbage collection, too little CPU, a frozen process, or its host is gone.",
        "look at its garbage collection and its CPU limit first",
        f"{_RUNTIME}heartbeat/HeartbeatManagerImpl.java",
        rank=Rank.LOSS,
    ),
    FailureClass(
        "jobmanager-lost",
        "its TaskManagers do not reach it any more",
        (
            "JobManager with id {id} is no longer reachable.",
            "ResourceManager with id {id} is no longer reachable.",
        ),
        "The JobManager ended or was cut off from them.",
        "look at how the JobManager ended; high availability lets another one go on",
        f"{_RUNTIME}taskexecutor/TaskExecutor.java",
        rank=Rank.LOSS,
    ),
    FailureClass(
        "connection-lost",
        "the connection to it broke",
        (
            "Connection unexpectedly closed by remote task manager '{address} [ {tm} ] '.",
            "Lost connection to task manager '{address} [ {tm} ] '.",
            "Error at remote task manager '{address} [ {tm} ] '.",
            "Connecting to remote task manager '{address} [ {tm} ] ' has failed.",
            "Connection unexpectedly closed by remote task manager '{address}'.",
            "Connecting to remote task manager '{address}' has failed.",
        ),
        "The tasks that read from it failed since it was gone.",
        "nothing to change: its own log says why it ended",
        f"{_RUNTIME}io/network/netty/CreditBasedPartitionRequestClientHandler.java",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "partition-not-found",
        "a task asked for data that its producer did not have yet, or not any more",
        ("org.apache.flink.runtime.io.network.partition.PartitionNotFoundException: Partition {partition}",),
        "The producer was deployed late, or failed before.",
        "if nothing failed before: let tasks ask for longer",
        f"{_RUNTIME}io/network/partition/PartitionNotFoundException.java",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "rpc-timeout",
        "a process did not answer a message in time",
        ("timed out. This is usually caused by: 1) Pekko failed sending the message silently",),
        "The message was too large to be sent, or the process that got it is slow.",
        "look for a message that was too large; else look at CPU and garbage collection, then raise"
        " pekko.ask.timeout",
        f"{FLINK_DOCS}deployment/config/",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "unknown",
        "a task failed for a reason that planner does not know",
        (),
        "",
        "read the exception; nothing is known that would help",
        f"{FLINK_DOCS}ops/state/task_failure_recovery/",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "checkpoint-tolerance",
        "too many checkpoints failed, and the job with them",
        ("Exceeded checkpoint tolerable failure threshold.",),
        "By default a job fails with its first failed checkpoint.",
        "find out why checkpoints fail; tolerate some until then",
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/checkpoint/CheckpointFailureManager.java",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "checkpoint-declined",
        "a checkpoint was declined",
        ("Checkpoint was declined (tasks not ready)", "Checkpoint was declined (task is closing)"),
        "Tasks were starting or ending.",
        "nothing to change",
        f"{_RUNTIME}checkpoint/CheckpointFailureReason.java",
        rank=Rank.CONSEQUENCE,
        severity=Severity.INFO,
    ),
    FailureClass(
        "gave-up",
        "Flink does not restart the job any more",
        ("Recovery is suppressed by {strategy}",),
        "The restart strategy allows no further restart.",
        "mend the first cause; exponential-delay restarts for as long as it takes",
        f"{FLINK_DOCS}ops/state/task_failure_recovery/",
        rank=Rank.CONSEQUENCE,
    ),
    FailureClass(
        "re-registered",
        "it was restarted and came back under its id",
        ("A registered TaskManager {tm} re-registered with a new session id.",),
        "Its process was restarted in place.",
        "nothing to change; its log before the restart says why",
        f"{_RUNTIME}jobmaster/JobMaster.java",
        rank=Rank.CONSEQUENCE,
        severity=Severity.INFO,
    ),
)
"""All classes; in one event those that come first are nearer to the cause."""
BY_NAME = {one.name: one for one in CLASSES}
PATTERNS = tuple((pattern(message), one) for one in CLASSES for message in one.evidence)
_LITERALS = sorted(
    {max(PLACEHOLDER.split(message)[::2], key=len) for one in CLASSES for message in one.evidence}
)
"""One of them is in every line that is evidence; looking for these is quick."""


def classes_in(text: str) -> Iterator[tuple[FailureClass, dict[str, str]]]:
    """Yield the classes that a line is evidence of, with what Flink filled in."""
    text = text[:LONGEST_LOOKED_AT]
    if not any(map(text.__contains__, _LITERALS)):
        return
    seen = set()
    for wanted, one in PATTERNS:
        if one.name not in seen and (found := wanted.search(text)):
            seen.add(one.name)
            yield one, found.groupdict()
