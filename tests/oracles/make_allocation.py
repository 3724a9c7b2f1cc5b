"""Answers of real Flink about slot allocation by its ResourceManager.

Run ``python tests/oracles/make_allocation.py`` to write ``allocation.json`` next to this file: random
clusters and requirements, and what ``DefaultResourceAllocationStrategy.tryFulfillRequirements`` gives.
Registered TaskManagers come in the order in which Flink went through them. Amounts are CPU in 10^-8
core, task heap, managed and network memory in bytes, gpu in 10^-8.
"""

from __future__ import annotations

import argparse
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

from oracles.make_graphs import each, write_cases
from planner.flink.jvm import Jvm, start_jvm

MODES = ("NONE", "SLOTS", "MIN_RESOURCES", "TASKS")
MANAGER = "org.apache.flink.runtime.resourcemanager.slotmanager."
UNIT = 10**8


class Allocator:
    """Asks Flink; gateways and checkers are method handles, since Flink wants objects there."""

    def __init__(self, jvm: Jvm) -> None:
        self.jvm = jvm
        self.runtime = jvm.view.org.apache.flink.runtime
        self.types = self.runtime.clusterframework.types
        self.slotmanager = self.runtime.resourcemanager.slotmanager
        states = jvm.java_class(MANAGER + "SlotState").getEnumConstants()  # no public class
        self.allocated = next(state for state in states if state.toString() == "ALLOCATED")

    def _answering(self, interface: str, returned: str, value: Any, parameters: list[str]) -> Any:
        """Return an object with one method that gives always the same answer."""
        handles = self.jvm.view.java.lang.invoke.MethodHandles
        kinds = self.jvm.array(self.jvm.view.java.lang.Class, [self.jvm.java_class(p) for p in parameters])
        kind = (
            self.jvm.view.java.lang.Boolean.TYPE if returned == "boolean" else self.jvm.java_class(returned)
        )
        handle = handles.dropArguments(handles.constant(kind, value), 0, kinds)
        proxies = self.jvm.view.java.lang.invoke.MethodHandleProxies
        return proxies.asInterfaceInstance(self.jvm.java_class(interface), handle)

    def gateway(self) -> Any:
        handler = self._answering(
            "java.lang.reflect.InvocationHandler",
            "java.lang.Object",
            None,
            ["java.lang.Object", "java.lang.reflect.Method", "[Ljava.lang.Object;"],
        )
        interface = self.jvm.java_class("org.apache.flink.runtime.taskexecutor.TaskExecutorGateway")
        interfaces = self.jvm.array(self.jvm.view.java.lang.Class, [interface])
        proxy = self.jvm.view.java.lang.reflect.Proxy
        return proxy.newProxyInstance(interface.getClassLoader(), interfaces, handler)

    def profile(self, amounts: list[int]) -> Any:
        flink = self.jvm.view.org.apache.flink
        size = flink.configuration.MemorySize
        cpu, heap, managed, network, gpu = amounts
        builder = self.types.ResourceProfile.newBuilder().setCpuCores(cpu / UNIT)
        builder = builder.setTaskHeapMemory(size(heap)).setManagedMemory(size(managed))
        builder = builder.setNetworkMemory(size(network))
        if gpu:
            external = flink.api.common.resources.ExternalResource
            builder = builder.setExtendedResource(external("gpu", gpu / UNIT))
        return builder.build()

    def amounts(self, profile: Any) -> list[int]:
        external = profile.getExtendedResources()
        gpu = Decimal(external["gpu"].getValue()) if "gpu" in external else Decimal(0)
        return [
            int(Decimal(profile.getCpuCores().getValue()) * UNIT),
            int(profile.getTaskHeapMemory().getBytes()),
            int(profile.getManagedMemory().getBytes()),
            int(profile.getNetworkMemory().getBytes()),
            int(gpu * UNIT),
        ]

    def ask(self, case: dict[str, Any]) -> dict[str, Any]:
        """Return the case with its registered TaskManagers in Flink's order, and the answer."""
        flink = self.jvm.view.org.apache.flink
        worker = self.profile(case["worker"])
        default = self.slotmanager.SlotManagerUtils.generateDefaultSlotResourceProfile(worker, case["slots"])
        tracker = self.slotmanager.FineGrainedTaskManagerTracker()
        taken: dict[str, list[Any]] = {}
        for used in case["registered"]:
            connection = self.runtime.resourcemanager.registration.TaskExecutorConnection(
                self.types.ResourceID.generate(), self.gateway()
            )
            tracker.addTaskManager(connection, worker, default)
            identity = connection.getInstanceID()
            taken[identity.toString()] = used
            for amounts in used:
                tracker.notifySlotStatus(
                    self.types.AllocationID(),
                    flink.api.common.JobID(),
                    identity,
                    self.profile(amounts),
                    self.allocated,
                )
        job = flink.api.common.JobID()
        requirement = self.runtime.slots.ResourceRequirement
        unknown = self.types.ResourceProfile.UNKNOWN
        wanted = self.jvm.view.java.util.ArrayList()
        for profile, count in case["requirements"]:
            wanted.add(requirement.create(unknown if profile is None else self.profile(profile), count))
        requirements = self.jvm.view.java.util.HashMap()
        requirements.put(job, wanted)
        options = flink.configuration.TaskManagerOptions
        strategy = self.slotmanager.DefaultResourceAllocationStrategy(
            worker,
            case["slots"],
            getattr(options.TaskManagerLoadBalanceMode, case["mode"]),
            self.jvm.view.java.time.Duration.ofSeconds(30),
            case["redundant"],
            flink.api.common.resources.CPUResource(case["min_cpu"] / UNIT),
            flink.configuration.MemorySize(case["min_memory"]),
        )
        blocked = self._answering(
            "org.apache.flink.runtime.blocklist.BlockedTaskManagerChecker",
            "boolean",
            False,
            ["org.apache.flink.runtime.clusterframework.types.ResourceID"],
        )
        order = [manager.getInstanceId().toString() for manager in each(tracker.getRegisteredTaskManagers())]
        result = strategy.tryFulfillRequirements(requirements, tracker, blocked)
        on_registered = result.getAllocationsOnRegisteredResources()
        given = {key.toString(): value for key, value in (on_registered.get(job) or {}).items()}
        on_pending = result.getAllocationsOnPendingResources()
        return {
            **case,
            "registered": [taken[identity] for identity in order],
            "expected": {
                "registered": [self._counted(given.get(identity)) for identity in order],
                "pending": [
                    self._counted((on_pending[p.getPendingTaskManagerId()] or {}).get(job))
                    if p.getPendingTaskManagerId() in on_pending
                    else []
                    for p in result.getPendingTaskManagersToAllocate()
                ],
                "unfulfillable": bool(len(result.getUnfulfillableJobs())),
            },
        }

    def _counted(self, counter: Any) -> list[Any]:
        if counter is None:
            return []
        entries = each(counter.getResourcesWithCount())
        return sorted([self.amounts(entry.getKey()), int(entry.getValue())] for entry in entries)


