"""Edits of a profile that was compiled from a program: what they are, and how they are kept."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from planner.documents.profile import Edge, Node, ResourceProfile, SsgProfile
from planner.documents.sensitive import masked_options
from planner.documents.vocabulary import Exchange, JobType, Ship
from planner.graph.from_profile import operator_id, planner_fields
from planner.graph.stream_graph import default_max_parallelism, default_ship

_NUMBER = re.compile(r"\[\d+\]")
_DEPTH = 64
"""How far around an operator others tell it apart."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A setting that differs from what the program says; ``where`` is an operator, an edge or a group."""

    where: str
    setting: str
    program: str
    profile: str

    def __str__(self) -> str:
        return f"{self.where}: {self.setting} {self.program} becomes {self.profile}"


@dataclass(frozen=True, slots=True)
class Drift:
    """How a program differs from the one that an older profile was compiled from, by operator."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.changed)

    def lines(self) -> Iterator[str]:
        """Yield a line for every operator."""
        yield from (f"new: {name}" for name in self.new)
        yield from (f"gone: {name}, its edits with it" for name in self.gone)
        yield from (f"changed: {text}" for text in self.changed)


def edits(profile: ResourceProfile) -> list[Edit]:
    """Return what ``profile`` says otherwise than its program, and what follows from that for the job."""
    return [*_job_edits(profile), *_node_edits(profile), *_edge_edits(profile)]


def _job_edits(profile: ResourceProfile) -> Iterator[Edit]:
    """Tell of the one shuffle mode that Flink permits a batch job whose groups have resources.

    It holds for the edges whose mode the program leaves open.
    """
    fields, key, blocking = planner_fields(profile), "execution.batch-shuffle-mode", "ALL_EXCHANGES_BLOCKING"
    mode = fields.flink_configuration.get(key, blocking).upper().replace("-", "_")
    fine_grained = any(group.cpu is not None for group in profile.ssg_profiles)
    left_open = any(edge.mode is Exchange.UNDEFINED for edge in profile.edges)
    if fields.type is JobType.BATCH and fine_grained and left_open and mode != blocking:
        yield Edit("job", key, mode, blocking)


def _node_edits(profile: ResourceProfile) -> Iterator[Edit]:
    for node in profile.nodes:
        compiled = node.planner.compiled if node.planner else None
        if compiled is None:
            continue
        name, now = operator_id(node), node.profile
        for setting, before, after in (
            ("parallelism", compiled.parallelism, now.parallelism),
            ("group", compiled.group, now.group),
            ("chaining", compiled.chaining, now.chaining or compiled.chaining),
        ):
            if before != after:
                yield Edit(name, setting, str(before), str(after))
        most = edited_max_parallelism(node)
        if most is not None and most != compiled.max_parallelism:
            yield Edit(name, "maxParallelism", str(compiled.max_parallelism or "unset"), str(most))


def edited_max_parallelism(node: Node) -> int | None:
    """Return the max parallelism to set, None where it is the one that Flink derives."""
    unset = node.planner is not None and "maxParallelism" in (node.planner.defaults or ())
    before = node.planner.compiled.parallelism if node.planner and node.planner.compiled else 0
    derived = {default_max_parallelism(p) for p in (node.profile.parallelism, before) if p}
    return None if unset and node.profile.max_parallelism in derived else node.profile.max_parallelism


def ship_of(edge: Edge, parallelism: dict[int, int]) -> Ship:
    """Return the strategy to run: FORWARD between unequal parallelism becomes REBALANCE.

    Unless Flink itself knows what it becomes.
    """
    known = edge.planner.compiled.unchained if edge.planner and edge.planner.compiled else None
    if edge.strategy is Ship.FORWARD and known is None:
        return default_ship(parallelism[edge.source], parallelism[edge.target])
    return edge.strategy


def _edge_edits(profile: ResourceProfile) -> Iterator[Edit]:
    names = {node.id: operator_id(node) for node in profile.nodes}
    parallelism = {node.id: node.profile.parallelism for node in profile.nodes}
    for edge in profile.edges:
        compiled = edge.planner.compiled if edge.planner else None
        if compiled is not None and (ship := ship_of(edge, parallelism)) is not compiled.strategy:
            where = f"{names[edge.source]} -> {names[edge.target]}"
            yield Edit(where, "strategy", compiled.strategy, ship)


def matched(new: ResourceProfile, old: ResourceProfile) -> dict[int, Node]:
    """Return for nodes of ``new`` the node of ``old`` that is the same operator.

    By uid where both have one. Else by name and type together with those of everything it reads and of
    everything that reads it: twins, which are alike in all of that, by their order where both profiles
    have as many. Else with one of these sides; else by name and type alone, where that tells one operator
    from all others. A SQL operator is named after what it does, with a number for its place in the
    script: it is known only by what reads it, a source by its table.
    """
    found: dict[int, Node] = {}
    taken: set[int] = set()
    mine, theirs = _signatures(new), _signatures(old)
    by_id = {node.id: node for node in old.nodes}
    uids = {node.id: _uid(node) for node in new.nodes}
    for level, name in enumerate(_LEVELS):
        candidates = _by_key(theirs, level, taken)
        for key, numbers in _by_key(mine, level, found.keys()).items():
            others = candidates.get(key, [])
            if len(others) != len(numbers) or (len(numbers) > 1 and name != "both"):
                continue
            for number, other in zip(numbers, others, strict=True):
                if level and uids[number] is not None and _uid(by_id[other]) is not None:
                    continue  # two uids, two operators
                found[number] = by_id[other]
                taken.add(other)
    return found


def _by_key(signatures: dict[int, tuple[str, ...]], level: int, but: Collection[int]) -> dict[str, list[int]]:
    """Return nodes by their signature of a level, in order; those without one, and ``but``, left out."""
    found: dict[str, list[int]] = defaultdict(list)
    for number in sorted(signatures.keys() - set(but)):
        if key := signatures[number][level]:
            found[key].append(number)
    return found


_LEVELS = ("uid", "both", "reads", "read by", "name")


def _signatures(profile: ResourceProfile) -> dict[int, tuple[str, ...]]:
    """Return for every node what may tell it from others, by :data:`_LEVELS`; empty where nothing does."""
    inputs: dict[int, list[int]] = {node.id: [] for node in profile.nodes}
    outputs: dict[int, list[int]] = {node.id: [] for node in profile.nodes}
    for edge in profile.edges:
        if edge.target in inputs and edge.source in outputs:
            inputs[edge.target].append(edge.source)
            outputs[edge.source].append(edge.target)
    names = {node.id: f"{_NUMBER.sub('', node.desc)} {node.type}" for node in profile.nodes}
    above, below = _hashes(names, inputs), _hashes(names, outputs)
    found: dict[int, tuple[str, ...]] = {}
    for node in profile.nodes:
        uid, number = _uid(node) or "", node.id
        both = f"{above[number]} {below[number]}"
        telling = not _NUMBER.search(node.desc) or not inputs[number]
        if telling:
            found[number] = (uid, both, above[number], below[number], names[number])
        else:
            found[number] = (uid, both, "", below[number], "")
    return found


def _hashes(names: dict[int, str], neighbours: dict[int, list[int]]) -> dict[int, str]:
    """Return for every node a hash of its name and, as far as that goes, of all that is beyond it."""
    found = dict(names)
    for _ in range(min(len(names), _DEPTH)):
        after = {
            number: hashlib.sha256(
                "|".join([names[number], *sorted(found[other] for other in neighbours[number])]).encode()
            ).hexdigest()
            for number in names
        }
        found = after
    return found


def _uid(node: Node) -> str | None:
    return node.planner.uid if node.planner else None


def keep_edits(new: ResourceProfile, old: ResourceProfile) -> tuple[ResourceProfile, Drift]:
    """Return a new compilation with the edits of an older profile, and what has drifted.

    Kept are what differs from the program it was compiled from: parallelism, max parallelism, group
    and chaining of operators, strategies of edges; and what no program says: resources and placement
    of groups, load and state of operators.
    """
    same = matched(new, old)
    nodes = [_kept(node, same[node.id]) if node.id in same else node for node in new.nodes]
    now = {node.id: same[node.id].id for node in new.nodes if node.id in same}
    before = dict(_places(old.edges, {node.id: node.id for node in old.nodes}))
    pairs = [(edge, before.get(place)) for place, edge in _places(new.edges, now)]
    edges = [_kept_edge(edge, was) for edge, was in pairs]
    used = dict.fromkeys(node.profile.group for node in nodes)
    declared = {group.name: group for group in new.ssg_profiles}
    declared |= {name: group for name, group in _edited_groups(old) if group.cpu is not None}
    groups = [declared[name] for name in used if name in declared]
    own = planner_fields(old)
    fields = planner_fields(new).model_copy(update={"placement": own.placement, "recovery": own.recovery})
    profile = new.model_copy(
        update={"nodes": nodes, "edges": edges, "ssg_profiles": groups, "planner": fields}
    )
    names = {node.id: operator_id(node) for node in old.nodes}
    kept = {node.id for node in same.values()}
    return profile, Drift(
        new=tuple(operator_id(node) for node in new.nodes if node.id not in same),
        gone=tuple(names[node.id] for node in old.nodes if node.id not in kept),
        changed=(
            *(text for node in new.nodes if node.id in same for text in _changed(node, same[node.id])),
            *_changed_edges(new, pairs),
            *_changed_groups(new, old),
            *_changed_options(new, old),
        ),
    )


_Place = tuple[int, int, int, int]


def _places(edges: Sequence[Edge], numbers: Mapping[int, int]) -> Iterator[tuple[_Place, Edge]]:
    """Yield edges by their ends in ``numbers`` and their input, several of one kind by their order."""
    seen: Counter[tuple[int, int, int]] = Counter()
    for edge in edges:
        ends = numbers.get(edge.source, -1), numbers.get(edge.target, -1)
        key = (*ends, edge.planner.input if edge.planner else 0)
        yield (*key, seen[key]), edge
        seen[key] += 1


def _compiled_groups(profile: ResourceProfile) -> dict[str, SsgProfile]:
    return {group.name: group for group in planner_fields(profile).compiled_groups or ()}


def _edited_groups(old: ResourceProfile) -> Iterator[tuple[str, SsgProfile]]:
    """Yield the groups that are not as the program of a profile declares them."""
    before = _compiled_groups(old)
    for group in old.ssg_profiles:
        if not _alike(group, before.get(group.name)):
            yield group.name, group


def _changed_groups(new: ResourceProfile, old: ResourceProfile) -> Iterator[str]:
    """Say which groups the program itself gives other resources than before."""
    before, now = _compiled_groups(old), _compiled_groups(new)
    edited = dict(_edited_groups(old))
    for name in sorted(before.keys() | now.keys()):
        if not _alike(before.get(name), now.get(name)):
            kept = "; the profile's own are kept" if name in edited else ""
            yield f"group {name}: the program gives it other resources than before{kept}"


def _alike(one: SsgProfile | None, two: SsgProfile | None) -> bool:
    if one is None or two is None:
        return one is two
    fields = ("cpu", "heap", "off_heap", "managed", "extended")
    return all(getattr(one, name) == getattr(two, name) for name in fields)


def _kept(node: Node, old: Node) -> Node:
    before = old.planner.compiled if old.planner else None
    if before is None or node.planner is None or old.planner is None:
        return node
    update: dict[str, object] = {}
    for setting in ("parallelism", "group"):
        if getattr(old.profile, setting) != getattr(before, setting):
            update[setting] = getattr(old.profile, setting)
    if old.profile.chaining not in (None, before.chaining):
        update["chaining"] = old.profile.chaining
    most = edited_max_parallelism(old)
    if most is not None and most != before.max_parallelism:
        update["max_parallelism"] = most
    elif "maxParallelism" in (node.planner.defaults or ()):
        parallelism = update.get("parallelism", node.profile.parallelism)
        assert isinstance(parallelism, int)
        update["max_parallelism"] = default_max_parallelism(parallelism)
    own = {name: getattr(old.planner, name) for name in ("state", "load", "resources")}
    return node.model_copy(
        update={
            "profile": node.profile.model_copy(update=update),
            "planner": node.planner.model_copy(
                update={name: value for name, value in own.items() if value is not None}
            ),
        }
    )


def _kept_edge(edge: Edge, old: Edge | None) -> Edge:
    """Return an edge with the strategy that was edited, unless the program's own has changed."""
    if old is None or (before := _own_strategy(old)) is None or before is not _own_strategy(edge):
        return edge
    return edge.model_copy(update={"strategy": old.strategy})


