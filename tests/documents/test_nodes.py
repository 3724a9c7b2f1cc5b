"""Nodes and quotas as kubectl prints them: what they have, and where an amount is none."""

from __future__ import annotations

import pytest

from planner import api
from planner.documents.foreign.nodes import Room
from planner.units import CORE, GIB, MIB

NODES = """apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Node
  metadata: {name: a}
  status: {allocatable: {cpu: 3920m, memory: 15Gi, pods: "58"}}
- apiVersion: v1
  kind: Node
  metadata: {name: cordoned}
  spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]}
  status: {allocatable: {cpu: "8", memory: 32Gi}}
- apiVersion: v1
  kind: Node
  metadata: {name: preferred-elsewhere}
  spec: {taints: [{key: spot, effect: PreferNoSchedule}]}
  status: {allocatable: {cpu: 2, memory: 7812500Ki}}
"""


def test_nodes_that_take_pods() -> None:
    assert api.load_nodes(NODES, "nodes.yaml") == [
        Room(392 * CORE // 100, 15 * GIB, 58),
        Room(2 * CORE, 7812500 * 1024, None),
    ]


def test_nodes_as_json_and_one_by_one() -> None:
    one = '{"apiVersion": "v1", "kind": "Node", "status": {"allocatable": {"cpu": "1", "memory": "1Gi"}}}'
    assert api.load_nodes(one, "node.json") == [Room(CORE, GIB, None)]


def test_what_is_used_is_no_more_there() -> None:
    text = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: q}
spec: {hard: {requests.cpu: "80", limits.cpu: "100", limits.memory: 180Gi, pods: "40", services: "5"}}
status: {used: {requests.cpu: 7500m, limits.memory: 512Mi, pods: 3}}
"""
    assert api.load_quota(text, "quota.yaml") == Room(725 * CORE // 10, 180 * GIB - 512 * MIB, 37)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NODES.replace("3920m", "lots"), "nodes.yaml:7:31: 'lots' is not a Kubernetes quantity"),
        ("kind: Pod\n", "nodes.yaml: holds no Node that takes pods"),
        ("{kind: Node, status: {allocatable: 5}}", "nodes.yaml: has a Node without status.allocatable"),
        ("- 1\n", "nodes.yaml: holds no Node that takes pods"),
        ("{", "nodes.yaml:"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, message: str) -> None:
    with pytest.raises(api.DocumentError) as refused:
        api.load_nodes(text, "nodes.yaml")
    assert str(refused.value).startswith(message)


def test_no_quota() -> None:
    with pytest.raises(api.DocumentError, match="holds no ResourceQuota"):
        api.load_quota(NODES, "nodes.yaml")