def random_case(rng: random.Random) -> dict[str, Any]:
    """Draw a cluster and requirements."""
    worker = [
        rng.choice((1, 2, 4, 8)) * UNIT,
        rng.randint(500, 4000),
        rng.randint(500, 2000),
        rng.randint(100, 800),
        rng.choice((0, 0, 1, 2, 4)) * UNIT,
    ]
    slots = rng.randint(1, 5)

    def some(share: float) -> list[int]:
        gpu = rng.choice((0, 0, 0, UNIT // 2, UNIT)) if worker[4] or rng.random() < 0.05 else 0
        cpu = rng.choice((10, 25, 50, 100, 130, 200)) * UNIT // 100
        return [cpu, *(rng.randint(1, max(int(size * share), 1)) for size in worker[1:4]), gpu]

    registered: list[list[Any]] = []
    for _ in range(rng.randint(0, 5)):
        free, used = list(worker), []
        for _ in range(rng.randint(0, 3)):
            amounts = [size // slots for size in worker] if rng.random() < 0.4 else some(0.5)
            if all(have >= need for have, need in zip(free, amounts, strict=True)):
                free = [have - need for have, need in zip(free, amounts, strict=True)]
                used.append(amounts)
        registered.append(used)
    return {
        "mode": rng.choice(MODES),
        "worker": worker,
        "slots": slots,
        "redundant": rng.choice((0, 0, 1, 2)),
        "min_cpu": rng.choice((0, 0, 5, 12)) * UNIT,
        "min_memory": rng.choice((0, 0, 5000)),
        "registered": registered,
        "requirements": [
            [None if rng.random() < 0.2 else some(0.6), rng.randint(1, 8)] for _ in range(rng.randint(1, 4))
        ],
    }


def generate(jvm: Jvm, count: int, seed: int) -> list[dict[str, Any]]:
    """Return ``count`` cases with Flink's answers."""
    rng = random.Random(seed)
    allocator = Allocator(jvm)
    return [allocator.ask(random_case(rng)) for _ in range(count)]


def main() -> None:
    """Write the file of cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("allocation.json"))
    arguments = parser.parse_args()
    with start_jvm() as jvm:
        write_cases(arguments.output, generate(jvm, arguments.count, arguments.seed))


if __name__ == "__main__":
    main()
