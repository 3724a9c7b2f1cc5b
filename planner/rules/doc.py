"""DOC: the text and the form of a document. Readers raise these before any rule can run."""

from __future__ import annotations

from planner.documents.finding import Severity
from planner.rules.base import FLINK_CODE, FLINK_DOCS, Rule


class UnreadableFile(Rule):
    code, name, severity = "DOC000", "unreadable-file", Severity.ERROR
    summary = "A file cannot be read."
    why = "It does not exist, it is a directory, or you are not permitted to read it."
    hint = "check the path and its permissions"
    source = "the error of the operating system"
    source_url = "https://docs.python.org/3/library/exceptions.html#os-exceptions"


class NotText(Rule):
    code, name, severity = "DOC001", "not-text", Severity.ERROR
    summary = "A file is not UTF-8 text."
    why = "It is a binary file, or it was saved in another encoding."
    hint = "save the document as UTF-8"
    source = "RFC 3629 (UTF-8)"
    source_url = "https://www.rfc-editor.org/rfc/rfc3629"


class TooLarge(Rule):
    code, name, severity = "DOC002", "too-large", Severity.ERROR
    summary = "A document is too large."
    why = "No usual document comes near the limit, so this is most likely the wrong file. Large YAML is also slow to read."
    hint = "write large documents as JSON"
    source = "planner's limits for its input (see CWE-770)"
    source_url = "https://cwe.mitre.org/data/definitions/770.html"


class Empty(Rule):
    code, name, severity = "DOC003", "empty", Severity.ERROR
    summary = "A document is empty."
    why = "There is nothing to check or to compile."
    hint = "start from one of the samples"
    source = "YAML 1.2: a stream may hold no document"
    source_url = "https://yaml.org/spec/1.2.2/"


class Syntax(Rule):
    code, name, severity = "DOC004", "syntax", Severity.ERROR
    summary = "A document is neither valid YAML 1.2 nor valid JSON."
    why = "Nothing in it can be read."
    hint = "check the indentation, brackets and quotes at this place and before it"
    source = "YAML 1.2.2 and RFC 8259"
    source_url = "https://yaml.org/spec/1.2.2/"


class TooDeep(Rule):
    code, name, severity = "DOC005", "too-deep", Severity.ERROR
    summary = "A document is nested too deeply, or its aliases expand to too many values."
    why = "No usual document does either, and such input can exhaust the memory of a reader."
    hint = "check that this is the right file"
    source = "planner's limits for its input (see CWE-776)"
    source_url = "https://cwe.mitre.org/data/definitions/776.html"


class DuplicateKey(Rule):
    code, name, severity = "DOC006", "duplicate-key", Severity.ERROR
    summary = "A mapping has the same key twice."
    why = "Most readers keep the last value without a warning, so the first one is lost."
    hint = "keep one of them"
    source = "YAML 1.2.2: the keys of a mapping are unique"
    source_url = "https://yaml.org/spec/1.2.2/"


class Number(Rule):
    code, name, severity = "DOC007", "number", Severity.ERROR
    summary = "A number cannot be represented, or a string is not valid Unicode."
    why = "The number is not finite or has hundreds of digits, or the string has half of a surrogate pair."
    hint = "write a plain number, or the whole character"
    source = "RFC 8259, sections 6 and 8.2"
    source_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6"


class NotAMapping(Rule):
    code, name, severity = "DOC008", "not-a-mapping", Severity.ERROR
    otherwise = "or warning where a glob met the file beside others"
    summary = "A document is not a mapping."
    why = "Every document of planner is a mapping with apiVersion and kind."
    hint = "start with apiVersion: planner/v1"
    source = "planner's document format, which has the form of Kubernetes objects"
    source_url = "https://kubernetes.io/docs/concepts/overview/working-with-objects/"


class Kind(Rule):
    code, name, severity = "DOC009", "kind", Severity.ERROR
    otherwise = "or warning where a glob met the file beside others"
    summary = "A document has no kind, or a kind that planner does not support."
    why = "The kind decides which fields a document has."
    hint = "add kind: Job, ResourceProfile, Cluster, Placement or RecoveryPlan"
    source = "planner's document format, which has the form of Kubernetes objects"
    source_url = "https://kubernetes.io/docs/concepts/overview/working-with-objects/"


class ApiVersion(Rule):
    code, name, severity = "DOC010", "api-version", Severity.ERROR
    summary = "The version of a document's format is not supported."
    why = "In another version the same fields may have another meaning."
    hint = "write apiVersion: planner/v1"
    source = "planner's document format, which has the form of Kubernetes objects"
    source_url = "https://kubernetes.io/docs/concepts/overview/working-with-objects/"


class SkippedLine(Rule):
    code, name, severity = "DOC011", "skipped-line", Severity.WARNING
    summary = "A line of a Flink configuration is not of the form key: value."
    why = "Flink 1.x skips the line, so what is in it has no effect. The file is no YAML, and Flink 2 does not read it at all."
    hint = "write a blank after the colon, and a value"
    source = "GlobalConfiguration of Flink 1.x, which Flink 2 has for migration only"
    source_url = f"{FLINK_CODE}flink-core/src/main/java/org/apache/flink/configuration/ConfigurationFileMigrationUtils.java"


class Unfilled(Rule):
    code, name, severity = "DOC012", "placeholder", Severity.WARNING
    summary = "A manifest or configuration has placeholders that are to be filled in."
    why = "What they stand for decides whether the file is right, and planner does not know it. Everything else is checked."
    hint = "fill the template in first, for example by helm template or envsubst, and check the result"
    source = "the entry point of Flink's image, which fills in variables; templates of Helm and Jinja"
    source_url = f"{FLINK_DOCS}deployment/resource-providers/standalone/docker/"


class UnknownField(Rule):
    code, name, severity = "DOC101", "unknown-field", Severity.ERROR
    summary = "A field is not part of the document."
    why = "It would have no effect. Most often it is misspelled."
    hint = "correct the name"
    source = "planner's document format (planner schema prints it; keyword additionalProperties)"
    source_url = "https://json-schema.org/understanding-json-schema/reference/object#additionalproperties"


class MissingField(Rule):
    code, name, severity = "DOC102", "missing-field", Severity.ERROR
    summary = "A required field is missing."
    why = "Without it the document is incomplete, and planner does not guess it."
    hint = "add it"
    source = "planner's document format (planner schema prints it; keyword required)"
    source_url = "https://json-schema.org/understanding-json-schema/reference/object#required"


class WrongType(Rule):
    code, name, severity = "DOC103", "wrong-type", Severity.ERROR
    summary = "A value has the wrong type."
    why = 'Types are never converted silently: 3 is a number and "3" is text.'
    hint = "write a value of the type that the message names"
    source = "planner's document format (planner schema prints it; keyword type)"
    source_url = "https://json-schema.org/understanding-json-schema/reference/type"


class NotAllowedValue(Rule):
    code, name, severity = "DOC104", "wrong-value", Severity.ERROR
    summary = "A value is not allowed."
    why = "It is out of range, or it does not have the required form."
    hint = "write a value that is allowed"
    source = "planner's document format (planner schema prints it; keywords enum, pattern and minimum)"
    source_url = "https://json-schema.org/understanding-json-schema/reference/numeric#range"
