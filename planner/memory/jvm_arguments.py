"""The JVM arguments of Flink's start scripts; managed memory and JVM overhead have none."""

from __future__ import annotations

from planner.memory.jobmanager import JobManagerMemory
from planner.memory.taskmanager import TaskManagerMemory

_OPENS = [
    "java.lang",
    "java.net",
    "java.io",
    "java.nio",
    "sun.nio.ch",
    "java.lang.reflect",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
]
JAVA_17 = tuple(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENS)
"""What Flink's shipped configuration passes to Java 17 in ``env.java.opts.all``."""


def jvm_arguments(memory: TaskManagerMemory | JobManagerMemory) -> list[str]:
    """Return the JVM arguments of a process (`ProcessMemoryUtils.generateJvmParametersStr`).

    Direct memory of a JobManager has a limit only if the configuration asks for one.
    """
    if isinstance(memory, TaskManagerMemory):
        heap = memory.framework_heap + memory.task_heap
        direct: int | None = memory.framework_off_heap + memory.task_off_heap + memory.network
    else:
        heap, direct = memory.heap, memory.off_heap if memory.direct_limit else None
    return [
        f"-Xmx{heap}",
        f"-Xms{heap}",
        *([] if direct is None else [f"-XX:MaxDirectMemorySize={direct}"]),
        f"-XX:MaxMetaspaceSize={memory.jvm_metaspace}",
    ]
