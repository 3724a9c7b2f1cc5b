"""What a process is started with: JVM arguments, dynamic options and parts (`BashJavaUtils`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.memory.jobmanager import JobManagerMemory, derive_jobmanager
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import TaskManagerMemory, derive_taskmanager


@dataclass(frozen=True)
class Launch:
    """How Flink's scripts would start a process with a configuration."""

    memory: TaskManagerMemory | JobManagerMemory
    dynamic_options: Mapping[str, str]

    @property
    def jvm_arguments(self) -> list[str]:
        """The JVM arguments, in Flink's order."""
        return jvm_arguments(self.memory)


def launch_jobmanager(configuration: Mapping[str, str]) -> Launch:
    """Return how a JobManager with ``configuration`` is started.

    Raises:
        MemoryConfigurationError: where Flink refuses.

    """
    memory = derive_jobmanager(configuration)
    return Launch(memory, memory.dynamic_options())


def launch_taskmanager(configuration: Mapping[str, str]) -> Launch:
    """Return how a TaskManager with ``configuration`` is started.

    Raises:
        MemoryConfigurationError: where Flink refuses.

    """
    memory = derive_taskmanager(configuration)
    slots = _slots(configuration)
    external = _external_resources(configuration)
    options = {
        "taskmanager.cpu.cores": java_double(_cpu_cores(configuration, slots)),
        **memory.dynamic_options(),
        "taskmanager.numberOfTaskSlots": str(slots),
        **_external_options(external),
    }
    return Launch(memory, options)


def _integer(key: str, text: str) -> int:
    try:
        return int(text.strip())
    except ValueError:
        raise MemoryConfigurationError("MEM407", f"{key}: {text!r} is not a whole number", key) from None


def _slots(configuration: Mapping[str, str]) -> int:
    key = "taskmanager.numberOfTaskSlots"
    return _integer(key, configuration.get(key, "1"))


def _cpu_cores(configuration: Mapping[str, str], slots: int) -> float:
    """Return the cores of a TaskManager: as configured, else one for each slot."""
    key = "taskmanager.cpu.cores"
    try:
        cores = float(configuration.get(key, slots))
    except ValueError:
        raise MemoryConfigurationError(
            "MEM407", f"{key}: {configuration[key]!r} is not a number", key
        ) from None
    if not cores > 0:
        given = key if key in configuration else "taskmanager.numberOfTaskSlots"
        raise MemoryConfigurationError("MEM408", f"{given}: {cores:g} has to be more than 0", given)
    return cores


def java_double(value: float) -> str:
    """Spell a number as Java's ``Double.toString`` does in the range of CPU cores."""
    if 1e-3 <= value < 1e7 or value == 0:
        return repr(float(value))
    mantissa, exponent = f"{value!r}".lower().split("e") if "e" in repr(value).lower() else _scientific(value)
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _scientific(value: float) -> tuple[str, str]:
    digits = repr(value).replace(".", "").strip("0")
    exponent = (
        len(repr(value).split(".")[0]) - 1
        if value >= 1
        else repr(value).split(".")[1].index(digits[0]) * -1 - 1
    )
    return f"{digits[0]}.{digits[1:] or '0'}", str(exponent)


def _external_resources(configuration: Mapping[str, str]) -> dict[str, int]:
    """Return the external resources that Flink takes into account: those with a positive amount."""
    found: dict[str, int] = {}
    for name in configuration.get("external-resources", "").split(";"):
        name = name.strip()
        key = f"external-resource.{name}.amount"
        if not name or name == "none" or key not in configuration:
            continue
        amount = _integer(key, configuration[key])
        if amount > 0:
            found[name] = amount
    return found


def _external_options(external: Mapping[str, int]) -> dict[str, str]:
    if not external:
        return {"external-resources": "none"}
    names = java_hash_order(list(external))
    amounts = {f"external-resource.{name}.amount": str(external[name]) for name in names}
    return {"external-resources": f'"{";".join(names)}"', **amounts}


def java_hash_order(keys: Sequence[str]) -> list[str]:
    """Return ``keys`` in the order in which a ``java.util.HashMap`` that they were put into has them."""
    size = 16
    while len(keys) > size * 3 // 4:
        size *= 2

    def bucket(key: str) -> int:
        code = 0
        for unit in key.encode("utf-16-be")[1::2] if key.isascii() else _utf16(key):
            code = (code * 31 + unit) & 0xFFFFFFFF
        return (code ^ code >> 16) & (size - 1)

    return sorted(keys, key=bucket)


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
