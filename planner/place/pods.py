"""TaskManagers as pods: whether so many of each class fit on nodes, and within a quota.

Pods go onto nodes whole. The same constraints stand in the integer program that proposes TaskManagers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from planner.documents.foreign.nodes import Room
from planner.place.model.task_managers import TaskManager
from planner.place.parameters import PARAMETERS
from planner.place.sizing_plan import TooManyNodes
from planner.units import CORE, MIB


@dataclass(frozen=True, slots=True)
class Pod:
    """What one pod requests: CPU units and bytes."""

    cpu: int
    memory: int


def pod_of(tm: TaskManager) -> Pod:
    """Return what a TaskManager requests: its CPU, and its process memory."""
    fixed = tm.capacity.fixed
    outside = fixed.framework_heap + fixed.framework_off_heap + fixed.jvm_metaspace + fixed.jvm_overhead
    return Pod(tm.capacity.cpu, tm.capacity.memory + outside)


@dataclass(frozen=True)
class Pods:
    """Where the pods of classes have to fit, with ``others`` beside them, such as the JobManager's.

    ``each`` is what a TaskManager of each class requests; without ``nodes`` only the ``quota`` counts.
    """

    each: Sequence[Pod]
    others: Sequence[Pod] = ()
    nodes: Sequence[Room] = ()
    quota: Room | None = None

    def constrain(self, model: cp_model.CpModel, counts: Sequence[cp_model.LinearExprT]) -> None:
        """Let ``counts`` of each class fit.

        Raises:
            TooManyNodes: when there are more nodes than `PARAMETERS.most_nodes`.

        """
        if self.quota is not None:
            self._within(model, self.quota, counts, [1] * len(self.others))
        if not self.nodes:
            return
        if len(self.nodes) > PARAMETERS.most_nodes:
            raise TooManyNodes(f"{len(self.nodes)} nodes are too many, name at most {PARAMETERS.most_nodes}")
        on_nodes = []
        before: tuple[Room, list[cp_model.IntVar]] | None = None
        for node in sorted(self.nodes, key=lambda one: (one.cpu or 0, one.memory or 0, one.pods or 0)):
            here = [model.new_int_var(0, self._most(node, pod), "") for pod in self.each]
            others = [model.new_bool_var("") for _ in self.others]
            self._within(model, node, here, others)
            if before is not None and before[0] == node and here:
                model.add(before[1][0] >= here[0])  # equal nodes in order
            before = node, here
            on_nodes.append((here, others))
        for index, count in enumerate(counts):
            model.add(sum(here[index] for here, _ in on_nodes) == count)
        for index in range(len(self.others)):
            model.add_exactly_one(others[index] for _, others in on_nodes)

    def allow(self, counts: Sequence[int]) -> bool:
        """Tell whether so many of each class fit, as far as that is found out in time."""
        model = cp_model.CpModel()
        self.constrain(model, [model.new_int_var(count, count, "") for count in counts])
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = PARAMETERS.sizing_work / PARAMETERS.work_of_cp_sat
        return solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)

    def _most(self, room: Room, pod: Pod) -> int:
        most = [
            have // need
            for have, need in ((room.cpu, pod.cpu), (room.memory, pod.memory), (room.pods, 1))
            if have is not None and need
        ]
        return max(min(most, default=0), 0)

    def _within(
        self,
        model: cp_model.CpModel,
        room: Room,
        counts: Sequence[cp_model.LinearExprT],
        others: Sequence[cp_model.LinearExprT],
    ) -> None:
        pods = [*self.each, *self.others]
        for have, needs, unit in (
            (room.cpu, [pod.cpu for pod in pods], CORE // 1000),
            (room.memory, [pod.memory for pod in pods], MIB),
            (room.pods, [1] * len(pods), 1),
        ):
            if have is not None:
                rows = zip([*counts, *others], needs, strict=True)
                model.add(sum(number * -(-need // unit) for number, need in rows) <= have // unit)
