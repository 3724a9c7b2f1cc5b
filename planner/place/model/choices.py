"""What a problem leaves open, settled: the TaskManagers in reserve, the slots that stand in places.

A settled problem is of slots and limits alone. "At least k TaskManagers" is the same for k slots of the
group of which no TaskManager takes two, and a zone for one slot that stands in it. Slots of unequal load
differ in which of them those are, TaskManagers in which of them are in reserve: each way is a choice, and
a placement of the problem is one of some choice.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from planner.documents.vocabulary import Cover
from planner.place.model.constraints import Presence, zone_of
from planner.place.model.problem import Problem, SlotType, Solution, TaskManagerClass
from planner.place.parameters import PARAMETERS


@dataclass(frozen=True, slots=True)
class SetAside:
    """A slot of the type with this number that stands in ``zone``, if given, and counts where ``spread``."""

    type: int
    zone: str | None
    spread: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Which TaskManagers stay empty, by number, and which slots are set aside."""

    spare: tuple[int, ...] = ()
    slots: tuple[SetAside, ...] = ()


def choices(problem: Problem, most: int = PARAMETERS.choices) -> tuple[list[Choice], bool]:
    """Return ways to settle ``problem``, and whether these are all.

    The largest TaskManagers come first as those in reserve, zones with most CPU as those to stand in. A group
    with too few slots for its places has no way.
    """
    ways = [[Choice(spare) for spare in itertools.islice(_spare_ways(problem), most)]]
    for group in dict.fromkeys(one.group for one in problem.presences):
        ways.append([Choice(slots=way) for way in itertools.islice(_group_ways(problem, group), most)])
    complete, number = True, 1
    for way in ways:
        number *= len(way)
        complete &= len(way) < most
    complete &= number <= most
    # the first of each first, then those that are nearest to it: none has to wait for all ways of another
    picks = sorted(
        itertools.islice(itertools.product(*(range(len(way)) for way in ways)), most**2),
        key=lambda pick: (sum(pick), pick),
    )[:most]
    return [_joined(way[index] for way, index in zip(ways, pick, strict=True)) for pick in picks], complete


def _joined(parts: Iterator[Choice]) -> Choice:
    listed = list(parts)
    return Choice(listed[0].spare, tuple(slot for part in listed for slot in part.slots))


def _spare_ways(problem: Problem) -> Iterator[tuple[int, ...]]:
    """Return the TaskManagers to keep in reserve, way after way: of those that differ in nothing the last.

    On none of them slots stay; those that were in reserve before come first.
    """
    by_zone, kept = _by_zone(problem), problem.kept
    alike: defaultdict[tuple[int, str | None, bool], list[int]] = defaultdict(list)
    for tm in problem.usable:
        name = problem.task_managers[tm].id
        zone = zone_of(problem.task_managers[tm]) if by_zone else None
        if name not in kept.holders:
            alike[problem.class_of[tm], zone, name in kept.spares].append(tm)

    def size(members: Sequence[int]) -> tuple[int, int, int]:
        capacity = problem.task_managers[members[-1]].capacity
        return -capacity.cpu, -capacity.memory, -members[-1]

    # a cover asks for the smallest that suffice; of a number of them each has to hold what any other one does
    kinds = sorted(alike.values(), key=size, reverse=problem.cover is not None)
    kinds.sort(key=lambda members: problem.task_managers[members[-1]].id not in kept.spares)
    if not problem.reserve_by_class:
        return _picks(kinds, min(problem.reserve, len(problem.usable)))
    picks = [
        _picks([kind for kind in kinds if problem.classes[problem.class_of[kind[0]]].name == name], count)
        for name, count in problem.reserve_by_class
    ]
    # more ways of one class than are tried are more ways of all
    tried = [itertools.islice(ways, PARAMETERS.choices) for ways in picks]
    return (tuple(itertools.chain(*way)) for way in itertools.product(*tried))


def _picks(kinds: Sequence[Sequence[int]], wanted: int) -> Iterator[tuple[int, ...]]:
    """Yield the ways to take so many TaskManagers: of each kind the last, most of the first kinds first."""
    room = [sum(map(len, kinds[number:])) for number in range(len(kinds) + 1)]

    def deeper(number: int, left: int) -> Iterator[tuple[int, ...]]:
        if not left:
            yield ()
            return
        if left > room[number]:
            return
        members = kinds[number]
        for count in range(min(left, len(members)), -1, -1):
            for rest in deeper(number + 1, left - count):
                yield (*members[len(members) - count :], *rest)

    return deeper(0, wanted)


def _by_zone(problem: Problem) -> bool:
    """Tell whether TaskManagers that are equal otherwise differ by the zone in which they are."""
    return problem.cover is Cover.ANY_ZONE or any(one.zones for one in problem.presences)


