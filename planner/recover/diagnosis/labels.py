"""The classes of failures as labels of the Kubernetes operator.

The operator looks for each pattern in the messages of an exception and its causes, and puts the label of
what it finds into ``status.error`` (`FlinkResourceExceptionUtils.enrichMetadata`). The failure of a job comes
to it with the class of each exception in the message (`SerializedThrowable`), as logs have it.
"""

from __future__ import annotations

import re

from planner.recover.diagnosis.classes import CLASSES, PLACEHOLDER
from planner.recover.diagnosis.log import SUPERVISOR

LABEL_MAPPER = "kubernetes.operator.exception.label.mapper"
_SPECIAL = re.compile(r"[\\.\[\]{}()*+?^$|]")


def failure_labels() -> dict[str, str]:
    """Return the classes of failures with evidence of Flink by the pattern that finds it, a regex of Java."""
    found = {one.name: [each for each in one.evidence if not each.startswith(SUPERVISOR)] for one in CLASSES}
    return {"|".join(map(_pattern, messages)): name for name, messages in found.items() if messages}


def _pattern(message: str) -> str:
    return ".+".join(_SPECIAL.sub(r"\\\g<0>", part) for part in PLACEHOLDER.split(message)[::2])


def label_mapper() -> str:
    """Return the value of `LABEL_MAPPER`: pairs of pattern and label, quoted as Flink's maps are.

    Both a pair and the pattern in it are quoted, since commas part the pairs and colons part what is in them
    (`StructuredOptionsSplitter`).
    """
    return ",".join(_quoted(f"{_quoted(found)}:{label}") for found, label in failure_labels().items())


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
