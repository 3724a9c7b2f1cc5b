"""A manifest with many faults has a finding for each, at its line, and no other."""

from __future__ import annotations

import pytest

from planner.api import validate
from planner.documents.finding import CheckProfile
from planner.documents.load import load
from tests.rules.samples import wanted_findings

MANIFEST = """\
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: order-totals}
spec:  # production: KUB965
  image: flink:2.2
  flinkVersion: v2_2
  serviceAccount: flink
  flinkConfiguration:
    kubernetes.cluster-id: totals  # KUB952
    taskmanager.memory.netwrok.fraction: 0.2  # CFG401
    taskmanager.numberOfTaskSlots: 4
    restart-strategy.type: fixed-dely  # CFG409
    cluster.evenly-spread-out-slots: true  # CFG403
    state.savepoints.dir: s3://lake/savepoints  # CFG402
    execution.checkpointing.interval: 30 s  # production: OPS611, OPS612
    execution.checkpointing.timeout: soon  # CFG404
    execution.checkpointing.dir: s3://lake/checkpoints
    execution.checkpointing.local-backup.enabled: true  # OPS607
    task.cancellation.timeout: 0  # OPS608
    taskmanager.memory.process.size: 4 gb  # KUB951
    kubernetes.operator.job.upgrad.mode: x  # KUB953
    kubernetes.operator.deployment.rollback.enabled: true  # KUB964
    s3.secret-key: hunter2hunter2  # OPS606
    state.backend.type: rocksdb  # production: OPS613
    state.backend.rocksdb.memory.fixed-per-slot: 512 mb  # MEM506
  logConfiguration:
    log4j.properties: rootLogger.level = INFO  # KUB959
  job:
    jarURI: local:///opt/totals.jar
    parallelism: 6  # production: KUB960
    upgradeMode: savepoint
  jobManager:
    replicas: 2  # KUB955
    resource: {memory: 2048m, cpu: 1}
  taskManager:
    resource: {memory: 2048m, cpu: 1}
"""


@pytest.mark.parametrize("profile", [CheckProfile.CI, CheckProfile.PRODUCTION])
def test_each_fault_is_found_at_its_line(profile: CheckProfile) -> None:
    wanted = wanted_findings(MANIFEST, profile)
    found = validate(*load(MANIFEST, "deployment.yaml"), profile=profile)
    assert len(wanted) >= 15
    assert {(one.code, one.position.line) for one in found} == wanted
