"""Bad input by the thousand: documents and command lines that planner has to refuse politely.

``cases()`` is deterministic. A case runs in a folder of its own that holds ``job.yaml``,
``cluster.yaml``, ``profile.json`` and ``placement.json`` (all valid) and the hostile document; its
arguments name them by their file names, so that findings start with those.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import yaml

JOB = """\
apiVersion: planner/v1
kind: Job
metadata:
  name: orders
  labels: {team: core}
spec:
  type: streaming
  flinkVersion: "2.2"
  parallelism: 2
  maxParallelism: 128
  flinkConfiguration:
    state.backend.type: rocksdb
    pipeline.object-reuse: true
  checkpointing:
    interval: 30 s
    timeout: 10 min
    minPause: 1 s
    mode: EXACTLY_ONCE
    dir: s3://checkpoints/orders
    incremental: true
    unaligned: false
  restart:
    strategy: fixed-delay
    attempts: 3
    delay: 5 s
  slotSharingGroups:
    - name: heavy
      resources:
        cpu: 0.5
        heap: 256 mb
        offHeap: 16 mb
        managed: {STATE_BACKEND: 64 mb}
        external: {gpu: 1}
  operators:
    - id: read
      uid: read-uid
      name: Read orders
      kind: source
      parallelism: 2
      maxParallelism: 64
      chaining: ALWAYS
      group: heavy
      load: {cpu: 0.2, recordsPerSecond: 1000, bytesPerRecord: 100.5}
    - id: count
      uid: count-uid
      kind: process
      inputs:
        - from: read
          ship: HASH
          exchange: PIPELINED
      state: {backend: rocksdb, size: 1 gb}
    - id: write
      kind: sink
      inputs: [count]
"""

CLUSTER = """\
apiVersion: planner/v1
kind: Cluster
metadata:
  name: prod
spec:
  taskManagerClasses:
    - name: large
      cpu: 4
      memory: {process: 8 gb, frameworkHeap: 128 mb, jvmMetaspace: 256 mb}
      slots: 8
      external: {gpu: 4}
      labels: {zone: a}
      flinkConfiguration: {taskmanager.memory.network.fraction: 0.1}
      count: 2
      price: 1.5
    - name: small
      cpu: 1
      memory: {flink: 2 gb, managed: 256 mb}
      min: 1
      max: 2
  taskManagers:
    - id: extra
      class: large
    - id: own
      cpu: 2
      memory: {process: 4 gb}
      slots: 2
      external: {gpu: 1}
      labels: {zone: b}
  reserve: {taskManagers: 1}
