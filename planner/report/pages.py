"""The page of every rule, for ``planner explain`` and for docs/rules."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from planner.documents.finding import Severity
from planner.graph.kinds import KINDS
from planner.rules.run import RULES


@dataclass(frozen=True, slots=True)
class Page:
    """What is said about one code."""

    code: str
    name: str
    severity: Severity
    summary: str
    why: str
    hint: str
    source: str


_FORM = "planner's document format"
_READING = (
    Page("DOC000", "unreadable-file", Severity.ERROR, "A file cannot be read.", "It is missing, a directory, or not permitted.", "check the path and its permissions", _FORM),
    Page("DOC001", "not-text", Severity.ERROR, "A file is not UTF-8 text.", "It is a binary file, or saved in another encoding.", "save the document as UTF-8", _FORM),
    Page("DOC002", "too-large", Severity.ERROR, "A document is too large.", "No document of planner comes near the limit, so it is most likely the wrong file; large YAML is read slowly.", "write large documents as JSON", _FORM),
    Page("DOC003", "empty", Severity.ERROR, "A document is empty.", "There is nothing to check or to compile.", "start from one of the samples", _FORM),
    Page("DOC004", "syntax", Severity.ERROR, "A document is neither valid YAML 1.2 nor valid JSON.", "It cannot be read at all.", "check the indentation, brackets and quotes at and before the place", "YAML 1.2 and RFC 8259"),
    Page("DOC005", "too-deep", Severity.ERROR, "A document is nested too deeply, or grows through aliases.", "No document of planner does either.", "is this the right file?", _FORM),
    Page("DOC006", "duplicate-key", Severity.ERROR, "A key stands twice in one mapping.", "Most readers silently keep the last one.", "keep one of them", "YAML 1.2: keys are unique"),
    Page("DOC007", "number", Severity.ERROR, "A number cannot be held.", "It is not finite, or has hundreds of digits.", "write a plain number", "RFC 8259"),
    Page("DOC008", "not-a-mapping", Severity.ERROR, "A document is not a mapping.", "Every document of planner is one.", "start with apiVersion: planner/v1", _FORM),
    Page("DOC009", "kind", Severity.ERROR, "A document does not say what kind it is.", "planner reads five kinds.", "add kind: Job, ResourceProfile, Cluster, Placement or RecoveryPlan", _FORM),
    Page("DOC010", "api-version", Severity.ERROR, "The version of a document's format is not known.", "Its fields may mean something else.", "write apiVersion: planner/v1", _FORM),
    Page("DOC101", "unknown-field", Severity.ERROR, "A field is not part of the document.", "It would have no effect; most often it is misspelled.", "correct the name", _FORM),
    Page("DOC102", "missing-field", Severity.ERROR, "A field that has to be there is missing.", "planner does not guess it.", "add it", _FORM),
    Page("DOC103", "wrong-type", Severity.ERROR, "A value is of the wrong type.", "Types are not converted silently: 3 is a number and \"3\" is text.", "write a value of the type that is named", _FORM),
    Page("DOC104", "wrong-value", Severity.ERROR, "A value is not allowed.", "It is out of range, or not of the form that is needed.", "write one that is", _FORM),
)  # fmt: skip


_MODEL = "Flink's ProcessMemoryUtils, TaskExecutorFlinkMemoryUtils and JobManagerFlinkMemoryUtils"
MEMORY = (
    Page("MEM401", "no-memory", Severity.ERROR, "No memory is configured for a process.", "Flink refuses to start: it derives everything from a total, or from the fine-grained parts.", "set the process size, the Flink size, or task heap and managed memory (JobManager: heap)", _MODEL),
    Page("MEM402", "parts-over-total", Severity.ERROR, "Parts of memory do not fit in total Flink memory.", "Flink refuses to start; in small processes framework memory, 128 mb twice, is most of it.", "raise the total, or lower a part", _MODEL),
    Page("MEM403", "network-range", Severity.ERROR, "Network memory is what remains, and that is outside its min and max.", "With task heap and a total given, everything else is network memory.", "leave one of them out, or widen network.min and network.max", _MODEL),
    Page("MEM404", "overhead-range", Severity.ERROR, "JVM overhead is what remains of the process, and that is outside its min and max.", "With both totals given, the difference less metaspace is the overhead.", "leave one total out, or widen jvm-overhead.min and jvm-overhead.max", _MODEL),
    Page("MEM405", "process-too-small", Severity.ERROR, "Total process memory is less than what has to be in it.", "Metaspace, overhead and Flink memory together are the process.", "raise the process size, or lower a part", _MODEL),
    Page("MEM406", "inconsistent-range", Severity.ERROR, "A range of memory has min over max, or a fraction outside of 0 to 1.", "Flink refuses to start.", "correct min, max or fraction", _MODEL),
    Page("MEM407", "unreadable-value", Severity.ERROR, "Flink cannot read a memory option.", "Sizes are whole numbers with b, kb, mb, gb or tb; fractions are plain decimals.", "correct the value", _MODEL),
    Page("MEM408", "no-cpu", Severity.ERROR, "A TaskManager has no CPU cores.", "Without taskmanager.cpu.cores Flink takes the number of slots; both have to be more than 0.", "set taskmanager.cpu.cores or taskmanager.numberOfTaskSlots", _MODEL),
)  # fmt: skip
"""Causes for which Flink refuses a memory configuration; ``planner memory`` reports them."""


def pages() -> list[Page]:
    """Return all pages by code."""
    rules = [Page(r.code, r.name, r.severity, r.summary, r.why, r.hint, r.source) for r in RULES]
    return [*_READING, *sorted([*rules, *MEMORY], key=lambda page: page.code)]


def page(code: str) -> str | None:
    """Return the page of a code as Markdown, None when there is no such code."""
    found = next((entry for entry in pages() if entry.code == code), None)
    if found is None:
        return None
    extra = ""
    if code == "JOB205":
        rows = "\n".join(f"* `{name}`: {kind.what}" for name, kind in KINDS.items())
        extra = f"\n## Known kinds\n\n{rows}\n* any name that ends in `-source` or `-sink`: a connector of the current APIs\n"
    return (
        f"# {found.code}: {found.name}\n\n{found.summary}\n\n"
        f"Severity: {found.severity}\n\n## Why\n\n{found.why}\n\n## What to do\n\n{found.hint}\n\n## Source\n\n{found.source}\n{extra}"
    )


def listing() -> str:
    """Return every code with its summary, in 80 columns."""
    return "".join(
        textwrap.fill(f"{entry.code}  {entry.severity:<8} {entry.summary}", 80, subsequent_indent=" " * 17)
        + "\n"
        for entry in pages()
    )
