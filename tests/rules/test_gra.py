"""GRA: what the rules over the graph find, and what they leave alone."""

from __future__ import annotations

import pytest

from planner.api import compile_job, load, validate
from planner.documents.finding import Finding, Severity
from planner.documents.job import Job
from planner.place.model.slots import job_slots
from planner.units import CORE, format_cpu
from rules.documents import COUNT, SOURCE, find, job, op


class TestKeyGroups:
    @pytest.mark.parametrize(
        ("parallelism", "groups", "found"),
        [
            (4, 128, False),
            (128, 128, False),
            (3, 128, False),
            (100, 128, True),
            (24, 128, True),
            (24, 720, False),
            (100, 720, True),
            (7, 720, False),
            (1, 1, False),
        ],
    )
    def test_uneven_key_groups(self, parallelism: int, groups: int, found: bool) -> None:
        document = job(SOURCE, COUNT, parallelism=parallelism, maxParallelism=groups)
        assert bool(find(document, code="GRA303")) is found

    def test_says_how_many(self) -> None:
        (found,) = find(job(SOURCE, COUNT, parallelism=100, maxParallelism=128), code="GRA303")
        assert found.message == "128 key groups on 100 subtasks of 'count': some get 2, some 1"
        assert found.severity is Severity.INFO

    def test_an_operator_without_keys(self) -> None:
        document = job(SOURCE, op("a", "map", "events"), parallelism=100, maxParallelism=128)
        assert find(document, code="GRA303") == []

    def test_more_subtasks_than_key_groups_are_another_finding(self) -> None:
        codes = [f.code for f in find(job(SOURCE, COUNT, parallelism=200, maxParallelism=128), code="GRA30")]
        assert "GRA302" in codes
        assert "GRA303" not in codes


class TestChains:
    def groups(self, *, ship: str | None = None, parallelism: int = 2, kind: str = "map") -> list[Finding]:
        entry = {"from": "events", **({"ship": ship} if ship else {})}
        operators = (
            {**SOURCE, "group": "io", "parallelism": 2},
            op("work", kind, entry, group="work", parallelism=parallelism),
        )
        return find(job(*operators), code="GRA304")

    def test_a_chain_that_a_group_breaks(self) -> None:
        (found,) = self.groups()
        assert found.message == "'events' -> 'work' is not chained: groups 'io' and 'work' differ"
        assert found.pointer == "/spec/operators/1/inputs/0"
        assert len(self.groups(ship="forward")) == 1

    @pytest.mark.parametrize("ship", ["rebalance", "hash", "rescale"])
    def test_an_edge_that_is_not_chained_anyway(self, ship: str) -> None:
        assert self.groups(ship=ship) == []

    def test_other_parallelism_and_two_inputs(self) -> None:
        assert self.groups(parallelism=4) == []
        operators = (
            {**SOURCE, "group": "io"},
            op("more", "source", group="io"),
            op("both", "connect", "events", "more", group="work"),
        )
        assert find(job(*operators), code="GRA304") == []

    def test_one_group(self) -> None:
        assert find(job(SOURCE, op("a", "map", "events")), code="GRA304") == []

    def test_chaining_is_off(self) -> None:
        operators = ({**SOURCE, "group": "io"}, op("a", "map", "events", group="work"))
        options = {"pipeline.operator-chaining.enabled": False}
        assert find(job(*operators, flinkConfiguration=options), code="GRA304") == []