"""

PROFILE = """\
{
  "apiVersion": "planner/v1",
  "kind": "ResourceProfile",
  "metadata": {"name": "orders", "labels": {"team": "core"}},
  "ssgProfiles": [
    {"name": "heavy", "cpu": 0.5, "heap": "256 mb", "offHeap": "16 mb",
     "managed": {"STATE_BACKEND": "64 mb"}, "extended": {"gpu": 1}}
  ],
  "nodes": [
    {"id": 1, "type": "source", "desc": "Read orders",
     "profile": {"group": "heavy", "parallelism": 2, "maxParallelism": 64, "minParallelism": 1,
                 "chaining": "ALWAYS"},
     "planner": {"operator": "read", "uid": "read-uid", "kind": "source",
                 "load": {"cpu": 0.2, "recordsPerSecond": 1000.0, "bytesPerRecord": 100.5}}},
    {"id": 2, "type": "process", "desc": "count",
     "profile": {"group": "heavy", "parallelism": 2, "maxParallelism": 128, "minParallelism": 1,
                 "chaining": "ALWAYS"},
     "planner": {"operator": "count", "uid": "count-uid", "kind": "process",
                 "state": {"backend": "rocksdb", "size": "1 gb"}, "defaults": ["group"]}}
  ],
  "edges": [
    {"source": 1, "target": 2, "mode": "PIPELINED", "strategy": "HASH",
     "planner": {"input": 0, "default": false}}
  ],
  "planner": {
    "type": "streaming",
    "flinkVersion": "2.2",
    "flinkConfiguration": {"state.backend.type": "rocksdb", "restart-strategy.type": "fixed-delay"},
    "groups": {"heavy": {"slots": 2, "network": "768 kb", "explanation": [{
      "figure": "network", "value": "768 kb", "reason": "24 buffers", "confidence": "exact"
    }]}},
    "vertices": [
      {"id": "b719d66d54287e798036098f2cbdc779", "name": "Read orders", "nodes": [1],
       "group": "heavy", "parallelism": 2, "maxParallelism": 64, "region": 0, "inputs": []}
    ]
  }
}
"""

FOREIGN = """\
{
  "ssgProfiles": [{"name": "default", "cpu": 0.25, "heap": "512 mb", "extended": {}}],
  "nodes": [
    {"id": 1, "type": "StreamExecTableSourceScan", "desc": "Source: orders",
     "profile": {"group": "default", "parallelism": 1, "maxParallelism": 32768}, "state": []},
    {"id": 2, "type": "StreamExecSink", "desc": "Sink: out",
     "profile": {"group": "default", "parallelism": 1}, "extra": {"kept": true}}
  ],
  "edges": [{"source": 1, "target": 2, "mode": "PIPELINED", "strategy": "FORWARD"}],
  "vertices": {"cbc357ccb763df2852fee8c4fc7d55f2": [1, 2]}
}
"""

PLACEMENT = """\
{
  "apiVersion": "planner/v1",
  "kind": "Placement",
  "metadata": {"name": "orders"},
  "inputs": {"profile": "sha256:00", "cluster": "sha256:00"},
  "objective": [
    {"name": "maxCpuUtilisation", "value": 0.05, "bound": 0.05, "boundKind": "item", "gap": 0.0,
     "status": "optimal"}
  ],
  "imbalance": {"max": 0.05, "mean": 0.02, "min": 0.0, "maxOverMean": 2.5, "spread": 0.05, "cv": 1.2},
  "slotLoad": {"best": 0.1, "worst": 0.2},
  "taskManagers": [
    {"id": "large-0", "class": "large", "quotas": {"heavy": 1},
     "slots": [{"group": "heavy", "subtasks": ["read/0", "count/0", "write/0"]}],
     "load": {"cpu": 0.2, "cpuReserved": 0.5, "heap": "256 mb", "offHeap": "16 mb",
              "managed": "64 mb", "network": "768 kb", "external": {"gpu": 1}},
     "utilisation": {"cpu": 0.05, "memory": 0.049083},
     "memory": {"jvmArguments": ["-Xmx7177292992"], "dynamicOptions": {
       "taskmanager.cpu.cores": "4.0", "taskmanager.memory.process.size": "8 gb"}}},
    {"id": "large-1", "class": "large", "quotas": {"heavy": 1},
     "slots": [{"group": "heavy", "subtasks": ["read/1", "count/1", "write/1"]}],
     "load": {"cpu": 0.2, "cpuReserved": 0.5, "heap": "256 mb", "offHeap": "16 mb",
              "managed": "64 mb", "network": "768 kb"},
     "utilisation": {"cpu": 0.05}}
  ],
  "stockFlink": {"none": {"max": 0.1, "lowest": 0.1, "highest": 0.1, "fits": true}},
  "meta": {"seconds": 0.2, "seed": 1, "workers": 1, "plannerVersion": "0.1.0"}
}
"""

BASES: dict[str, str] = {
    "job": JOB,
    "cluster": CLUSTER,
    "profile": PROFILE,
    "foreign": FOREIGN,
    "placement": PLACEMENT,
}
DATA: dict[str, Any] = {kind: yaml.safe_load(text) for kind, text in BASES.items()}
COMPANIONS = {
    "job.yaml": JOB,
    "cluster.yaml": CLUSTER,
    "profile.json": PROFILE,
    "placement.json": PLACEMENT,
}

OUT = "out.json"
NOWHERE = "http://127.0.0.1:9"
"""An address at which nothing answers."""
REFUSED = ("-D", "rest.port=1")
"""An option that planner up refuses, once it has read everything and before it starts anything."""
SENTINEL = b"what was here before\n"

Content = bytes | Callable[[Path], str]
"""What the hostile file holds; or a function that prepares something in a folder and returns its name."""

UNREADABLE = frozenset({2})
READABLE = frozenset({0, 1})
BROKEN = frozenset({1})
FINE = frozenset({0})
ANY = frozenset({0, 1, 2})


@dataclass(frozen=True)
class Hostile:
    """One bad input: the content of ``file``, the command line, the exit codes that are right.

    ``path`` is where in the document the input was broken, if one place can be told.
    """

    name: str
    content: Content
    args: tuple[str, ...]
    exits: frozenset[int]
    file: str = "doc.yaml"
    path: tuple[str | int, ...] | None = None
    mutation: str = ""

    @property
    def verb(self) -> str:
        return " ".join(self.args[: 2 if self.args[0] == "import" else 1])

    def prepare(self, folder: Path) -> list[str]:
        """Write the files of the case to ``folder``; return its command line."""
        for name, text in COMPANIONS.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / OUT).write_bytes(SENTINEL)
        if isinstance(self.content, bytes):
            (folder / self.file).write_bytes(self.content)
            shown = self.file
        else:
            shown = self.content(folder)
        return [shown if arg == "{doc}" else arg for arg in self.args]


@dataclass(frozen=True)
class Document:
    """A hostile document before it meets a verb; ``kind`` says in which place of a command it can stand."""

    name: str
    content: Content
    exits: frozenset[int]
    kind: str = "job"
    file: str = "doc.yaml"
    path: tuple[str | int, ...] | None = None
    mutation: str = ""
    """What was done to many places of many documents, empty where this is the only one of its kind."""


def verbs(kind: str) -> list[tuple[str, ...]]:
    """Return the command lines in which a document of ``kind`` takes part, validate first."""
    if kind == "cluster":
        return [
            ("validate", "{doc}", "job.yaml"),
            ("place", "job.yaml", "-c", "{doc}", "-o", OUT, "--time-limit", "1"),
            ("validate", "{doc}"),
            ("recover", "job.yaml", "-c", "{doc}", "--format", "json"),
            ("up", "{doc}", *REFUSED),
            ("diff", "{doc}", "cluster.yaml"),
        ]
    if kind == "placement":
        return [
            ("validate", "{doc}"),
            ("recover", "job.yaml", "-p", "{doc}", "-o", OUT),
            ("recover", "job.yaml", "-p", "{doc}", "--format", "text"),
            ("verify", "{doc}", "--profile", "profile.json", "--rest", NOWHERE),
            ("run", "job.sql", "-p", "{doc}", "--rest", NOWHERE),
            ("up", "-p", "{doc}", *REFUSED),
            ("migrate", "profile.json", "-p", "{doc}", "--to", "{doc}"),
            ("migrate", "profile.json", "-p", "{doc}", "--drain", "large-0"),
            ("supervise", "-t", "large-0", "-p", "{doc}", "--print", "spec", "--", "java", "Main"),
            ("diff", "{doc}", "placement.json"),
        ]
    return [
        ("validate", "{doc}", "cluster.yaml"),
        ("compile", "{doc}", "-o", OUT),
        ("place", "{doc}", "-c", "cluster.yaml", "-o", OUT, "--time-limit", "1"),
        ("show", "{doc}", "-o", OUT),
        ("export", "{doc}", "-o", OUT),
        ("recover", "{doc}", "-c", "cluster.yaml", "-o", OUT),
        ("show", "{doc}", "--format", "mermaid"),
        ("compile", "{doc}", "--format", "text", "--explain"),
        ("validate", "{doc}"),
        ("import", "load", "{doc}", "--rest", NOWHERE),
        ("diff", "{doc}", "job.yaml" if kind == "job" else "profile.json"),
    ]


# --- texts -----------------------------------------------------------------------------------------


def _texts() -> Iterator[Document]:
    blob = random.Random(20).randbytes(4096)
    job = JOB.encode()
    binary = {
        "elf": b"\x7fELF\x02\x01\x01" + bytes(57) + blob,
        "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + blob,
        "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + blob,
        "random": blob,
        "random-seven-bits": bytes(byte & 0x7F for byte in blob),
        "escape-codes": b"\x1b[31mkind\x1b[0m: Job\n\x1b]0;title\x07",
        "c1-codes": "kind: \x9b31mJob\n".encode(),
        "zip": b"PK\x03\x04" + blob,
        "utf-16-le": JOB.encode("utf-16"),
        "utf-16-be": b"\xfe\xff" + JOB.encode("utf-16-be"),
        "utf-32": JOB.encode("utf-32"),
        "nul-at-start": b"\0" + job,
        "nul-inside": job.replace(b"orders", b"ord\0ers", 1),
        "nul-at-end": job + b"\0",
        "invalid-utf-8-inside": job.replace(b"orders", b"ord\xff\xfeers", 1),
        "overlong-utf-8": job.replace(b"orders", b"ord\xc0\xafers", 1),
        "encoded-surrogate": job.replace(b"orders", b"ord\xed\xa0\x80ers", 1),
        "cut-utf-8": job + "# ü".encode()[:-1],
        "latin-1": job.replace(b"orders", b"Auftr\xe4ge", 1),
    }
    for name, content in binary.items():
        yield Document(f"binary-{name}", content, UNREADABLE)
    nothing = {
        "zero-bytes": b"",
        "blank": b" ",
        "blanks": b" \n  \n\n" * 50,
        "tabs": b"\t\t\n",
        "bom": b"\xef\xbb\xbf",
        "two-boms": b"\xef\xbb\xbf" * 2,
        "comments": b"# nothing\n# to see\n",
        "separators": b"---\n---\n...\n",
        "null": b"null\n",
        "tilde": b"~",
        "newline": b"\n",
        "form-feed": b"\x0c",
        "ideographic-blank": "\u3000\n".encode(),
    }
    for name, content in nothing.items():
        exits = ANY - {0} if name in ("null", "tilde", "two-boms", "separators") else UNREADABLE
        yield Document(f"empty-{name}", content, exits)
    legal = {
        "bom": b"\xef\xbb\xbf" + job,
        "crlf": job.replace(b"\n", b"\r\n"),
        "cr-only": job.replace(b"\n", b"\r"),
        "bom-json": b"\xef\xbb\xbf" + json.dumps(DATA["job"]).encode(),
        "crlf-json": json.dumps(DATA["job"], indent=1).replace("\n", "\r\n").encode(),
        "tabs-in-json": json.dumps(DATA["job"], indent="\t").encode(),
        "no-final-newline": job.rstrip(),
        "document-markers": b"%YAML 1.2\n---\n" + job + b"...\n",
        "comment-after": job + b"# end",
        "flow": yaml.safe_dump(DATA["job"], default_flow_style=True, width=60).encode(),
    }
    for name, content in legal.items():
        yield Document(f"legal-{name}", content, FINE)
    wrong = {
        "number": b"5",
        "text": b"hello world",
        "list": b"- 1\n- 2\n",
        "json-number": b"5.5e3",
        "json-text": b'"x"',
        "json-list": b"[1, 2]",
        "empty-mapping": b"{}",
        "empty-list": b"[]",
        "html": b"<html><body>404</body></html>\n",
        "true": b"true",
        "nan-key": b"{NaN: 1}",
        "random-printable": bytes(0x20 + byte % 0x5F for byte in random.Random(20).randbytes(4096)),
        "only-kind": b"kind: Job\n",
        "only-version": b"apiVersion: planner/v1\n",
        "kind-list": b"apiVersion: planner/v1\nkind: [Job]\n",
        "kind-mapping": b"apiVersion: planner/v1\nkind: {Job: 1}\n",
        "kind-null": b"apiVersion: planner/v1\nkind:\n",
        "kind-number": b"apiVersion: planner/v1\nkind: 7\n",
        "kind-case": job.replace(b"kind: Job", b"kind: job"),
        "kind-long": b"apiVersion: planner/v1\nkind: " + b"x" * 10_000,
        "version-list": b"apiVersion: [1]\nkind: Job\n",
        "version-number": b"apiVersion: 1\nkind: Job\n",
        "version-other": b"apiVersion: apps/v1\nkind: Job\n",
        "kubernetes": b"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n",
        "no-metadata": b"apiVersion: planner/v1\nkind: Job\nspec: {operators: [{id: a, kind: source}]}\n",
        "profile-of-nothing": b"nodes: []\nvertices: {}\n",
        "profile-of-lists": b"nodes: [[], []]\nvertices: {}\n",
    }
    for name, content in wrong.items():
        others = name in ("version-other", "kubernetes")  # objects that planner leaves to others
        yield Document(f"wrong-{name}", content, frozenset({0, 2}) if others else BROKEN)
    syntax = {
        "unclosed-bracket": b"kind: [Job\n",
        "unclosed-quote": b'kind: "Job\n',
        "unclosed-json": b'{"kind": "Job"',
        "json-trailing-comma": b'{"kind": "Job",}',
        "json-single-quotes": b"{'kind': 'Job', x}}",
        "json-two": b'{"kind": "Job"} {"kind": "Job"}',
        "json-comment": b'{"kind": "Job" // no\n}',
        "json-garbage-after": b'{"kind": "Job"}}',
        "json-raw-newline": b'{"kind": "J\nob"}',
        "json-raw-escape": b'{"kind": "J\x1bob"}',
        "json-bad-escape": b'{"kind": "\\x"}',
        "json-half-escape": b'{"kind": "\\ud8',
        "bad-indent": b"kind: Job\n  apiVersion: planner/v1\n",
        "tab-indent": b"kind: Job\nspec:\n\toperators: []\n",
        "two-colons": b"kind: a: b\n",
        "stray-bracket": b"]\n",
        "at-sign": b"kind: @x\n",
        "backtick": b"kind: `x`\n",
        "percent": b"%x\nkind: Job\n",
        "yaml-directive-2": b"%YAML 9.9\n---\nkind: Job\n",
        "anchor-without-value": b"kind: &\n",
        "alias-unknown": b"kind: *nowhere\n",
        "alias-before": b"kind: *a\nspec: &a Job\n",
        "alias-as-key": b"x: &a y\n*a : z\n",
        "alias-recursive-list": b"spec: &a [*a]\n",
        "alias-recursive-mapping": b"&a x: &b {y: *b}\n",
        "alias-document": b"*a\n",
        "key-list": b"[1, 2]: x\n",
        "key-mapping": b"{a: b}: x\n",
        "key-explicit": b"? [a]\n: b\n",
        "tag-python": b"kind: !!python/object/apply:os.system ['true']\n",
        "tag-python-name": b"kind: !!python/name:os.system x\n",
        "tag-binary": b"kind: !!binary SGVsbG8=\n",
        "tag-set": b"kind: !!set {a, b}\n",
        "tag-omap": b"kind: !!omap [a: 1]\n",
        "tag-int": b"kind: !!int '3'\n",
        "tag-custom": b"kind: !mine x\n",
        "tag-custom-mapping": b"kind: Job\nspec: !mine {a: b}\n",
        "tag-on-root": b"!!python/object:os.x {kind: Job}\n",
        "tag-undeclared": b"kind: !e!x y\n",
        "tag-timestamp": b"kind: !!timestamp 2020-01-01\n",
        "tag-include": b"kind: !include /etc/passwd\n",
        "template": b"kind: {{ .Values.kind }}\n",
        "merge-conflict": job.replace(b"spec:\n", b"<<<<<<< HEAD\nspec:\n=======\n", 1),
    }
    for name, content in syntax.items():
        yield Document(f"syntax-{name}", content, UNREADABLE)
    merge = job.replace(b"metadata:\n", b"defaults: &d {a: 1}\nmetadata:\n  <<: *d\n", 1)
    yield Document("merge-key", merge, BROKEN)
    yield Document("merge-list", job.replace(b"metadata:\n", b"metadata:\n  <<: [{a: 1}]\n", 1), BROKEN)
    yield Document("two-jobs", job + b"---\n" + job, ANY)
    yield Document("job-and-cluster", job + b"---\n" + CLUSTER.encode(), ANY)
    yield Document("good-then-bad", job + b"---\nkind: [\n", UNREADABLE)
    yield Document("bad-then-good", b"kind: Nope\n---\n" + job, ANY)
    yield Document("many-documents", b"---\nkind: Nope\n" * 300, UNREADABLE)
    yield Document("long-line", b"kind: " + b"x" * 1_000_000, BROKEN)
    yield Document("many-lines", b"# x\n" * 250_000, UNREADABLE)


def _duplicates() -> Iterator[Document]:
    places = {
        "root": ("kind: Job\n", "kind: Job\nkind: Job\n"),
        "name": ("  name: orders\n", "  name: orders\n  name: again\n"),
        "spec": ("  parallelism: 2\n", "  parallelism: 2\n  parallelism: 3\n"),
        "option": ("    state.backend.type: rocksdb\n", "    a: 1\n    b: 2\n    a: 3\n"),
        "operator": ("      kind: source\n", "      kind: source\n      kind: source\n"),
        "flow": ("{team: core}", "{team: core, team: core}"),
        "quoted": ("  name: orders\n", "  name: orders\n  'name': again\n"),
        "merge": ("  name: orders\n", "  <<: {}\n  <<: {}\n  name: orders\n"),
    }
    for name, (old, new) in places.items():
        assert old in JOB
        yield Document(f"duplicate-yaml-{name}", JOB.replace(old, new, 1).encode(), UNREADABLE)
    text = json.dumps(DATA["job"])
    json_places = {
        "root": ('"kind": "Job",', '"kind": "Job", "kind": "Job",'),
        "operator": ('"id": "read",', '"id": "read", "id": "read",'),
        "label": ('"team": "core"', '"team": "core", "team": "core"'),
        "escaped": ('"id": "read",', '"id": "read", "\\u0069d": "read",'),
        "deep": ('"team": "core"', '"a": ' + "[" * 70 + "{}" + "]" * 70 + ', "a": 1'),
        "emoji": ('"team": "core"', '"\\ud83d\\ude00": "x", "team": "core", "team": "core"'),
        "empty-name": ('"team": "core"', '"": "x", "": "core"'),
    }
    for name, (old, new) in json_places.items():
        assert old in text
        content = text.replace(old, new, 1).encode()
        yield Document(f"duplicate-json-{name}", content, UNREADABLE, file="doc.json")


def _depths() -> Iterator[Document]:
    for depth in (50, 100, 1000, 100_000):
        flow = "kind: " + "[" * depth + "]" * depth
        braces = "kind: " + "{a: " * depth + "x" + "}" * depth
        block = "\n".join(f"{' ' * level}a:" for level in range(min(depth, 2500))) + " x\n"
        dashes = "- " * min(depth, 50_000) + "x\n"
        unclosed = "[" * depth
        lists, mappings = "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth
        inside = json.dumps(DATA["job"]).replace('"orders"', lists, 1)
        state = FOREIGN.replace('"state": []', f'"state": {lists}', 1)
        exits = UNREADABLE if depth > 64 else BROKEN
        yield Document(f"depth-{depth}-flow", flow.encode(), exits)
        yield Document(f"depth-{depth}-braces", braces.encode(), exits)
        yield Document(f"depth-{depth}-block", block.encode(), exits)
        yield Document(f"depth-{depth}-dashes", dashes.encode(), exits)
        yield Document(f"depth-{depth}-unclosed", unclosed.encode(), UNREADABLE)
        yield Document(f"depth-{depth}-json-list", lists.encode(), exits, file="doc.json")
        yield Document(f"depth-{depth}-json-mapping", mappings.encode(), exits, file="doc.json")
        yield Document(f"depth-{depth}-json-field", inside.encode(), exits, file="doc.json")
        allowed = UNREADABLE if depth > 64 else READABLE
        yield Document(f"depth-{depth}-json-any", state.encode(), allowed, kind="foreign", file="doc.json")


def _bombs() -> Iterator[Document]:
    laughs = "a0: &a0 lol\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    quadratic = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 50_000)}]\n"
    chain = "a0: &a0 {}\n" + "".join(f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}\n" for n in range(1, 60))
    yield Document("bomb-billion-laughs", laughs.encode(), UNREADABLE)
    yield Document("bomb-quadratic", quadratic.encode(), BROKEN)
    yield Document("bomb-doubling", chain.encode(), UNREADABLE)
    options = "".join(f"    o{n}: &o{n} {{{', '.join(f'k{m}: *o{n - 1}' for m in range(9))}}}\n"
                      for n in range(1, 6))  # fmt: skip
    bomb = JOB.replace("  flinkConfiguration:\n", "  flinkConfiguration:\n    o0: &o0 x\n" + options, 1)
    yield Document("bomb-in-configuration", bomb.encode(), ANY)
    anchors = "".join(f"k{n}: &a{n} x\n" for n in range(10_000))
    yield Document("bomb-many-anchors", anchors.encode(), BROKEN)
    yield Document("bomb-redefined-anchor", b"a: &x 1\nb: &x [*x, *x]\nc: &x [*x, *x]\n", BROKEN)


# --- mutations of valid documents --------------------------------------------------------------------

Path_ = tuple[str | int, ...]


def walk(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Return every part of ``value`` below its root, with its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key), item
        yield from walk(item, (*path, key))


def changed(data: Any, path: Path_, change: Callable[[Any, Any], None]) -> Any:
    """Return a copy of ``data`` after ``change(parent, key)`` of the part at ``path``."""
    fresh = parent = copy.copy(data)
    for part in path[:-1]:
        parent[part] = copy.copy(parent[part])
        parent = parent[part]
    change(parent, path[-1])
    return fresh


def put(data: Any, path: Path_, value: Any) -> Any:
    """Return a copy of ``data`` with ``value`` at ``path``."""
    return changed(data, path, lambda parent, key: parent.__setitem__(key, value))


def dump(data: Any) -> str:
    """Return YAML in the order of ``data``."""
    return yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False, width=10_000)


def spelled(path: Path_) -> str:
    return ".".join(map(str, path))


REPLACEMENTS: dict[str, Any] = {
    "null": None,
    "list": [1],
    "mapping": {"x": 1},
    "text": "x",
    "number": 5,
    "decimal": 0.5,
    "bool": True,
    "minus": -1,
    "empty-text": "",
    "empty-list": [],
    "empty-mapping": {},
}


def _rename(parent: Any, key: Any) -> None:
    items = list(parent.items())
    parent.clear()
    parent.update((f"{name}x" if name == key else name, value) for name, value in items)


def _delete(parent: Any, key: Any) -> None:
    del parent[key]


def _mutations() -> Iterator[Document]:
    number = 0

    def document(label: str, kind: str, data: Any, path: Path_, exits: frozenset[int]) -> Document:
        nonlocal number
        number += 1
        as_json = number % 2 == 0
        text = json.dumps(data, indent=1) if as_json else dump(data)
        return Document(
            f"{label}-{kind}-{spelled(path)}",
            text.encode(),
            exits,
            kind,
            "doc.json" if as_json else "doc.yaml",
            path,
            label,
        )

    for kind, data in DATA.items():
        for path, value in walk(data):
            for name, replacement in REPLACEMENTS.items():
                if replacement != value:
                    yield document(name, kind, put(data, path, replacement), path, READABLE)
            yield document("deleted", kind, changed(data, path, _delete), path, READABLE)
            if isinstance(path[-1], str):
                renamed = changed(data, path, _rename)
                yield document("renamed", kind, renamed, (*path[:-1], f"{path[-1]}x"), READABLE)


TOKENS = {
    "yes": "yes",
    "octal": "010",
    "sexagesimal": "1:30",
    "underscore": "1_000",
    "date": "2020-01-01",
    "time": "2020-01-01T10:00:00Z",
    "hex": "0x1F",
    "nan": ".nan",
    "inf": ".inf",
    "minus-inf": "-.inf",
    "minus-zero": "-0",
    "1e400": "1e400",
    "1e9999999": "1e9999999",
    "1e-9999999": "1e-9999999",
    "1e99999999999999999999": "1e99999999999999999999",
    "10^30": "1" + "0" * 30,
    "5000-digits": "9" * 5000,
    "5000-digits-text": '"' + "9" * 5000 + '"',
    "300-digits": "9" * 300,
    "390-digits": "9" * 390,
    "400-decimals": "0." + "3" * 400,
    "5000-decimals": "0." + "3" * 5000,
    "zeros": "0" * 300 + "1",
    "arabic-digits": "٣",
    "fullwidth-digits": "３",  # noqa: RUF001
    "superscript": "²",
    "negative": "-512 mb",
    "wrong-unit": "5 parsecs",
    "fraction": "1.5g",
    "kubernetes": "1.5Gi",
    "kubernetes-odd": "0.3Ki",
    "kubernetes-milli": "100m",
    "too-large": "9223372036854775808",
    "too-large-unit": "9999999999 tb",
    "exbi": "9999999999999999Ei",
    "iso": "PT30S",
    "iso-long": "P" + "9" * 5000 + "D",
    "iso-odd": "P",
    "snan": "sNaN",
    "text-nan": '"NaN"',
    "text-inf": '"Infinity"',
    "text-exponent": '"1e9999999"',
    "text-exponent-milli": '"1e999999m"',
    "text-hex": '"0x1F"',
    "text-underscore": '"1_0"',
    "text-blank": '" "',
    "text-m": '"m"',
    "text-long": '"' + "x" * 10_000 + '"',
    "text-newline": '"a\\nb"',
    "text-null": '"\\0"',
    "text-escape": '"\\e[31mred"',
    "text-c1": '"\\x9b31mred"',
    "markup": '"[red]x[/red][/]"',
    "shell": '"$(reboot) `x` ; | & > %s %(x)s {0} \' \\\\"',
    "rtl": '"\\u202Eabc"',
    "line-separator": '"a\\u2028b\\u0085c"',
    "alias-like": "'*x'",
}


def _tokens() -> Iterator[Document]:
    for kind in ("job", "cluster"):
        data = DATA[kind]
        for path, value in walk(data):
            if isinstance(value, (dict, list)):
                continue
            text = dump(put(data, path, "QQQ"))
            for name, token in TOKENS.items():
                content = text.replace("QQQ", token, 1).encode()
                label = f"token-{name}"
                yield Document(
                    f"{label}-{kind}-{spelled(path)}", content, ANY, kind, path=path, mutation=label
                )
    tokens = ["NaN", "Infinity", "-Infinity", "-0", "1e400", "1e9999999", "1" + "0" * 30, "9" * 5000, "1E5",
              "9" * 390, "-1", "0.5", "0"]  # fmt: skip
    for kind in ("profile", "foreign", "placement", "job", "cluster"):
        data = DATA[kind]
        for path, value in walk(data):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                continue
            text = json.dumps(put(data, path, "QQQ"))
            for token in tokens:
                content = text.replace('"QQQ"', token, 1).encode()
                label = f"json-{token[:12]}"
                yield Document(f"{label}-{kind}-{spelled(path)}", content, ANY, kind, "doc.json", path, label)


NAMES = {
    "rtl": "\u202egnp.exe",
    "emoji": "👩‍👩‍👧‍👦🇩🇪",
    "combining": "e" + "\u0301" * 50,
    "zero-width": "\u200b",
    "zero-width-inside": "a\u200bb",
    "bom": "\ufeff",
    "newline": "a\nb",
    "return": "a\rb",
    "tab": "a\tb",
    "delete": "a\x7fb",
    "c1": "a\x9b31mb",
    "next-line": "a\x85b",
    "line-separator": "a\u2028b",
    "nul": "a\0b",
    "escape": "\x1b[31mred\x1b[0m",
    "10000": "x" * 10_000,
    "4096": "x" * 4096,
    "4096-emoji": "👍" * 4096,
    "slash": "../../etc/passwd",
    "backslash": "C:\\x",
    "quotes": "\"'`",
    "percent": "%s %d %(x)s %n",
    "braces": "{0} {x} {}",
    "shell": "$(reboot); `x` | & > < * ? ~",
    "markup": "[red]x[/red]",
    "markup-close": "[/]",
    "markup-link": "[link=http://x]y[/link]",
    "html": "<script>alert(1)</script>",
    "semicolon": "a;b,c",
    "colon": "a: b",
    "dash": "-",
    "dots": "..",
    "blank": " ",
    "blanks-around": "  a  ",
    "hash": "#",
    "yes": "yes",
    "null": "null",
    "number": "5",
    "mermaid": '"]; end; click v0 href "x"',
    "private-use": "\ue000\U0010ffff",
    "noncharacter": "\uffff\ufffe",
    "lone-high": "\ud800",
    "lone-low": "a\udc00b",
    "swapped": "\udc00\ud800",
    "surrogateescape": "\udcff",
}


def _names() -> Iterator[Document]:
    job, cluster, placement = DATA["job"], DATA["cluster"], DATA["placement"]
    for name, text in NAMES.items():
        renamed = json.loads(json.dumps(job).replace('"read"', "@").replace("@", json.dumps(text)))
        grouped = json.loads(json.dumps(job).replace('"heavy"', "@").replace("@", json.dumps(text)))
        documents = {
            "metadata": (put(job, ("metadata", "name"), text), "job"),
            "label": (put(job, ("metadata", "labels"), {text: text}), "job"),
            "operator": (renamed, "job"),
            "operator-name": (put(job, ("spec", "operators", 0, "name"), text), "job"),
            "uid": (put(job, ("spec", "operators", 0, "uid"), text), "job"),
            "kind": (put(job, ("spec", "operators", 0, "kind"), text), "job"),
            "group": (grouped, "job"),
            "option": (put(job, ("spec", "flinkConfiguration"), {text: text}), "job"),
            "external": (put(job, ("spec", "slotSharingGroups", 0, "resources", "external"), {text: 1}), "job"),
            "dangling": (put(job, ("spec", "operators", 1, "inputs", 0, "from"), text), "job"),
            "unknown-field": (put(job, ("spec", text), 1), "job"),
            "document-kind": (put(job, ("kind",), text), "job"),
            "version": (put(job, ("spec", "flinkVersion"), text), "job"),
            "class": (put(cluster, ("spec", "taskManagerClasses", 0, "name"), text), "cluster"),
            "manager": (put(cluster, ("spec", "taskManagers", 1, "id"), text), "cluster"),
            "of-class": (put(cluster, ("spec", "taskManagers", 0, "class"), text), "cluster"),
            "cluster-external": (put(cluster, ("spec", "taskManagerClasses", 0, "external", text), 1), "cluster"),
            "subtask": (put(placement, ("taskManagers", 0, "slots", 0, "subtasks", 0), text), "placement"),
            "placed-manager": (put(placement, ("taskManagers", 0, "id"), text), "placement"),
            "quota": (put(placement, ("taskManagers", 0, "quotas"), {text: 1}), "placement"),
        }  # fmt: skip
        for place, (data, kind) in documents.items():
            content = json.dumps(data, indent=1).encode()
            label = f"name-{name}"
            yield Document(f"{label}-{place}", content, ANY, kind, "doc.json", mutation=label)
            if place in ("metadata", "operator", "group", "dangling") and not name.startswith(
                ("lone", "swapped", "surrogateescape")
            ):
                content = yaml.safe_dump(data, allow_unicode=True).encode()
                yield Document(f"{label}-{place}-yaml", content, ANY, kind, mutation=label)


OPTIONS = (
    "parallelism.default",
    "pipeline.max-parallelism",
    "pipeline.operator-chaining.enabled",
    "taskmanager.memory.process.size",
    "taskmanager.memory.flink.size",
    "taskmanager.memory.network.fraction",
    "taskmanager.memory.network.min",
    "taskmanager.memory.network.max",
    "taskmanager.memory.jvm-overhead.fraction",
    "taskmanager.memory.jvm-overhead.min",
    "taskmanager.memory.jvm-overhead.max",
    "taskmanager.memory.jvm-metaspace.size",
    "taskmanager.memory.managed.fraction",
    "taskmanager.memory.managed.size",
    "taskmanager.memory.managed.consumer-weights",
    "taskmanager.memory.framework.heap.size",
    "taskmanager.memory.framework.off-heap.size",
    "taskmanager.memory.task.heap.size",
    "taskmanager.memory.segment-size",
    "taskmanager.network.memory.buffers-per-channel",
    "taskmanager.network.memory.floating-buffers-per-gate",
    "taskmanager.network.memory.max-overdraft-buffers-per-gate",
    "taskmanager.network.memory.read-buffer.required-per-gate.max",
    "taskmanager.network.memory.max-buffers-per-channel",
    "taskmanager.network.sort-shuffle.min-buffers",
    "taskmanager.network.sort-shuffle.min-parallelism",
    "taskmanager.numberOfTaskSlots",
    "restart-strategy",
    "restart-strategy.type",
    "restart-strategy.fixed-delay.attempts",
    "restart-strategy.fixed-delay.delay",
    "jobmanager.execution.failover-strategy",
    "execution.checkpointing.interval",
    "execution.checkpointing.mode",
    "execution.batch-shuffle-mode",
    "execution.runtime-mode",
    "state.backend.type",
    "state.backend",
    "state.backend.rocksdb.memory.fixed-per-slot",
    "state.backend.rocksdb.memory.managed",
    "python.fn-execution.memory.managed",
    "table.exec.resource.default-parallelism",
)
OPTION_VALUES = {
    "empty": "",
    "word": "nonsense",
    "minus": "-1",
    "zero": "0",
    "two": "2",
    "nan": "NaN",
    "infinity": "Infinity",
    "half": "0.5",
    "five-thousand-digits": "9" * 5000,
    "zeros": "0" * 5000 + "1",
    "large": "9" * 18,
    "list": "a;b;c",
    "map": "a:b,c",
    "weights": "STATE_BACKEND:0,OPERATOR:0,PYTHON:0",
    "weights-bad": "STATE_BACKEND:x,NOPE:1,:,PYTHON:-5",
    "exponent": "1e400",
    "arabic": "٣",
    "size": "1 gb",
    "huge-size": "9000000 tb",
}


def _options() -> Iterator[Document]:
    for key in OPTIONS:
        for name, value in OPTION_VALUES.items():
            job = copy.deepcopy(DATA["job"])
            del job["spec"]["restart"], job["spec"]["checkpointing"], job["spec"]["parallelism"]
            del job["spec"]["slotSharingGroups"], job["spec"]["operators"][0]["group"]
            del job["spec"]["operators"][0]["parallelism"]
            job["spec"]["flinkConfiguration"] = {key: value}
            path: Path_ = ("spec", "flinkConfiguration", key)
            content, label = json.dumps(job).encode(), f"option-{name}"
            yield Document(f"{label}-{key}", content, READABLE, "job", "doc.json", path, label)
            profile = put(DATA["profile"], ("planner", "flinkConfiguration"), {key: value})
            path = ("planner", "flinkConfiguration", key)
            content, label = json.dumps(profile).encode(), f"profile-option-{name}"
            yield Document(f"{label}-{key}", content, READABLE, "profile", "doc.json", path, label)
            if key.startswith("taskmanager"):
                path = ("spec", "taskManagerClasses", 1, "flinkConfiguration")
                content = json.dumps(put(DATA["cluster"], path, {key: value})).encode()
                label = f"cluster-option-{name}"
                yield Document(f"{label}-{key}", content, READABLE, "cluster", "doc.json", path, label)


# --- graphs and clusters -----------------------------------------------------------------------------


def job_of(operators: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": "hostile"},
        "spec": {**spec, "operators": operators},
    }


def _operator(name: str, *inputs: str, **fields: Any) -> dict[str, Any]:
    if not inputs:
        return {"id": name, "kind": "source", **fields}
    return {"id": name, "kind": "process", "inputs": list(inputs), **fields}


def _graphs() -> Iterator[Document]:
    chain = [_operator("o0"), *(_operator(f"o{n}", f"o{n - 1}") for n in range(1, 3000))]
    head = [_operator(f"o{n}", f"o{n + 1}") for n in range(2999)] + [_operator("o2999")]
    ring = [_operator("o0", "o2999"), *(_operator(f"o{n}", f"o{n - 1}") for n in range(1, 3000))]
    sources = [_operator(f"s{n}") for n in range(1000)]
    wide = {"parallelism": 32768, "maxParallelism": 32768}
    all_to_all = [{"from": "a", "ship": "HASH"}]
    groups = [{"name": f"g{n}", "resources": {"cpu": 0.1, "heap": "64 mb"}} for n in range(100)]
    graphs: dict[str, tuple[Any, frozenset[int]]] = {
        "self-loop": (job_of([_operator("a", "a")]), BROKEN),
        "two-cycle": (job_of([_operator("a", "b"), _operator("b", "a")]), BROKEN),
        "cycle-behind-source": (
            job_of([_operator("s"), _operator("a", "s", "b"), _operator("b", "a")]),
            BROKEN,
        ),
        "ring-3000": (job_of(ring), BROKEN),
        "no-source": (job_of([{"id": "a", "kind": "process"}]), BROKEN),
        "only-source": (job_of([_operator("a")]), READABLE),
        "same-input-twice": (job_of([_operator("a"), _operator("b", "a", "a")]), READABLE),
        "same-input-1000": (job_of([_operator("a"), _operator("b", *["a"] * 1000)]), READABLE),
        "same-id-twice": (job_of([_operator("a"), _operator("a"), _operator("b", "a")]), BROKEN),
        "same-uid-3000": (job_of([_operator(f"s{n}", uid="u") for n in range(3000)]), BROKEN),
        "same-id-3000": (job_of([_operator("a")] * 3000), BROKEN),
        "no-operators": (job_of([]), BROKEN),
        "islands-3000": (job_of([_operator(f"s{n}") for n in range(3000)]), READABLE),
        "chain-3000": (job_of(chain), READABLE),
        "chain-3000-backwards": (job_of(head), READABLE),
        "chain-3000-rebalanced": (
            job_of(
                [chain[0]]
                + [{**entry, "inputs": [{"from": entry["inputs"][0], "ship": "REBALANCE"}]} for entry in chain[1:]]
            ),
            READABLE,
        ),
        "fan-in-1000": (job_of([*sources, _operator("sink", *[f"s{n}" for n in range(1000)])]), READABLE),
        "fan-out-1000": (job_of([_operator("s"), *(_operator(f"o{n}", "s") for n in range(1000))]), READABLE),
        "dangling-10000": (
            job_of([_operator(f"operator-{n}", f"operatr-{n}") for n in range(10_000)]),
            BROKEN,
        ),
        "dangling-inputs-10000": (job_of([_operator("a", *[f"b{n}" for n in range(10_000)])]), BROKEN),
        "unknown-kinds-3000": (
            job_of([{"id": f"s{n}", "kind": f"sourc{n}"} for n in range(3000)]),
            BROKEN,
        ),
        "unknown-groups-3000": (
            job_of([_operator(f"s{n}", group=f"grup{n}") for n in range(3000)], slotSharingGroups=groups),
            BROKEN,
        ),
        "parallel-32768-all-to-all": (
            job_of([_operator("a", **wide), {"id": "b", "kind": "process", "inputs": all_to_all, **wide}]),
            READABLE,
        ),
        "parallel-32768-forward": (job_of([_operator("a", **wide), _operator("b", "a", **wide)]), READABLE),
        "parallel-32768-rescale": (
            job_of(
                [
                    _operator("a", **wide),
                    {
                        "id": "b",
                        "kind": "process",
                        "inputs": [{"from": "a", "ship": "RESCALE"}],
                        "parallelism": 32767,
                        "maxParallelism": 32768,
                    },
                ]
            ),
            READABLE,
        ),
        "parallel-over-max": (job_of([_operator("a", parallelism=10, maxParallelism=5)]), READABLE),
        "forward-different-parallelism": (
            job_of(
                [
                    _operator("a", parallelism=2),
                    {"id": "b", "kind": "sink", "inputs": [{"from": "a", "ship": "FORWARD"}], "parallelism": 3},
                ]
            ),
            READABLE,
        ),
        "groups-100": (
            job_of(
                [_operator(f"s{n}", group=f"g{n}", load={"cpu": 0.01 * n}) for n in range(100)],
                slotSharingGroups=groups,
            ),
            READABLE,
        ),
        "groups-same-100": (job_of([_operator("a")], slotSharingGroups=[groups[0]] * 100), BROKEN),
        "groups-unused-3000": (
            job_of([_operator("a")], slotSharingGroups=[{"name": f"u{n}"} for n in range(3000)]),
            READABLE,
        ),
        "batch-chain-3000": (job_of(chain, type="batch"), READABLE),
        "batch-32768": (
            job_of(
                [_operator("a", **wide), {"id": "b", "kind": "process", "inputs": all_to_all, **wide}],
                type="batch",
            ),
            READABLE,
        ),
        "options-10000": (
            job_of([_operator("a")], flinkConfiguration={f"nonsense.option-{n}": "x" for n in range(10_000)}),
            READABLE,
        ),
        "options-deep": (job_of([_operator("a")], flinkConfiguration=_nested(50)), READABLE),
        "operators-bad-5000": (job_of([{"id": n, "kind": n} for n in range(5000)]), BROKEN),
        "operators-null-5000": (job_of([None] * 5000), BROKEN),
        "unknown-fields-5000": (job_of([_operator("a")], **{f"field{n}": n for n in range(5000)}), BROKEN),
    }  # fmt: skip
    for name, (data, exits) in graphs.items():
        label = "large graph" if name.endswith("000") else ""
        yield Document(f"graph-{name}", json.dumps(data).encode(), exits, file="doc.json", mutation=label)
    foreign = DATA["foreign"]
    edge = foreign["edges"][0]
    profiles = {
        "edge-from-nowhere": put(foreign, ("edges", 0, "source"), 99),
        "edge-to-nowhere": put(foreign, ("edges", 0, "target"), 99),
        "edge-huge": put(foreign, ("edges", 0, "target"), 10**40),
        "edge-negative": put(foreign, ("edges", 0, "source"), -1),
        "edge-loop": put(foreign, ("edges", 0, "target"), 1),
        "edge-twice": put(foreign, ("edges",), [edge, edge]),
        "edge-back": put(foreign, ("edges",), [edge, {**edge, "source": 2, "target": 1}]),
        "node-twice": put(foreign, ("nodes", 1, "id"), 1),
        "node-id-zero": put(foreign, ("nodes", 0, "id"), 0),
        "node-id-huge": put(foreign, ("nodes", 0, "id"), 2**31),
        "no-edges": put(foreign, ("edges",), []),
        "vertices-wrong": put(foreign, ("vertices",), {"x": [5, 6]}),
        "vertices-empty": put(foreign, ("vertices",), {"x": []}),
        "group-undeclared": put(foreign, ("nodes", 0, "profile", "group"), "nope"),
        "group-twice": put(foreign, ("ssgProfiles",), foreign["ssgProfiles"] * 2),
        "extra-null": {**foreign, "extra": None},
    }
    for name, data in profiles.items():
        yield Document(f"foreign-{name}", json.dumps(data).encode(), READABLE, "foreign", "doc.json")
    own = DATA["profile"]
    profiles = {
        "operator-twice": put(own, ("nodes", 1, "planner", "operator"), "read"),
        "operator-like-number": put(own, ("nodes", 1, "planner", "operator"), "1"),
        "uid-twice": put(own, ("nodes", 1, "planner", "uid"), "read-uid"),
        "input-number": put(own, ("edges", 0, "planner", "input"), 10**9),
        "min-parallelism": put(own, ("nodes", 0, "profile", "minParallelism"), 32768),
        "max-parallelism": put(own, ("nodes", 0, "profile", "maxParallelism"), 1),
        "unknown-field": put(own, ("nodes", 0, "nope"), 1),
        "unknown-field-in-group": put(own, ("ssgProfiles", 0, "nope"), 1),
    }
    for name, data in profiles.items():
        yield Document(f"profile-{name}", json.dumps(data).encode(), READABLE, "profile", "doc.json")


def _nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"x": 1}
    for _ in range(depth):
        found = {"x": found}
    return found


def _clusters() -> Iterator[Document]:
    data = DATA["cluster"]
    first: Path_ = ("spec", "taskManagerClasses", 0)
    own: Path_ = ("spec", "taskManagers", 1)
    place = READABLE | {3}
    clusters: dict[str, tuple[Any, frozenset[int]]] = {
        "count-0": (put(data, (*first, "count"), 0), place),
        "count-1000001": (put(data, (*first, "count"), 1_000_001), BROKEN),
        "count-huge": (put(data, (*first, "count"), 10**30), BROKEN),
        "count-and-range": (put(data, (*first, "min"), 1), BROKEN),
        "min-over-max": (put(data, ("spec", "taskManagerClasses", 1, "min"), 9), BROKEN),
        "cpu-0": (put(data, (*first, "cpu"), 0), BROKEN),
        "cpu-tiny": (put(data, (*first, "cpu"), 1e-8), place),
        "cpu-below-resolution": (put(data, (*first, "cpu"), 1e-9), BROKEN),
        "cpu-huge": (put(data, (*first, "cpu"), 80_000), place),
        "memory-small": (put(data, (*first, "memory"), {"process": "64 mb"}), BROKEN),
        "memory-empty": (put(data, (*first, "memory"), {}), BROKEN),
        "memory-parts-over-whole": (
            put(data, (*first, "memory"), {"process": "1 gb", "managed": "4 gb"}),
            BROKEN,
        ),
        "memory-both": (put(data, (*first, "memory"), {"process": "8 gb", "flink": "9 gb"}), READABLE),
        "memory-only-managed": (put(data, (*first, "memory"), {"managed": "1 gb"}), BROKEN),
        "memory-heap-managed": (
            put(data, (*first, "memory"), {"taskHeap": "1 gb", "managed": "1 gb"}),
            place,
        ),
        "memory-max": (put(data, (*first, "memory"), {"process": 2**63 - 1}), place),
        "memory-flink-max": (put(data, (*first, "memory"), {"flink": 2**63 - 1}), place),
        "memory-overhead-huge": (
            put(data, (*first, "memory"), {"process": "1 gb", "jvmOverhead": "8 gb"}),
            BROKEN,
        ),
        "memory-metaspace-huge": (
            put(data, (*first, "memory"), {"process": "1 gb", "jvmMetaspace": 2**63 - 1}),
            BROKEN,
        ),
        "slots-0": (put(data, (*first, "slots"), 0), BROKEN),
        "reserve-all": (put(data, ("spec", "reserve", "taskManagers"), 6), BROKEN),
        "reserve-more": (put(data, ("spec", "reserve", "taskManagers"), 100_000), BROKEN),
        "id-collides": (put(data, (*own, "id"), "large-0"), BROKEN),
        "id-twice": (put(data, (*own, "id"), "extra"), BROKEN),
        "class-twice": (put(data, ("spec", "taskManagerClasses", 1, "name"), "large"), BROKEN),
        "class-nowhere": (put(data, ("spec", "taskManagers", 0, "class"), "nope"), BROKEN),
        "manager-without-figures": (put(data, ("spec", "taskManagers", 0), "x"), BROKEN),
        "manager-half": (put(data, ("spec", "taskManagers", 0), {"id": "x", "cpu": 1}), BROKEN),
        "managers-same-3000": (put(data, ("spec", "taskManagers"), [{"id": "x", "class": "large"}] * 3000), BROKEN),
        "classes-3000": (
            put(data, ("spec", "taskManagerClasses"),
                [{"name": f"c{n}", "cpu": 1, "memory": {"process": "4 gb"}, "count": 1} for n in range(3000)]
                + data["spec"]["taskManagerClasses"]),
            place,
        ),
        "nothing": (put(data, ("spec",), {}), BROKEN),
        "nothing-in-lists": (put(data, ("spec",), {"taskManagerClasses": [], "taskManagers": []}), BROKEN),
        "too-small": (put(data, ("spec",), {"taskManagers": [
            {"id": "a", "cpu": 0.1, "memory": {"process": "2 gb"}}]}), ANY | {3}),
        "external-tiny": (put(data, (*first, "external"), {"gpu": 1e-8}), BROKEN | {0, 3}),
        "external-named-like-quota": (put(data, (*first, "external"), {"slot-heavy": 9, "gpu": 4}), place),
        "price-negative": (put(data, (*first, "price"), -1), BROKEN),
    }  # fmt: skip
    for name, (changed_data, exits) in clusters.items():
        content = json.dumps(changed_data).encode()
        yield Document(f"cluster-{name}", content, exits, "cluster", "doc.json")
    placement = DATA["placement"]
    manager: Path_ = ("taskManagers", 0)
    placements = {
        "no-managers": put(placement, ("taskManagers",), []),
        "manager-twice": put(placement, ("taskManagers", 1, "id"), "large-0"),
        "subtask-unknown": put(placement, (*manager, "slots", 0, "subtasks"), ["nope/0"]),
        "subtask-without-number": put(placement, (*manager, "slots", 0, "subtasks"), ["read"]),
        "subtask-number-too-large": put(placement, (*manager, "slots", 0, "subtasks"), ["read/2"]),
        "subtask-negative": put(placement, (*manager, "slots", 0, "subtasks"), ["read/-1"]),
        "subtask-digits": put(placement, (*manager, "slots", 0, "subtasks"), ["read/" + "9" * 5000]),
        "subtask-twice": put(placement, (*manager, "slots", 0, "subtasks"), ["read/1", "read/1"]),
        "subtask-empty": put(placement, (*manager, "slots", 0, "subtasks"), [""]),
        "subtask-slash": put(placement, (*manager, "slots", 0, "subtasks"), ["/"]),
        "subtask-superscript": put(placement, (*manager, "slots", 0, "subtasks"), ["read/²"]),
        "quota-negative": put(placement, (*manager, "quotas"), {"heavy": -5}),
        "quota-huge": put(placement, (*manager, "quotas"), {"heavy": 10**30}),
        "quota-unknown": put(placement, (*manager, "quotas"), {"nope": 1}),
        "class-missing": changed(placement, (*manager, "class"), _delete),
        "other-job": put(placement, ("metadata", "name"), "other"),
    }
    for name, changed_data in placements.items():
        content = json.dumps(changed_data).encode()
        yield Document(f"placement-{name}", content, READABLE, "placement", "doc.json")


def _cut() -> Iterator[Document]:
    for kind, text in BASES.items():
        raw = text.encode()
        for part in range(1, 31):
            at = len(raw) * part // 31
            file = "doc.yaml" if kind in ("job", "cluster") else "doc.json"
            exits = ANY if file == "doc.yaml" else UNREADABLE
            yield Document(f"cut-{kind}-{part}", raw[:at], exits, kind, file, mutation=f"cut-{kind}")


# --- files -------------------------------------------------------------------------------------------


def _directory(folder: Path) -> str:
    (folder / "folder.yaml").mkdir()
    return "folder.yaml"


def _unreadable(folder: Path) -> str:
    path = folder / "locked.yaml"
    path.write_text(JOB)
    path.chmod(0)
    return path.name


def _loop(folder: Path) -> str:
    (folder / "loop.yaml").symlink_to("loop.yaml")
    return "loop.yaml"


def _dangling(folder: Path) -> str:
    (folder / "dangling.yaml").symlink_to("nowhere.yaml")
    return "dangling.yaml"


def _below_file(folder: Path) -> str:
    return "job.yaml/x.yaml"


def _odd_name(name: str, text: str = "kind: Nope\n") -> Callable[[Path], str]:
    def prepare(folder: Path) -> str:
        (folder / name).write_text(text)
        return name

    return prepare


def _files() -> Iterator[Document]:
    yield Document("file-directory", _directory, UNREADABLE)
    yield Document("file-missing", lambda _: "missing.yaml", UNREADABLE)
    yield Document("file-empty-name", lambda _: "", UNREADABLE)
    yield Document("file-in-missing-folder", lambda _: "no/such/folder/x.yaml", UNREADABLE)
    yield Document("file-below-a-file", _below_file, UNREADABLE)
    yield Document("file-long-name", lambda _: "x" * 300 + ".yaml", UNREADABLE)
    yield Document("file-long-path", lambda _: "/".join(["y" * 200] * 40), UNREADABLE)
    yield Document("file-symlink-loop", _loop, UNREADABLE)
    yield Document("file-dangling-symlink", _dangling, UNREADABLE)
    yield Document("file-dev-null", lambda _: "/dev/null", UNREADABLE)
    yield Document("file-glob", lambda _: "no*match.yaml", UNREADABLE)
    yield Document("file-glob-bad", lambda _: "[", UNREADABLE)
    yield Document("file-tilde", lambda _: "~nobody/x.yaml", UNREADABLE)
    yield Document("file-url", lambda _: "https://example.com/job.yaml", UNREADABLE)
    if os.geteuid() != 0:  # root reads everything
        yield Document("file-locked", _unreadable, UNREADABLE)
    for name in ("a b.yaml", "[red]x[/red].yaml".replace("/", ""), "100%s.yaml", "ü👍.yaml", "a:1:2: b.yaml"):
        yield Document(f"file-named-{name}", _odd_name(name), BROKEN)


def _symlink_out(folder: Path) -> str:
    (folder / "target.json").write_bytes(SENTINEL)
    (folder / "link.json").symlink_to("target.json")
    return "link.json"


def _folder_out(folder: Path) -> str:
    (folder / "out").mkdir()
    return "out"


def _read_only_folder_out(folder: Path) -> str:
    (folder / "ro").mkdir()
    (folder / "ro").chmod(0o555)
    return "ro/out.json"


def _outputs() -> Iterator[Hostile]:
    def case(name: str, content: Content, exits: frozenset[int]) -> Iterator[Hostile]:
        yield Hostile(f"output-{name}-compile", content, ("compile", "job.yaml", "-o", "{doc}"), exits)
        place = ("place", "job.yaml", "-c", "cluster.yaml", "-o", "{doc}")
        yield Hostile(f"output-{name}-place", content, place, exits)
        yield Hostile(
            f"output-{name}-validate",
            content,
            ("validate", "job.yaml", "--format", "json", "-o", "{doc}"),
            exits,
        )

    yield from case("directory", _folder_out, UNREADABLE)
    yield from case("missing-folder", lambda _: "no/such/out.json", UNREADABLE)
    yield from case("below-a-file", lambda _: "cluster.yaml/out.json", UNREADABLE)
    yield from case("long-name", lambda _: "x" * 300, UNREADABLE)
    yield from case("longest-name", lambda _: "x" * 255, FINE)
    yield from case("symlink", _symlink_out, FINE)
    yield from case("dangling-symlink", _dangling, FINE)
    yield from case("symlink-loop", _loop, UNREADABLE)
    yield from case("dev-null", lambda _: "/dev/null", FINE)
    yield from case("dev-full", lambda _: "/dev/full", UNREADABLE)
    yield from case("empty-name", lambda _: "", UNREADABLE)
    if os.geteuid() != 0:
        yield from case("read-only-folder", _read_only_folder_out, UNREADABLE)
    yield Hostile(
        "output-is-input", PROFILE.encode(), ("compile", "{doc}", "-o", "doc.json"), FINE, "doc.json"
    )
    bad = ("compile", "{doc}", "-o", "doc.json")
    yield Hostile("output-is-bad-input", b'{"kind": "Job"}', bad, BROKEN, "doc.json")


ADDRESSES = {
    "nowhere": NOWHERE,
    "nowhere-without-scheme": "127.0.0.1:9",
    "nowhere-in-ipv6": "http://[::1]:9",
    "half-an-ipv6": "http://[::1",
    "nothing": "",
    "blank": " ",
    "a-scheme": "http://",
    "a-file": "file:///etc/passwd",
    "a-name": "nonsense://",
    "a-path": f"{NOWHERE}/jobs",
    "a-question": f"{NOWHERE}?x=[red]y",
    "port-0": "http://127.0.0.1:0",
    "port-too-large": "http://127.0.0.1:99999",
    "port-negative": "http://127.0.0.1:-1",
    "port-word": "http://127.0.0.1:rest",
    "port-digits": "http://127.0.0.1:" + "9" * 5000,
    "markup": "http://[/red]:9",
    "escape-codes": "http://\x1b[31mred:9",
    "newline": "http://127.0.0.1:9\nHost: x",
    "blank-inside": "http://127.0.0.1 :9",
    "user": "http://user:secret@127.0.0.1:9",
    "dots": "http://..:9",
    "long": "http://" + "x" * 10_000 + ":9",
    "long-label": "http://" + "x" * 64 + ".invalid:9",
    "not-ascii": "http://ü👍\u202e:9",
    "surrogate": "http://\udcff:9",
}


def _arguments() -> Iterator[Hostile]:
    place = ("place", "job.yaml", "-c", "cluster.yaml")
    usage: dict[str, tuple[str, ...]] = {
        "time-limit-nan": (*place, "--time-limit", "nan"),
        "time-limit-inf": (*place, "--time-limit", "inf"),
        "time-limit-negative": (*place, "--time-limit", "-1"),
        "time-limit-zero": (*place, "--time-limit", "0"),
        "time-limit-text": (*place, "--time-limit", "soon"),
        "seed-negative": (*place, "--seed", "-1"),
        "seed-huge": (*place, "--seed", "9" * 30),
        "seed-digits": (*place, "--seed", "9" * 5000),
        "workers-0": (*place, "--workers", "0"),
        "workers-many": (*place, "--workers", "1000"),
        "format-unknown": (*place, "--format", "nope"),
        "verb-unknown": ("nope",),
        "option-unknown": ("validate", "--nope"),
        "validate-format-unknown": ("validate", "job.yaml", "--format", "[red]x"),
        "fail-on-unknown": ("validate", "job.yaml", "--fail-on", "x"),
        "two-jobs": ("compile", "job.yaml", "job.yaml"),
        "both-stdin": ("place", "-", "-c", "-"),
        "job-as-cluster": ("place", "job.yaml", "-c", "job.yaml"),
        "cluster-as-job": ("place", "cluster.yaml", "-c", "cluster.yaml"),
        "cluster-compiled": ("compile", "cluster.yaml"),
        "placement-shown": ("show", "placement.json"),
        "job-as-placement": ("recover", "job.yaml", "-p", "job.yaml"),
        "scale-utilisation-nan": ("scale", "job.yaml", "--utilisation", "nan"),
        "scale-rate-without-number": ("scale", "job.yaml", "--rate", "read"),
        "scale-rate-inf": ("scale", "job.yaml", "--rate", "read=inf"),
        "scale-rate-digits": ("scale", "job.yaml", "--rate", "read=" + "9" * 5000),
        "scale-rate-of-nothing": ("scale", "job.yaml", "--rate", "[/]nope=1"),
        "scale-partitions-0": ("scale", "job.yaml", "--partitions", "read=0"),
        "scale-fixed-unknown": ("scale", "job.yaml", "--fixed", "[/]nope"),
        "scale-candidate-unknown": ("scale", "job.yaml", "--candidate", "[/]nope", "--time-limit", "1"),
        "explain-unknown": ("explain", "[/]nope"),
        "schema-unknown": ("schema", "[/]nope"),
        "export-unknown": ("export", "job.yaml", "--target", "x"),
        "import-nothing": ("import",),
        "import-unknown": ("import", "[/]nope"),
        "import-load-of-a-job": ("import", "load", "job.yaml", "--rest", NOWHERE),
        "import-load-of-a-cluster": ("import", "load", "cluster.yaml", "--rest", NOWHERE),
        "import-load-window-nan": ("import", "load", "profile.json", "--window", "nan"),
        "import-load-window-zero": ("import", "load", "profile.json", "--window", "0"),
        "import-load-window-digits": ("import", "load", "profile.json", "--window", "9" * 5000),
        "import-job-without-cluster": ("import", "job"),
        "import-cluster-in-a-file": ("import", "cluster", "--dir", "job.yaml"),
        "import-cluster-in-no-folder": ("import", "cluster", "--dir", "x" * 300),
    }
    asking = {
        "import-load": ("import", "load", "profile.json"),
        "import-job": ("import", "job", "-o", OUT),
        "import-cluster": ("import", "cluster", "--name", "[red]x", "-o", OUT),
        "verify": ("verify", "placement.json"),
        "run": ("run", "job.sql", "-p", "placement.json"),
        "scale": ("scale", "profile.json"),
    }
    for name, args in asking.items():
        for place, address in ADDRESSES.items():
            usage[f"{name}-at-{place}"] = (*args, "--rest", address)
        if name != "import-cluster":
            usage[f"{name}-odd-job"] = (*args, "--job", "../[/]\x1b[31m", "--rest", NOWHERE)
    for name, args in usage.items():
        yield Hostile(f"arguments-{name}", b"", args, UNREADABLE)
    yield Hostile("arguments-ignore-all", b"kind: Nope", ("validate", "{doc}", "--ignore", "DOC"), FINE)
    yield Hostile("arguments-ignore-odd", b"kind: Nope", ("validate", "{doc}", "--ignore", ",, ,"), BROKEN)
    yield Hostile("arguments-ignore-empty", b"kind: Nope", ("validate", "{doc}", "--ignore", ""), BROKEN)


@cache
def documents() -> tuple[Document, ...]:
    """Return every hostile document."""
    parts = (_texts, _duplicates, _depths, _bombs, _mutations, _tokens, _names, _options, _graphs,
             _clusters, _cut, _files)  # fmt: skip
    return tuple(document for part in parts for document in part())


def _case(document: Document, args: tuple[str, ...]) -> Hostile:
    exits = document.exits
    if args[0] == "place" and 0 in exits:
        exits |= {3, 4}
    if args[0] in ("recover", "migrate") and 0 in exits:
        exits |= {2, 3, 4}  # the job cannot be placed, or not in time, or the placement is of another job
    if args[0] == "supervise" and 0 in exits:
        exits |= {2}  # the placement has no such TaskManager
    if args[0] in ("import", "up", "run", "verify"):
        exits = exits - {0} | {2}  # nothing answers
    if args[0] == "diff":
        exits |= {1, 2}  # another document, or of another kind
    name = f"{document.name} {' '.join(args)}"
    return Hostile(
        name, document.content, args, exits, document.file, document.path, mutation=document.mutation
    )


def _with_verbs() -> Iterator[tuple[Document, tuple[str, ...], bool]]:
    """Yield each document with each of its command lines, and whether it is that one's turn."""
    turns: Counter[str] = Counter()
    for document in documents():
        lines = verbs(document.kind)
        turn = turns[document.kind] % len(lines)
        turns[document.kind] += 1
        for number, line in enumerate(lines):
            yield document, line, number == turn


@cache
def cases() -> tuple[Hostile, ...]:
    """Return the cases: each document with one of its verbs in turn."""
    found = [_case(document, line) for document, line, turn in _with_verbs() if turn]
    return (*found, *_outputs(), *_arguments())


def cases_out_of_turn(wanted: Callable[[str], object]) -> list[Hostile]:
    """Return the documents that are the only ones of their kind, or wanted, with all their other verbs."""
    found = (_case(document, line) for document, line, turn in _with_verbs() if not turn)
    return [case for case in found if not case.mutation or wanted(case.name)]


def core(all_cases: Iterable[Hostile], wanted: Callable[[str], object]) -> list[Hostile]:
    """Return the cases that stand for all of them.

    They are those that are the only ones of their kind, each mutation once with each verb, in a document
    and at a place that its checksum chooses, and those whose name is wanted.
    """
    found: dict[int, Hostile] = {}
    seen = set()
    order = sorted(enumerate(all_cases), key=lambda entry: crc32(entry[1].name.encode()))
    for number, case in order:
        key = (case.mutation, case.verb)
        if not case.mutation or key not in seen or wanted(case.name):
            found[number] = case
        seen.add(key)
    return [found[number] for number in sorted(found)]
