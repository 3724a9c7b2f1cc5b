"""Managed memory of a slot: what each use case needs, and what Flink's weights give it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal

from planner.documents.vocabulary import UseCase
from planner.memory.process import MemoryConfigurationError
from planner.units import MIB, parse_size

WEIGHTS = "taskmanager.memory.managed.consumer-weights"
DEFAULT_WEIGHTS = {UseCase.OPERATOR: 70, UseCase.STATE_BACKEND: 70, UseCase.PYTHON: 30}
"""Default of ``taskmanager.memory.managed.consumer-weights``."""
WRITE_BUFFERS = 2
WRITE_BUFFER_SIZE = 64 * MIB
"""Defaults of ``state.backend.rocksdb.writebuffer.count`` and ``.size``."""
WRITE_BUFFER_RATIO = Decimal("0.5")
"""Default of ``state.backend.rocksdb.memory.write-buffer-ratio``."""
INDEX_SHARE = Decimal("0.01")
"""Index and filter blocks as a share of the state on disk: an estimate."""


def consumer_weights(configuration: Mapping[str, str]) -> dict[UseCase, int]:
    """Return the weights of the use cases; setting the option replaces all of them.

    Raises:
        MemoryConfigurationError: when the option cannot be read.

    """
    text = configuration.get(WEIGHTS)
    if text is None:
        return dict(DEFAULT_WEIGHTS)
    try:
        pairs = [pair.split(":", 1) for pair in text.replace(";", ",").split(",") if pair.strip()]
        return {UseCase(name.strip()): int(weight) for name, weight in pairs}
    except ValueError:
        message = f"{WEIGHTS}: {text[:60]!r} is not a list such as OPERATOR:70,STATE_BACKEND:70,PYTHON:30"
        raise MemoryConfigurationError("MEM407", message, WEIGHTS) from None


def shares(present: Iterable[UseCase], weights: Mapping[UseCase, int]) -> dict[UseCase, Decimal]:
    """Return the fraction of a slot's managed memory that each use case present in the group gets.

    As `ManagedMemoryUtils`: the weight over the sum of weights, sixteen decimals, the rest cut off.
    """
    used = {use: weights.get(use, 0) for use in present}
    total = sum(used.values())
    step = Decimal("1e-16")
    if not total:
        return dict.fromkeys(used, Decimal(0))
    return {use: (Decimal(w) / total).quantize(step, rounding=ROUND_DOWN) for use, w in used.items()}


def split(needs: Mapping[UseCase, int], weights: Mapping[UseCase, int]) -> dict[UseCase, int]:
    """Return the managed memory of a slot by use case so that Flink's weights give each what it needs.

    A use case without weight gets nothing from Flink, whatever the slot has.
    """
    present = [use for use, need in needs.items() if need]
    fractions = shares(present, weights)
    wanted = [-(-Decimal(needs[use]) // fraction) for use, fraction in fractions.items() if fraction]
    total = -(-int(max(wanted, default=Decimal(0))) // MIB) * MIB
    if len(present) <= 1:
        return {use: needs[use] for use in present}
    found = {use: int(total * fraction) for use, fraction in fractions.items()}
    first = max(found, key=lambda use: found[use])
    return {**found, first: total - sum(size for use, size in found.items() if use is not first)}


def lowered(managed: Mapping[UseCase, int], total: int) -> dict[UseCase, int]:
    """Return managed memory of ``total`` bytes that use cases share as they share ``managed``."""
    before = sum(managed.values())
    found = {use: size * total // max(before, 1) for use, size in managed.items()}
    first = next(iter(found), None)
    return {use: size + (total - sum(found.values()) if use is first else 0) for use, size in found.items()}


def rocksdb_working_set(state: int, configuration: Mapping[str, str]) -> int:
    """Return the managed memory in bytes that one keyed operator's RocksDB or ForSt wants in a slot.

    ``state`` is its state on disk for one subtask, 0 if unknown. Flink cuts a cache of
    ``(3 - ratio) / 3`` and write buffers of ``2 x ratio / 3`` out of the managed memory
    (`RocksDBMemoryControllerUtils`): the second has to hold the write buffers, the first those and
    the index and filter blocks.
    """
    ratio = Decimal(
        configuration.get("state.backend.rocksdb.memory.write-buffer-ratio", str(WRITE_BUFFER_RATIO))
    )
    count = int(configuration.get("state.backend.rocksdb.writebuffer.count", WRITE_BUFFERS))
    size = configuration.get("state.backend.rocksdb.writebuffer.size")
    buffers = count * (parse_size(size) if size else WRITE_BUFFER_SIZE)
    for_buffers = Decimal(3 * buffers) / (2 * ratio) if ratio else Decimal(0)
    for_cache = (buffers + state * INDEX_SHARE) * 3 / (3 - ratio)
    wanted = max(for_buffers, for_cache)
    return -(-int(wanted) // MIB) * MIB


def fixed_rocksdb_memory(configuration: Mapping[str, str], backend: str = "rocksdb") -> int | None:
    """Return what RocksDB (or ForSt) takes of a slot outside of managed memory, None where it uses that.

    ``fixed-per-slot`` goes before managed memory; without either its size is open, and 0 stands here.

    Raises:
        ValueError: when an option cannot be read.

    """
    prefix = f"state.backend.{backend}.memory."
    fixed = configuration.get(f"{prefix}fixed-per-slot")
    if fixed is not None:
        return parse_size(fixed)
    managed = configuration.get(f"{prefix}managed", "true").strip().lower() != "false"
    if managed and f"{prefix}fixed-per-tm" not in configuration:
        return None
    return 0
