"""Whether a placement is followed depends on the scheduler that Flink itself takes."""

from __future__ import annotations

from itertools import product

import pytest
from rules.documents import SOURCE, find, job

from planner.flink.jvm import Jvm

pytestmark = pytest.mark.flink
FOLLOWED_NOT = {"Adaptive": ["CFG407"], "AdaptiveBatch": ["CFG411"], "Default": []}
SCHEDULERS = (None, "Default", "Adaptive", "AdaptiveBatch")
CHOICES = [
    (kind, scheduler, mode)
    for kind, scheduler, mode in product(("streaming", "batch"), SCHEDULERS, (None, "REACTIVE"))
    if (kind, scheduler) != ("streaming", "AdaptiveBatch")
]


@pytest.mark.parametrize(("kind", "scheduler", "mode"), CHOICES)
def test_the_scheduler_that_flink_takes(jvm: Jvm, kind: str, scheduler: str | None, mode: str | None) -> None:
    given = {"jobmanager.scheduler": scheduler, "scheduler-mode": mode}
    options = {key: value for key, value in given.items() if value is not None}
    flink = jvm.view.org.apache.flink
    configuration = flink.configuration.Configuration.fromMap(options)
    type_ = flink.runtime.jobgraph.JobType.valueOf(kind.upper())
    dynamic = kind == "batch" and scheduler in (None, "AdaptiveBatch")
    factory = flink.runtime.jobmaster.DefaultSlotPoolServiceSchedulerFactory
    taken = factory.fromConfiguration(configuration, type_, dynamic).getSchedulerType().toString()
    found = find(job(SOURCE, type=kind, flinkConfiguration=options))
    assert [f.code for f in found if f.code in ("CFG407", "CFG411")] == FOLLOWED_NOT[str(taken)]
