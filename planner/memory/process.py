"""Rules that TaskManager and JobManager memory share (`ProcessMemoryUtils`, `RangeFraction`)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from planner.errors import PlannerError
from planner.units import LONG_MAX, MIB, format_size_human, parse_size

FRAMEWORK = 128 * MIB
"""Flink's default of framework heap and framework off-heap memory, and of a JobManager's off-heap memory."""


class MemoryConfigurationError(PlannerError, ValueError):
    """A memory configuration that Flink refuses; ``code`` names the cause, ``keys`` the options in it."""

    def __init__(self, code: str, message: str, *keys: str) -> None:
        super().__init__(message)
        self.code = code
        self.keys = keys


@dataclass(frozen=True, slots=True)
class Range:
    """A part of memory that is a fraction of another one within bounds, in bytes."""

    label: str
    min: int
    max: int
    fraction: float

    def cap(self, size: int) -> int:
        """Return ``size`` moved into the bounds."""
        return max(self.min, min(size, self.max))

    def part_of(self, base: int) -> int:
        """Return the part when it is taken out of ``base``."""
        return self.cap(_multiply(base, self.fraction))

    def on_top_of(self, rest: int) -> int:
        """Return the part when ``rest`` is what remains beside it."""
        return self.cap(_multiply(rest, self.fraction / (1 - self.fraction)))


def _multiply(size: int, factor: float) -> int:
    """Multiply as `MemorySize.multiply`: the double's decimal text, exact, cut to a whole number.

    Raises:
        MemoryConfigurationError: when the product does not fit a long, as in Flink.

    """
    product = int(Decimal(size) * Decimal(repr(factor)))
    if product > LONG_MAX:
        raise MemoryConfigurationError(
            "MEM407", f"{format_size_human(size)} times {factor!r} is more than 64 bits can hold"
        )
    return product


def _float32(value: float) -> float:
    """Round to a Java float, the type of Flink's fractions, and widen again."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return float("inf")


