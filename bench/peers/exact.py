"""HiGHS over whole placements: resources, constraints of groups and the reserve from their meaning.

    python bench/peers/exact.py SECONDS < instances.json > answers.json

Each of the instances holds ``slots`` (group, loads by sample, count, and how many are ``kept`` on each
TaskManager, if they are), ``demands`` by group, ``task_managers`` (id, class, zone, cpu, limits as pairs of
summed demands and amount), ``constraints`` by group, ``reserve`` and ``reserveByClass``. An answer is the
least highest CPU utilisation over all samples, "infeasible", or null where time was too short. With
``before`` (quotas by id and group) and ``weights`` by group it is the least weight of the slots that change
their TaskManager, with ``packed`` the least number of TaskManagers that hold slots; ``within`` is a
utilisation that none may exceed, ``most`` how many TaskManagers may hold slots. Nothing of planner is used:
`highspy` and `ortools` cannot be imported in one process.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import highspy


def solve(instance: dict[str, Any], seconds: float) -> float | str | None:
    """Minimise the highest utilisation of ``instance``, what moves in it, or how many hold slots."""
    model = _Model(instance)
    model.solver.setOptionValue("time_limit", seconds)
    if "before" in instance:
        goal = model.moved(instance)
    else:
        goal = model.used() if "packed" in instance else model.top
    model.solver.minimize(goal)
    status = model.solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return "infeasible"
    if status != highspy.HighsModelStatus.kOptimal:
        return None
    return float(model.solver.getObjectiveValue())


class _Model:
    """The counts of each kind of slot on each TaskManager as integers."""

    def __init__(self, instance: dict[str, Any]) -> None:
        self.slots = instance["slots"]
        self.task_managers = instance["task_managers"]
        self.demands = instance["demands"]
        self.solver = highspy.Highs()
        for option in ("mip_rel_gap", "mip_abs_gap"):
            self.solver.setOptionValue(option, 0.0)
        self.solver.setOptionValue("output_flag", False)
        self.top = self.solver.addVariable(lb=0)
        self.x = [
            [self.solver.addIntegral(lb=0, ub=slot["count"]) for slot in self.slots]
            for _ in self.task_managers
        ]
        for k, slot in enumerate(self.slots):
            self._require(self._sum(row[k] for row in self.x) == slot["count"])
        self.spare = [self.solver.addBinary() for _ in self.task_managers]
        for i, tm in enumerate(self.task_managers):
            for sample in range(len(self.slots[0]["loads"])):
                load = self._sum(
                    x * (slot["loads"][sample] / tm["cpu"])
                    for x, slot in zip(self.x[i], self.slots, strict=True)
                )
                self._require(load <= self.top)
            self._within(i, tm, None)
        for group, rule in instance["constraints"].items():
            self._constrain(group, rule)
        for k, slot in enumerate(self.slots):
            if slot["kept"] is not None:
                for i, tm in enumerate(self.task_managers):
                    self._require(self.x[i][k] == slot["kept"].get(tm["id"], 0))
        self._reserve(instance["reserve"], instance["reserveByClass"])
        if "within" in instance:
            self._require(self.top <= instance["within"])
        if "most" in instance:
            self._require(self.used() <= instance["most"])

    def moved(self, instance: dict[str, Any]) -> Any:
        """Return what moves, where no utilisation is above what is asked for.

        Slots of a group that come where they were not, or leave where they were: whichever are fewer, since
        the others are new, or gone.
        """
        total = 0 * self.top
        for group in {slot["group"] for slot in self.slots}:
            before = [instance["before"].get(tm["id"], {}).get(group, 0) for tm in self.task_managers]
            count = sum(slot["count"] for slot in self.slots if slot["group"] == group)
            sign = 1 if count < sum(before) else -1
            for i, was in enumerate(before):
                change = self.solver.addVariable(lb=0)
                self._require(change >= sign * self._stands(i, group) - sign * was)
                total += change * instance["weights"][group]
        return total

    def used(self) -> Any:
        """Return how many TaskManagers hold slots."""
        total, used = sum(slot["count"] for slot in self.slots), []
        for row in self.x:
            used.append(self.solver.addBinary())
            self._require(self._sum(row) <= total * used[-1])
        return self._sum(used)

    def _require(self, constraint: Any) -> None:
        self.solver.addConstr(constraint)

    def _sum(self, terms: Any) -> Any:
        return self.solver.qsum(list(terms)) + 0 * self.top

    def _within(self, i: int, tm: dict[str, Any], only_if: Any) -> None:
        """Let what stands on TaskManager ``i`` fit on ``tm``, always or where a binary is 1."""
        for need, limit in tm["limits"]:
            used = self._sum(
                x * sum(self.demands[slot["group"]].get(part, 0) for part in need)
                for x, slot in zip(self.x[i], self.slots, strict=True)
            )
            if only_if is None:
                self._require(used <= limit)
            else:
                most = sum(
                    slot["count"] * sum(self.demands[slot["group"]].get(part, 0) for part in need)
                    for slot in self.slots
                )
                self._require(used <= limit + most * (1 - only_if))

    def _stands(self, i: int, group: str) -> Any:
        return self._sum(x for x, slot in zip(self.x[i], self.slots, strict=True) if slot["group"] == group)

    def _constrain(self, group: str, rule: dict[str, Any]) -> None:
        total = sum(slot["count"] for slot in self.slots if slot["group"] == group)
        for i, tm in enumerate(self.task_managers):
            names = {tm["id"], tm["class"]}
            if (rule["pinned"] and not names & set(rule["pinned"])) or names & set(rule["forbidden"]):
                self._require(self._stands(i, group) <= 0)
            if rule["maxPerTaskManager"] is not None:
                self._require(self._stands(i, group) <= rule["maxPerTaskManager"])
            for other in rule["antiAffinity"]:
                if other != group and any(slot["group"] == other for slot in self.slots):
                    here = self.solver.addBinary()
                    others = sum(slot["count"] for slot in self.slots if slot["group"] == other)
                    self._require(self._stands(i, group) <= total * here)
                    self._require(self._stands(i, other) <= others * (1 - here))
        self._present(group, rule["minTaskManagers"], [[i] for i in range(len(self.task_managers))])
        zones: dict[str, list[int]] = {}
        for i, tm in enumerate(self.task_managers):
            if tm["zone"] is not None:
                zones.setdefault(tm["zone"], []).append(i)
        self._present(group, rule["minZones"], list(zones.values()))

    def _present(self, group: str, least: int | None, places: list[list[int]]) -> None:
        if least is None:
            return
        there = [self.solver.addBinary() for _ in places]
        for flag, members in zip(there, places, strict=True):
            self._require(flag <= self._sum(self._stands(i, group) for i in members))
        self._require(self._sum(there) >= least)

    def _reserve(self, count: int, by_class: dict[str, int]) -> None:
        for name in {tm["class"] for tm in self.task_managers} if by_class else ():
            own = [self.spare[i] for i, tm in enumerate(self.task_managers) if tm["class"] == name]
            self._require(self._sum(own) == by_class.get(name, 0))
        if not by_class:
            self._require(self._sum(self.spare) == min(count, len(self.spare)))
        total = sum(slot["count"] for slot in self.slots)
        for i in range(len(self.task_managers)):
            self._require(self._sum(self.x[i]) <= total * (1 - self.spare[i]))
            for j, tm in enumerate(self.task_managers):
                if count and i != j:
                    self._within(i, tm, self.spare[j])


if __name__ == "__main__":
    output, sys.stdout = sys.stdout, sys.stderr  # the solver prints
    json.dump([solve(one, float(sys.argv[1])) for one in json.load(sys.stdin)], output)
