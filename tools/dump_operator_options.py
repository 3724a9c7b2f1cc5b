r"""Write the table of the options of the Flink Kubernetes Operator and its autoscaler.

The operator documents its options in tables that its build generates from its classes
(``docs/layouts/shortcodes/generated`` in apache/flink-kubernetes-operator). This script reads them from a
checkout and writes ``planner/documents/options/operator.json``::

    git clone --depth 1 --branch release-1.15.0 URL operator
    python tools/dump_operator_options.py operator --version 1.15.0

The tables do not have the old keys that the operator still reads; those below are from the classes
``AutoScalerOptions`` and ``KubernetesOperatorConfigOptions``.
"""

from __future__ import annotations

import argparse
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from dump_options import lines

FOLDER = Path("docs/layouts/shortcodes/generated")
TABLES = (
    "kubernetes_operator_config_configuration.html",
    "kubernetes_operator_metric_configuration.html",
    "auto_scaler_configuration.html",
)
OUTPUT = Path("planner/documents/options/operator.json")
OPERATOR, AUTOSCALER = "kubernetes.operator.", "job.autoscaler."
# Keys below these are options of Flink or of a plugin: defaults for versions and namespaces, and metrics.
PREFIXES = (f"{OPERATOR}default-configuration.", f"{OPERATOR}metrics.", f"{OPERATOR}plugins.")
# Earlier keys of an option. Every option of the autoscaler was one of the operator before, with its prefix.
EARLIER = {
    "job.autoscaler.scale-down.interval": ("job.autoscaler.scale-up.grace-period",),
    "job.autoscaler.utilization.target": ("job.autoscaler.target.utilization",),
    "kubernetes.operator.flink.client.cancel.timeout": (
        "kubernetes.operator.reconciler.flink.cancel.job.timeout",
    ),
    "kubernetes.operator.flink.client.timeout": ("kubernetes.operator.observer.flink.client.timeout",),
    "kubernetes.operator.jm-deployment-recovery.enabled": (
        "kubernetes.operator.reconciler.jm-deployment-recovery.enabled",
    ),
    "kubernetes.operator.reconcile.interval": ("kubernetes.operator.reconciler.reschedule.interval",),
    "kubernetes.operator.reconcile.parallelism": ("kubernetes.operator.reconciler.max.parallelism",),
    "kubernetes.operator.resource.cleanup.timeout": (
        "kubernetes.operator.reconciler.flink.cluster.shutdown.timeout",
    ),
    "kubernetes.operator.savepoint.trigger.grace-period": (
        "kubernetes.operator.observer.savepoint.trigger.grace-period",
    ),
}


class Cells(HTMLParser):
    """Collects the rows of a table: key, default, type, description."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def read_table(html: str) -> dict[str, dict[str, Any]]:
    """Return the options of a documentation table by key, in the form of the tables of Flink's versions."""
    cells = Cells()
    cells.feed(html)
    options: dict[str, dict[str, Any]] = {}
    for row in cells.rows:
        if not row:
            continue  # the head of the table
        key, default, kind, description = (cell.strip() for cell in row)
        entry: dict[str, Any] = {"type": kind}
        if match := re.fullmatch(r"List<(\w+)>", kind):
            entry = {"type": match[1], "list": True}
        if default not in ("", "(none)"):
            entry["default"] = default.strip('"')
        if kind == "Enum":
            entry["enum"] = re.findall(r'"([^"]+)"', description.partition("Possible values:")[2])
        if old := earlier(key):
            entry["fallback"] = old
        options[key] = entry
    return options


def earlier(key: str) -> list[str]:
    """Return the keys under which the operator reads an option as well."""
    old = list(EARLIER.get(key, ()))
    return old + [f"{OPERATOR}{name}" for name in (key, *old) if name.startswith(AUTOSCALER)]


def main() -> None:
    """Write the table of a checkout."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--version", required=True, metavar="X.Y.Z")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    options: dict[str, dict[str, Any]] = {}
    for name in TABLES:
        options |= read_table((arguments.checkout / FOLDER / name).read_text(encoding="utf-8"))
    for key in sorted(EARLIER.keys() - options.keys()):
        print(f"warning: an earlier key of {key}, which is not documented")
    head = f'"operatorVersion": {json.dumps(arguments.version)},\n "prefixes": {json.dumps(sorted(PREFIXES))}'
    arguments.output.write_text(f'{{\n {head},\n "options": {lines(options, "  ")}\n}}\n', encoding="utf-8")
    print(f"{arguments.output}: {len(options)} options")


if __name__ == "__main__":
    main()
