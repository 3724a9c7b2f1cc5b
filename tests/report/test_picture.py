"""The picture of a placement is an SVG without script, and shows what the placement says."""

from __future__ import annotations

from functools import cache
from xml.etree import ElementTree

import pytest
from in_process import invoke

from planner import api
from planner.report.picture import BAR, ROWS, picture
from samples import SAMPLES, cluster_of, job_of

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>x</script>&\"'\u0000<"


@cache
def placement(name: str) -> api.Placement:
    return api.place(job_of(name), cluster_of(name), time_limit=1)


def bars(text: str) -> list[float]:
    return [
        float(one.attrib["width"])
        for one in ElementTree.fromstring(text).iter(f"{SVG}rect")
        if one.get("class") == "fill"
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_bar_for_each_kind_the_fullest_first(name: str) -> None:
    found = placement(name)
    kinds = {
        (tm.class_, tuple(sorted(tm.quotas.items()))): tm.utilisation["cpu"]
        for tm in found.task_managers
        if tm.slots
    }
    drawn = bars(picture(found))
    assert len(drawn) == min(len(kinds), ROWS)
    assert drawn == sorted(drawn, reverse=True)
    end = max(1.0, found.imbalance.max, *(one.max or 0 for one in found.stock_flink.values()))
    assert drawn[0] == pytest.approx(found.imbalance.max / end * BAR, abs=0.1)
    reserve = {tm.id for tm in found.task_managers if tm.reserve}
    assert bool(reserve) == ("in reserve" in picture(found))


def test_it_is_the_same_every_time_and_has_no_script() -> None:
    text = picture(placement("click-enrichment"))
    assert text == picture(placement("click-enrichment"))
    tags = {one.tag.removeprefix(SVG) for one in ElementTree.fromstring(text).iter()}
    assert tags <= {"svg", "style", "rect", "text", "line", "title"}
    assert "highest CPU utilisation" in text


def test_names_are_text() -> None:
    found = placement("click-enrichment")
    metadata = found.metadata.model_copy(update={"name": HOSTILE})
    tms = [tm.model_copy(update={"id": tm.id + HOSTILE}) for tm in found.task_managers]
    root = ElementTree.fromstring(
        picture(found.model_copy(update={"metadata": metadata, "task_managers": tms}))
    )
    assert not list(root.iter(f"{SVG}script"))
    assert any("<script>" in (one.text or "") for one in root.iter(f"{SVG}text"))


def test_the_verb_writes_it(tmp_path: object) -> None:
    path = f"{tmp_path}/p.json"
    api.save(placement("click-enrichment"), path)
    done = invoke(["report", path, "--format", "svg"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout == picture(placement("click-enrichment"))