class TestRefused:
    """What Flink refuses when it builds the job graph; tests/flink/test_refused.py asks Flink itself."""

    def together(self, *, type: str = "streaming", group: str = "default", ship: str = "hash") -> list[str]:  # noqa: A002
        pair = {"coLocationGroup": "pair"}
        operators = (
            SOURCE,
            op("first", "process", {"from": "events", "ship": "hash"}, **pair),
            op("second", "process", {"from": "first", "ship": ship}, group=group, **pair),
        )
        return [f.message for f in find(job(*operators, type=type, parallelism=2), code="GRA313")]

    def test_co_location(self) -> None:
        assert self.together() == []
        assert self.together(group="other") == [
            "'first' and 'second' of co-location group 'pair' are in different slot sharing groups"
        ]
        assert self.together(type="batch") == self.together(group="other")

    def test_co_location_in_regions_of_their_own(self) -> None:
        pair = {"coLocationGroup": "pair"}
        document = job(
            SOURCE, op("other", "source", **pair), op("a", "map", "events", chaining="head", **pair)
        )
        (found,) = find(document, code="GRA313")
        assert found.message.endswith("are in different pipelined regions")

    @pytest.mark.parametrize(
        ("version", "options", "found"),
        [
            ("2.2", {}, 1),
            ("2.2", {"execution.checkpointing.unaligned.forced": "true"}, 0),
            ("2.2", {"execution.checkpointing.mode": "AT_LEAST_ONCE"}, 0),
            ("1.20", {"execution.checkpointing.mode": "AT_LEAST_ONCE"}, 1),
        ],
    )
    def test_custom_partitioners(self, version: str, options: dict[str, str], found: int) -> None:
        unaligned = {"execution.checkpointing.unaligned.enabled": "true", **options}
        custom = op("a", "process", {"from": "events", "ship": "custom"})
        document = job(SOURCE, custom, flinkVersion=version, flinkConfiguration=unaligned)
        assert len(find(document, code="GRA314")) == found
        aligned = job(SOURCE, custom, flinkVersion=version)
        assert find(aligned, code="GRA314") == []

    def test_blocking_exchanges(self) -> None:
        blocking = op("a", "process", {"from": "events", "ship": "rebalance", "exchange": "batch"})
        assert len(find(job(SOURCE, blocking), code="GRA315")) == 1
        assert find(job(SOURCE, blocking, type="batch"), code="GRA315") == []
        quiet = {"execution.buffer-timeout.enabled": "false"}
        assert find(job(SOURCE, blocking, flinkConfiguration=quiet), code="GRA315") == []

    @pytest.mark.parametrize(("version", "without_checkpoints"), [("2.2", 0), ("1.20", 1)])
    def test_approximate_local_recovery(self, version: str, without_checkpoints: int) -> None:
        options = {
            "execution.state-recovery.approximate-local-recovery": "true",
            "execution.checkpointing.unaligned.enabled": "true",
        }
        document = job(SOURCE, flinkVersion=version, flinkConfiguration=options)
        assert len(find(document, code="GRA316")) == 1
        del document["spec"]["checkpointing"]
        assert len(find(document, code="GRA316")) == without_checkpoints

    def test_batch_state_without_sorted_inputs(self) -> None:
        options = {"execution.sorted-inputs.enabled": "false"}
        assert len(find(job(SOURCE, type="batch", flinkConfiguration=options), code="GRA317")) == 1
        assert find(job(SOURCE, flinkConfiguration=options), code="GRA317") == []
        options["execution.batch-state-backend.enabled"] = "false"
        assert find(job(SOURCE, type="batch", flinkConfiguration=options), code="GRA317") == []

    def test_uids_that_flink_may_not_make(self) -> None:
        options = {"pipeline.auto-generate-uids": "false"}
        nameless = {**op("a", "map", "events"), "uid": None}
        assert len(find(job(SOURCE, nameless, flinkConfiguration=options), code="GRA318")) == 1
        assert find(job(SOURCE, flinkConfiguration=options), code="GRA318") == []
        assert find(job(SOURCE, nameless), code="GRA318") == []

    @pytest.mark.parametrize(("version", "found"), [("1.20", 1), ("2.2", 0)])
    def test_groups_of_a_batch_job(self, version: str, found: int) -> None:
        groups = [{"name": "default", "resources": {"cpu": 1, "heap": "1 gb"}}, {"name": "other"}]
        document = job(SOURCE, type="batch", flinkVersion=version, slotSharingGroups=groups)
        assert len(find(document, code="GRA319")) == found
        document["spec"]["flinkConfiguration"] = {"fine-grained.shuffle-mode.all-blocking": "true"}
        assert find(document, code="GRA319") == []

    @pytest.mark.parametrize("value", ["a:x", "a", "a:0", "a:40000", "a:1,b:-1", "a:9999999999"])
    def test_overrides(self, value: str) -> None:
        options = {"pipeline.jobvertex-parallelism-overrides": value}
        (found,) = find(job(SOURCE, flinkVersion="1.20", flinkConfiguration=options), code="GRA320")
        assert "is not a parallelism" in found.message
        assert find(job(SOURCE, flinkConfiguration=options), code="GRA320") == []


@pytest.mark.parametrize(
    ("ship", "writers", "committers", "found"),
    [
        ("forward", 2, 2, False),
        ("rebalance", 2, 2, True),
        ("rebalance", 3, 2, True),
        ("rebalance", 3, 1, False),
        ("rescale", 3, 2, False),
        ("rescale", 2, 3, True),
        ("shuffle", 2, 2, True),
        ("global", 2, 2, False),
    ],
)
def test_what_a_writer_hands_over_goes_to_one_committer(
    ship: str, writers: int, committers: int, found: bool
) -> None:
    """Whoever gets a committable has to have been told how many there are."""
    written = op("written", "map", "events", parallelism=writers)
    committer = op(
        "committed", "committer", parallelism=committers, inputs=[{"from": "written", "ship": ship}]
    )
    other = op("other", "map", parallelism=committers, inputs=[{"from": "written", "ship": ship}])
    assert bool(find(job(SOURCE, written, committer), code="GRA321")) is found
    assert find(job(SOURCE, written, other), code="GRA321") == []


LOADED = """\
apiVersion: planner/v1
kind: Job
metadata: {name: j}
spec:
  type: TYPE
  parallelism: 4
  slotSharingGroups: [{name: g, resources: {cpu: 1, heap: 1 gb}}]
  operators:
    - {id: a, kind: kafka-source, group: g, load: {cpu: 0.7}}
    - {id: b, kind: map, group: g, parallelism: HOW, inputs: [{from: a, ship: rebalance EXCHANGE}], load: {cpu: 0.5}}
    - {id: c, kind: sink, group: g, parallelism: HOW, inputs: [{from: b, ship: rebalance EXCHANGE}], load: {cpu: 0.1}}
"""


@pytest.mark.parametrize(
    ("of_type", "parallelism", "exchange"),
    [("streaming", 4, ""), ("streaming", 2, ""), ("streaming", 9, ""), ("batch", 4, ", exchange: batch"), ("batch", 3, "")],
)  # fmt: skip
def test_a_slot_uses_what_its_composition_says(of_type: str, parallelism: int, exchange: str) -> None:
    """Whether or not the slots had to be composed for it."""
    text = LOADED.replace("TYPE", of_type).replace("HOW", str(parallelism)).replace(" EXCHANGE", exchange)
    document = load(text.encode())[0].document
    assert isinstance(document, Job)
    profile, graph = compile_job(document)
    highest = max(max(slot.loads) for slot in job_slots(profile, graph))
    found = [one.message for one in validate(*load(text.encode())) if one.code == "GRA322"]
    wanted = f"a slot of group 'g' uses {format_cpu(highest)} cores and reserves {format_cpu(CORE)}"
    assert found == ([wanted] if highest > CORE else [])