@dataclass(frozen=True)
class Options:
    """Reads memory options of one process kind from Flink's configuration."""

    configuration: Mapping[str, str]
    prefix: str
    fallbacks: Mapping[str, str]

    def key(self, name: str) -> str:
        """Return the full key of the option ``name``."""
        return self.prefix + name

    def raw(self, name: str) -> str | None:
        """Return the text of an option; a key that is still accepted under its old name counts."""
        value = self.configuration.get(self.key(name))
        return value if value is not None else self.configuration.get(self.fallbacks.get(name, ""))

    def size(self, name: str, default: int | None = None) -> int | None:
        """Return a size in bytes.

        Raises:
            MemoryConfigurationError: when Flink cannot read it.

        """
        text = self.raw(name)
        if text is None:
            return default
        try:
            return parse_size(text)
        except ValueError as error:
            raise MemoryConfigurationError("MEM407", f"{self.key(name)}: {error}", self.key(name)) from None

    def sized(self, name: str, default: int) -> int:
        """Return a size in bytes that has a default."""
        size = self.size(name, default)
        return default if size is None else size

    def fraction(self, name: str, default: float) -> float:
        """Return a fraction as Flink holds it, a float.

        Raises:
            MemoryConfigurationError: when Flink cannot read it.

        """
        text = self.raw(name)
        try:
            return _float32(default if text is None else float(text.strip().rstrip("fFdD") or "x"))
        except ValueError:
            raise MemoryConfigurationError(
                "MEM407", f"{self.key(name)}: {text!r} is not a number", self.key(name)
            ) from None

    def flag(self, name: str) -> bool:
        """Return a switch that is off by default.

        Raises:
            MemoryConfigurationError: when it is neither true nor false.

        """
        text = (self.raw(name) or "false").strip().lower()
        if text not in ("true", "false"):
            message = f"{self.key(name)}: {text!r} is neither true nor false"
            raise MemoryConfigurationError("MEM407", message, self.key(name))
        return text == "true"

    def range(
        self, label: str, part: str, default_min: int, default_max: int, default_fraction: float
    ) -> Range:
        """Return the bounds and fraction of ``part``.

        Raises:
            MemoryConfigurationError: when min is over max, or the fraction outside [0, 1).

        """
        low = self.sized(f"{part}.min", default_min)
        high = self.sized(f"{part}.max", default_max)
        return self.checked(label, part, low, high, self.fraction(f"{part}.fraction", default_fraction))

    def checked(self, label: str, part: str, low: int, high: int, fraction: float) -> Range:
        """Return a range after Flink's consistency check (see `range`)."""
        if not (low <= high and 0 <= fraction < 1):
            reason = (
                f"min {format_size_human(low)} is over max {format_size_human(high)}"
                if low > high
                else f"fraction {fraction:.7g} is not in [0, 1)"  # as many digits as a Java float has
            )
            raise MemoryConfigurationError(
                "MEM406",
                f"{label}: {reason}",
                *(self.key(f"{part}.{end}") for end in ("min", "max", "fraction")),
            )
        return Range(label, low, high, fraction)

    def none_given(self, advice: str) -> MemoryConfigurationError:
        """Return the error of a configuration without any total; it names old keys of one that are set."""
        message = f"no memory is configured: {advice}"
        process = self.prefix.removesuffix("memory.")
        old = [key for key in (f"{process}heap.size", f"{process}heap.mb") if key in self.configuration]
        if old:
            message += f"; {old[0]} is an old key, which Flink 2 does not read"
        return MemoryConfigurationError("MEM401", message, *old, self.key("process.size"))

    def metaspace(self) -> int:
        """Return the JVM metaspace in bytes."""
        return self.sized("jvm-metaspace.size", 256 * MIB)

    def overhead_range(self) -> Range:
        """Return the bounds of the JVM overhead."""
        return self.range("JVM overhead", "jvm-overhead", 192 * MIB, 1024 * MIB, 0.1)

    def overhead_beside(self, flink: int) -> int:
        """Return the JVM overhead when total Flink memory is known.

        Raises:
            MemoryConfigurationError: when the total process size does not fit it.

        """
        metaspace = self.metaspace()
        process = self.size("process.size")
        if process is None:
            return self.overhead_range().on_top_of(flink + metaspace)
        rest = process - flink - metaspace
        if rest < 0:
            raise MemoryConfigurationError(
                "MEM405",
                f"total process memory {format_size_human(process)} is less than total Flink memory"
                f" {format_size_human(flink)} plus JVM metaspace {format_size_human(metaspace)}",
                self.key("process.size"),
                self.key("flink.size"),
                self.key("jvm-metaspace.size"),
            )
        overhead = self.overhead_range()
        if not overhead.min <= rest <= overhead.max:
            raise MemoryConfigurationError(
                "MEM404",
                f"JVM overhead has to be what remains of the process, {format_size_human(rest)}, which is not"
                f" within {format_size_human(overhead.min)}"
                f" and {format_size_human(overhead.max)}",
                self.key("process.size"),
                self.key("flink.size"),
                self.key("jvm-overhead.min"),
                self.key("jvm-overhead.max"),
            )
        return rest

    def flink_from_process(self, process: int) -> tuple[int, int]:
        """Return total Flink memory and JVM overhead of a process of the given size.

        Raises:
            MemoryConfigurationError: when metaspace and overhead alone are larger.

        """
        metaspace = self.metaspace()
        overhead = self.overhead_range().part_of(process)
        if metaspace + overhead > process:
            raise MemoryConfigurationError(
                "MEM405",
                f"JVM metaspace {format_size_human(metaspace)} plus"
                f" JVM overhead {format_size_human(overhead)} are more than"
                f" total process memory {format_size_human(process)}",
                self.key("process.size"),
                self.key("jvm-metaspace.size"),
                *(self.key(f"jvm-overhead.{end}") for end in ("min", "max", "fraction")),
            )
        return process - metaspace - overhead, overhead
