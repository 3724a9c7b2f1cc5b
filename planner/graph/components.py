"""Connected and strongly connected components over nodes numbered from 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def components(count: int, pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Return the connected components of ``count`` nodes, each sorted, ordered by their first node."""
    parent = list(range(count))

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for left, right in pairs:
        a, b = find(left), find(right)
        parent[max(a, b)] = min(a, b)
    found: dict[int, list[int]] = {}
    for node in range(count):
        found.setdefault(find(node), []).append(node)
    return tuple(map(tuple, found.values()))


def strong_components(successors: Sequence[Iterable[int]]) -> list[list[int]]:
    """Return the strongly connected components of a directed graph (Tarjan, without recursion)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    open_nodes: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(successors)):
        if root in order:
            continue
        order[root] = low[root] = len(order)
        open_nodes.append(root)
        on_stack.add(root)
        stack = [(root, iter(successors[root]))]
        while stack:
            node, following = stack[-1]
            for other in following:
                if other not in order:
                    order[other] = low[other] = len(order)
                    open_nodes.append(other)
                    on_stack.add(other)
                    stack.append((other, iter(successors[other])))
                    break
                if other in on_stack:
                    low[node] = min(low[node], order[other])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == order[node]:
                    component: list[int] = []
                    while not component or component[-1] != node:
                        component.append(open_nodes.pop())
                        on_stack.discard(component[-1])
                    found.append(component)
    return found
