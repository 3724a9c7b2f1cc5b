"""Ask real Flink for the memory of random TaskManager and JobManager configurations: memory.json."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError

from planner.flink.jvm import Jvm, start_jvm

if TYPE_CHECKING:
    from collections.abc import Iterator

TM, JM = "taskmanager.memory.", "jobmanager.memory."


def _size(rng: random.Random, low: int, high: int) -> str:
    """Spell a random size in MiB, sometimes with odd bytes or another unit."""
    mebi = rng.randint(low, high)
    return rng.choice(
        [
            f"{mebi}m",
            f"{mebi} mb",
            f"{mebi}m",
            f"{mebi * 1024}k",
            str(mebi * 2**20 + rng.randint(0, 999)),
            f"{mebi}MB",
        ]
    )


def _fraction(rng: random.Random) -> str:
    return rng.choice(
        [
            f"{rng.random():.{rng.randint(1, 9)}f}",
            f"{rng.random() / 4:.3f}",
            "0",
            "0.0",
            "1.0",
            "0.999",
            "1e-2",
            ".25",
        ]
    )


def taskmanager(rng: random.Random) -> dict[str, str]:
    """Return a random TaskManager configuration; about a third is refused."""
    conf: dict[str, str] = {}
    total = rng.choice([512, 900, 1024, 1728, 2048, 4096, 8192, 16384, 65536])
    for path in rng.choice(
        [
            ("process",),
            ("process",),
            ("flink",),
            ("flink",),
            ("parts",),
            ("process", "parts"),
            ("flink", "parts"),
            ("process", "flink"),
            (),
        ]
    ):
        if path == "parts":
            conf[TM + "task.heap.size"] = _size(rng, 0, total // 2)
            conf[rng.choice([TM + "managed.size", "taskmanager.memory.size"])] = _size(rng, 0, total // 2)
        else:
            conf[f"{TM}{path}.size"] = _size(rng, total // 2 if path == "flink" else total, total)
    optional = {
        "framework.heap.size": lambda: _size(rng, 0, 256),
        "framework.off-heap.size": lambda: _size(rng, 0, 256),
        "task.heap.size": lambda: _size(rng, 0, total // 2),
        "task.off-heap.size": lambda: _size(rng, 0, total // 8),
        "managed.size": lambda: _size(rng, 0, total // 2),
        "managed.fraction": lambda: _fraction(rng),
        "network.min": lambda: _size(rng, 0, total // 8),
        "network.max": lambda: _size(rng, 32, total),
        "network.fraction": lambda: _fraction(rng),
        "jvm-metaspace.size": lambda: _size(rng, 0, 512),
        "jvm-overhead.min": lambda: _size(rng, 0, 256),
        "jvm-overhead.max": lambda: _size(rng, 128, 2048),
        "jvm-overhead.fraction": lambda: _fraction(rng),
    }
    conf |= {
        TM + key: make() for key, make in optional.items() if TM + key not in conf and rng.random() < 0.1
    }
    if rng.random() < 0.1:
        old, value = rng.choice([("min", "48m"), ("max", "1g"), ("fraction", "0.2")])
        conf["taskmanager.network.memory." + old] = value
    if rng.random() < 0.3:
        conf["taskmanager.numberOfTaskSlots"] = str(rng.choice([1, 2, 3, 7, 32, 0]))
    if rng.random() < 0.3:
        conf["taskmanager.cpu.cores"] = rng.choice(["1", "0.5", "2.25", "16", "1e-4", "0", "-1", "12345678"])
    if rng.random() < 0.2:
        names = rng.sample(["gpu", "fpga", "slot-a", "slot-b", "x", "license"], rng.randint(1, 4))
        conf["external-resources"] = ";".join(names)
        conf |= {
            f"external-resource.{name}.amount": str(rng.choice([0, 1, 2, 5]))
            for name in names
            if rng.random() < 0.9
        }
    if rng.random() < 0.03:
        conf[TM + "process.size"] = rng.choice(["4gib", "-1", "x", "9223372036854775808"])
    return conf


def jobmanager(rng: random.Random) -> dict[str, str]:
    """Return a random JobManager configuration; about a third is refused."""
    conf: dict[str, str] = {}
    total = rng.choice([256, 600, 1024, 1600, 4096, 20480])
    for path in rng.choice(
        [
            ("process",),
            ("process",),
            ("flink",),
            ("heap",),
            ("heap", "flink"),
            ("heap", "process"),
            ("flink", "process"),
            (),
        ]
    ):
        conf[f"{JM}{path}.size"] = _size(rng, total // 2, total)
    optional = {
        "off-heap.size": lambda: _size(rng, 0, total // 2),
        "enable-jvm-direct-memory-limit": lambda: rng.choice(["true", "false"]),
        "jvm-metaspace.size": lambda: _size(rng, 0, 512),
        "jvm-overhead.min": lambda: _size(rng, 0, 256),
        "jvm-overhead.max": lambda: _size(rng, 128, 2048),
        "jvm-overhead.fraction": lambda: _fraction(rng),
    }
    return conf | {JM + key: make() for key, make in optional.items() if rng.random() < 0.2}


class Oracle:
    """Flink's own derivation of memory in one JVM."""

    def __init__(self, jvm: Jvm) -> None:
        self._flink = jvm.view.org.apache.flink
        self._configuration = self._flink.configuration.Configuration
        runtime = self._flink.runtime
        self._tm = runtime.clusterframework.TaskExecutorProcessUtils
        self._jm = runtime.jobmanager.JobManagerProcessUtils
        self._memory = runtime.util.config.memory.ProcessMemoryUtils

    def answer(self, process: str, conf: dict[str, str]) -> dict[str, Any]:
        """Return JVM arguments and dynamic options, or the message with which Flink refuses."""
        java = self._configuration.fromMap(conf)
        case: dict[str, Any] = {"process": process, "config": conf}
        try:
            arguments, options = (
                self._taskmanager(java) if process == "taskmanager" else self._jobmanager(java)
            )
        except Py4JJavaError as error:
            return {**case, "error": str(error.java_exception.getMessage())}
        pairs = (part.split("=", 1) for part in options.replace(" -D ", "\n").removeprefix("-D ").split("\n"))
        return {
            **case,
            "jvmArguments": arguments.split(),
            "dynamicOptions": {k.strip(): v.strip() for k, v in pairs},
        }

    def _taskmanager(self, java: Any) -> tuple[str, str]:
        spec = self._tm.processSpecFromConfig(java)
        return self._memory.generateJvmParametersStr(spec), self._tm.generateDynamicConfigsStr(spec)

    def _jobmanager(self, java: Any) -> tuple[str, str]:
        spec = self._jm.processSpecFromConfig(java)
        return self._jm.generateJvmParametersStr(spec, java), self._jm.generateDynamicConfigsStr(spec)


def generate(jvm: Jvm, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Return ``count`` answered random configurations, a third of them for JobManagers."""
    oracle, rng = Oracle(jvm), random.Random(seed)
    for number in range(count):
        process = "jobmanager" if number % 3 == 2 else "taskmanager"
        yield oracle.answer(process, jobmanager(rng) if process == "jobmanager" else taskmanager(rng))


def needs(rng: random.Random) -> dict[str, int]:
    """Return random needs of the slots of a TaskManager, in bytes."""
    return {
        name: rng.choice([0, rng.randint(0, 2**20), rng.randint(0, 2**32), rng.randint(0, 2**37)])
        for name in ("task_heap", "task_off_heap", "managed", "network")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("memory.json"))
    options = parser.parse_args()
    with start_jvm() as jvm:
        cases = list(generate(jvm, options.count, options.seed))
    options.output.write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
