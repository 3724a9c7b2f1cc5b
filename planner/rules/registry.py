"""Every code of planner: rules with a check, and those that readers raise."""

from __future__ import annotations

from planner.rules import cfg, clu, doc, fit, gra, job, kub, mem, ops, prf
from planner.rules.base import Rule

MODULES = (doc, job, gra, cfg, mem, ops, clu, fit, prf, kub)
RULES: tuple[Rule, ...] = tuple(
    rule()
    for module in MODULES
    for rule in vars(module).values()
    if isinstance(rule, type) and issubclass(rule, Rule) and rule.__module__ == module.__name__
)
"""Rules in the order of their modules, which is that of the numbers of their codes."""
BY_CODE = {rule.code: rule for rule in RULES}