def _own_strategy(edge: Edge) -> Ship | None:
    compiled = edge.planner.compiled if edge.planner else None
    return compiled.strategy if compiled is not None else None


def _changed_edges(new: ResourceProfile, pairs: Sequence[tuple[Edge, Edge | None]]) -> Iterator[str]:
    """Say which edges the program itself partitions otherwise than before."""
    names = {node.id: operator_id(node) for node in new.nodes}
    for edge, old in pairs:
        if old is None or (before := _own_strategy(old)) is _own_strategy(edge):
            continue
        lost = f"; its edit to {old.strategy} goes" if old.strategy is not before else ""
        yield (
            f"{names[edge.source]} -> {names[edge.target]}: strategy of the program was {before} and is"
            f" {_own_strategy(edge)}{lost}"
        )


def _changed_options(new: ResourceProfile, old: ResourceProfile) -> Iterator[str]:
    """Say which options are otherwise than in the older profile; they are the program's and -D's."""
    before, now = (masked_options(planner_fields(one).flink_configuration) for one in (old, new))
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            yield f"option {key} was {before.get(key, 'unset')} and is {now.get(key, 'unset')}"


def _changed(node: Node, old: Node) -> Iterator[str]:
    """Say what the program itself says otherwise than before."""
    now = node.planner.compiled if node.planner else None
    before = old.planner.compiled if old.planner else None
    if now is None or before is None:
        return
    for setting in ("parallelism", "max_parallelism", "group", "chaining"):
        if getattr(now, setting) != getattr(before, setting):
            label = setting.replace("max_parallelism", "maxParallelism")
            values = getattr(before, setting), getattr(now, setting)
            yield f"{operator_id(node)}: {label} of the program was {values[0]} and is {values[1]}"