def _group_ways(problem: Problem, group: str) -> Iterator[tuple[SetAside, ...]]:
    """Yield the slots of a group to set aside. One in a zone counts for one of the TaskManagers as well."""
    types = [t for t, slot in enumerate(problem.types) if slot.group == group]
    zones, spread = _presences(problem, group)
    least = spread.least if spread else 0
    for in_these in itertools.combinations(_zones(problem, zones), zones.least) if zones else [()]:
        for standing in itertools.product(types, repeat=len(in_these)):
            for others in itertools.combinations_with_replacement(types, max(least - len(in_these), 0)):
                wanted = Counter((*standing, *others))
                if all(count <= problem.types[t].count for t, count in wanted.items()):
                    in_zones = zip(standing, in_these, strict=True)
                    yield (
                        *(SetAside(t, zone, n < least) for n, (t, zone) in enumerate(in_zones)),
                        *(SetAside(t, None, True) for t in others),
                    )


def _zones(problem: Problem, presence: Presence) -> list[str]:
    """Return the zones where a group may stand, those with most CPU first, then missing ones."""
    cpu: Counter[str] = Counter()
    for tm in problem.usable:
        zone = zone_of(problem.task_managers[tm])
        if zone is not None and problem.may_hold(tm, presence.group):
            cpu[zone] += problem.cpu(tm)
    zones = [zone for zone, _ in cpu.most_common()]
    return [*zones, *(f"(missing {n})" for n in range(presence.least - len(zones)))]


def settle(problem: Problem, choice: Choice) -> Problem:
    """Return what remains of ``problem`` when ``choice`` is made: a problem of slots and limits alone.

    What stands on any TaskManager has to fit on each of those in reserve, which are to take it over; with a
    ``cover`` its share of what may be lost has to fit on all of them. That is necessary; whether it
    suffices is for `planner.place.spares` to tell.
    """
    if not problem.open:
        return problem
    needs = {name: need for slot in choice.slots for name, need in _needs(problem, slot).items()}
    names = sorted(needs)
    parts = _parts(problem, choice)
    kinds = list(enumerate(t for t, _, _ in parts))
    rivals = set(problem.rivals)
    return replace(
        problem,
        types=tuple(_part(problem, t, names, own, count) for t, own, count in parts),
        classes=tuple(_remaining(problem, choice.spare, [needs[name] for name in names])),
        resources=(*problem.resources, *names),
        spare=tuple(sorted(choice.spare)),
        rivals=tuple((i, j) for i, a in kinds for j, b in kinds if (a, b) in rivals),
        reasons={**problem.reasons, **{name: needs[name].reason for name in names}},
        presences=(),
        reserve=0,
        reserve_by_class=(),
        cover=None,
    )


def chosen(problem: Problem, solution: Solution, spare: Sequence[int]) -> tuple[Choice, Solution]:
    """Return a choice that a ``solution`` of ``problem`` is of, and the solution of what `settle` leaves."""
    at: list[tuple[int, SetAside]] = []
    for group in dict.fromkeys(one.group for one in problem.presences):
        at += _representatives(problem, group, solution)
    choice = Choice(tuple(sorted(spare)), tuple(slot for _, slot in at))
    standing = Counter((tm, slot.type, frozenset(_needs(problem, slot))) for tm, slot in at)
    aside = Counter((tm, slot.type) for tm, slot in at)
    parts = _parts(problem, choice)
    counts = {
        tm: tuple(
            standing[tm, t, own] if own else solution.counts[tm][t] - aside[tm, t] for t, own, _ in parts
        )
        for tm in problem.usable
        if tm not in choice.spare
    }
    return choice, Solution(counts)


def merged(problem: Problem, settled: Problem, solution: Solution) -> Solution:
    """Return the solution of ``problem`` that a ``solution`` of what a choice leaves of it is."""
    counts = {tm: [0] * len(problem.types) for tm in problem.usable}
    for tm, row in solution.counts.items():
        for slot, count in zip(settled.types, row, strict=True):
            counts[tm][problem.number_of[slot.key]] += count
    return Solution({tm: tuple(row) for tm, row in counts.items()})


def _representatives(problem: Problem, group: str, solution: Solution) -> Iterator[tuple[int, SetAside]]:
    """Yield a slot of a group, and its TaskManager, for each place in which it has to stand."""
    zones, spread = _presences(problem, group)
    types = [t for t, slot in enumerate(problem.types) if slot.group == group]
    stands = {
        tm: next(t for t in types if solution.counts[tm][t])
        for tm in problem.usable
        if any(solution.counts[tm][t] for t in types)
    }
    least = spread.least if spread else 0
    first: dict[str, int] = {}
    for tm in stands:
        zone = zone_of(problem.task_managers[tm])
        if zone is not None:
            first.setdefault(zone, tm)
    in_zones = dict(itertools.islice(first.items(), zones.least if zones else 0))
    for number, (zone, tm) in enumerate(in_zones.items()):
        yield tm, SetAside(stands[tm], zone, number < least)
    others = [tm for tm in stands if tm not in in_zones.values()]
    for tm in others[: max(least - len(in_zones), 0)]:
        yield tm, SetAside(stands[tm], None, spread=True)


@dataclass(frozen=True, slots=True)
class _Need:
    """What a slot that is set aside needs: to stand in ``zone``, or on a TaskManager without another one."""

    reason: str
    zone: str | None

    def limit(self, zone: str | None) -> int | None:
        """Return how many such slots a TaskManager in ``zone`` may hold."""
        if self.zone is None:
            return 1
        return None if zone == self.zone else 0


def _presences(problem: Problem, group: str) -> tuple[Presence | None, Presence | None]:
    """Return what a group demands of zones, and of TaskManagers."""
    mine = [one for one in problem.presences if one.group == group]
    return next((one for one in mine if one.zones), None), next((one for one in mine if not one.zones), None)


def _needs(problem: Problem, slot: SetAside) -> dict[str, _Need]:
    """Return what a slot needs by the name of the resource that stands for it."""
    group = problem.types[slot.type].group
    zones, spread = _presences(problem, group)
    needs: dict[str, _Need] = {}
    if slot.zone is not None and zones is not None:
        needs[f"{group} in zone {slot.zone}"] = _Need(zones.reason, slot.zone)
    if slot.spread and spread is not None:
        needs[f"TaskManagers of {group}"] = _Need(spread.reason, None)
    return needs


def _parts(problem: Problem, choice: Choice) -> list[tuple[int, frozenset[str], int]]:
    """Return the types of slots as parts: type, what they need because they are set aside, and how many."""
    aside: defaultdict[int, Counter[frozenset[str]]] = defaultdict(Counter)
    for slot in choice.slots:
        aside[slot.type][frozenset(_needs(problem, slot))] += 1
    parts: list[tuple[int, frozenset[str], int]] = []
    for t, slot_type in enumerate(problem.types):
        parts += [(t, needs, count) for needs, count in aside[t].items()]
        if rest := slot_type.count - aside[t].total():
            parts.append((t, frozenset(), rest))
    return parts


def _part(problem: Problem, t: int, names: Sequence[str], own: frozenset[str], count: int) -> SlotType:
    slot = problem.types[t]
    return replace(slot, demand=(*slot.demand, *(int(name in own) for name in names)), count=count)


def _remaining(problem: Problem, spare: Sequence[int], needs: Sequence[_Need]) -> Iterator[TaskManagerClass]:
    """Yield the classes without those in reserve, with what `SetAside` slots need as more limits."""
    used = Counter(zone_of(problem.task_managers[tm]) for tm in problem.usable if tm not in spare)
    caps = {zone: _caps(problem, spare, zone, count) for zone, count in used.items()}
    by_zone = problem.cover is Cover.ANY_ZONE
    for entry in problem.classes:
        members: dict[tuple[str | None, tuple[int | None, ...]], list[int]] = {}
        for tm in entry.members:
            if tm not in spare:
                zone = zone_of(problem.task_managers[tm])
                key = zone if by_zone else None, tuple(need.limit(zone) for need in needs)
                members.setdefault(key, []).append(tm)
        for (_, own), equal in members.items():
            limits = tuple(
                limit if cap is None else cap if limit is None else min(limit, cap)
                for limit, cap in zip(
                    entry.limits, caps[zone_of(problem.task_managers[equal[0]])], strict=True
                )
            )
            yield replace(entry, limits=(*limits, *own), members=tuple(equal))


def _caps(problem: Problem, spare: Sequence[int], zone: str | None, count: int) -> list[int | None]:
    """Return what a TaskManager, one of ``count`` used in ``zone``, may hold so that it can be taken over."""
    if problem.reserve_by_class:
        return [None] * len(problem.resources)
    caps: list[int | None] = []
    for r, name in enumerate(problem.resources):
        held = [
            (limit, zone_of(problem.task_managers[tm]))
            for tm in spare
            if (limit := problem.classes[problem.class_of[tm]].limits[r]) is not None
        ]
        sizes = [limit for limit, _ in held]
        if name in problem.reasons or not held:
            caps.append(None)
        elif problem.cover is None:
            caps.append(min(sizes))
        elif len(held) < len(spare):
            caps.append(None)
        elif problem.cover is Cover.ANY_ONE:
            caps.append(sum(sizes))
        elif problem.cover is Cover.ANY_TWO:
            caps.append(min(sum(sizes) - max(sizes), sum(sizes) // 2))
        else:
            caps.append(sum(limit for limit, where in held if where != zone) // count)
    return caps
