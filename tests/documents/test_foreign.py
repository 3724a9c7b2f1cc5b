"""Files that people already have: recognised by what is in them, with places in the file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.errors import DocumentError
from planner.documents.foreign.base import ForeignDocument, OtherObject
from planner.documents.foreign.configuration import FlinkConfiguration, read_lines
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.foreign.state_snapshot import FlinkStateSnapshot
from planner.documents.load import Loaded, load
from planner.documents.source import Source

DEPLOYMENT = """\
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: orders, namespace: flink}
spec:
  image: flink:2.2
  flinkVersion: v2_2
  serviceAccount: flink
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: "2"
  jobManager: {resource: {memory: "2048m", cpu: 1}}
  taskManager: {resource: {memory: "2Gi", cpu: 0.5}}
  job: {jarURI: "local:///a.jar", parallelism: 4, args: ["--rate", "10"], upgradeMode: stateless}
"""


def only(text: str) -> Loaded:
    (loaded,) = load(text, "file")
    return loaded


def document_of(text: str) -> Any:
    loaded = only(text)
    assert loaded.document is not None, loaded.findings
    assert loaded.findings == ()
    return loaded.document


class TestManifests:
    def test_a_deployment(self) -> None:
        found = document_of(DEPLOYMENT)
        assert isinstance(found, FlinkDeployment)
        assert (found.name, found.flink_version) == ("orders", "2.2")
        assert found.options == {"taskmanager.numberOfTaskSlots": "2"}
        assert {key: value for key, (value, _) in found.settings().items()} == {
            "jobmanager.memory.process.size": f"{2**31}b",
            "kubernetes.jobmanager.cpu.amount": "1",
            "taskmanager.memory.process.size": f"{2**31}b",
            "kubernetes.taskmanager.cpu.amount": "0.5",
            "parallelism.default": "4",
        }
        assert repr(found) == "<FlinkDeployment 'orders': Flink 2.2, local:///a.jar>"

    def test_nested_options_are_those_that_are_flat(self) -> None:
        nested = DEPLOYMENT.replace(
            '    taskmanager.numberOfTaskSlots: "2"', "    taskmanager: {numberOfTaskSlots: 2}"
        )
        assert document_of(nested).options == document_of(DEPLOYMENT).options

    @pytest.mark.parametrize(
        ("resources", "size", "cores"),
        [
            ("resources: {requests: {memory: 2Gi, cpu: 500m}}", "2147483648b", "0.5"),
            ("resources: {limits: {memory: 2Gi, cpu: 2}}", "2147483648b", "2"),
            ("resources: {requests: {memory: 1Gi}, limits: {memory: 2Gi, cpu: 2}}", "1073741824b", "2"),
            ("resources: {}, resource: {memory: 1g, cpu: 3}", "1073741824b", "3"),
            (
                "resource: {memory: 1500000k, cpu: 3}, resources: {requests: {memory: 2Gi, cpu: 1}}",
                "2147483648b",
                "1",
            ),
        ],
    )
    def test_the_spelling_of_kubernetes_goes_first(self, resources: str, size: str, cores: str) -> None:
        text = DEPLOYMENT.replace('resource: {memory: "2Gi", cpu: 0.5}', resources)
        settings = document_of(text).settings()
        assert settings["taskmanager.memory.process.size"].value == size
        assert settings["kubernetes.taskmanager.cpu.amount"].value == cores

    def test_replicas_decide_the_parallelism(self) -> None:
        text = DEPLOYMENT.replace("taskManager: {", "taskManager: {replicas: 3, ")
        setting = document_of(text).settings()["parallelism.default"]
        assert (setting.value, setting.path) == ("6", ("spec", "taskManager", "replicas"))
        open_text = text.replace('numberOfTaskSlots: "2"', 'numberOfTaskSlots: "${SLOTS}"')
        template = only(open_text).document
        assert isinstance(template, FlinkDeployment)
        assert "parallelism.default" not in template.settings()

    def test_a_session_job_and_a_snapshot(self) -> None:
        first, second = load(
            """\
apiVersion: flink.apache.org/v1beta1
kind: FlinkSessionJob
metadata: {name: top-speed}
spec:
  deploymentName: session
  job: {jarURI: "https://host/a.jar", parallelism: 3}
---
apiVersion: flink.apache.org/v1beta1
kind: FlinkStateSnapshot
metadata: {name: s}
spec:
  savepoint: {path: "s3://lake/s", alreadyExists: true}
""",
            "both.yaml",
        )
        assert isinstance(first.document, FlinkSessionJob)
        assert first.document.settings()["parallelism.default"].value == "3"
        assert isinstance(second.document, FlinkStateSnapshot)
        assert (first.findings, second.findings) == ((), ())

    def test_what_a_cluster_returns_is_read(self) -> None:
        """kubectl get -o yaml has status, and metadata of its own."""
        text = DEPLOYMENT.replace(
            "namespace: flink", "namespace: flink, generation: 2, uid: abc, managedFields: []"
        )
        document_of(text + "status: {lifecycleState: STABLE}\n")

    @pytest.mark.parametrize(
        ("old", "new", "message", "line"),
        [
            (
                "taskManager:",
                "taskmanager:",
                "unknown field 'taskmanager' in spec, did you mean 'taskManager'?",
                11,
            ),
            (
                "cpu: 0.5",
                "cpus: 0.5",
                "unknown field 'cpus' in spec.taskManager.resource, did you mean 'cpu'?",
                11,
            ),
            ("jarURI", "jarUri", "unknown field 'jarUri' in spec.job, did you mean 'jarURI'?", 12),
        ],
    )
    def test_an_unknown_field_hides_nothing_else(self, old: str, new: str, message: str, line: int) -> None:
        loaded = only(DEPLOYMENT.replace(old, new))
        (finding,) = loaded.findings
        assert (finding.code, finding.message, finding.position.line) == ("DOC101", message, line)
        assert loaded.document is not None

    @pytest.mark.parametrize(
        ("old", "new", "code", "words"),
        [
            ("flinkVersion: v2_2", "flinkVersion: 2_2", "DOC104", "write v2_2"),
            ("parallelism: 4", 'parallelism: "4"', "DOC103", "a whole number"),
            ('memory: "2Gi"', "memory: 2", "DOC104", "in quotes"),
            ('"--rate", "10"', "--rate, 10", "DOC104", "in quotes"),
            ("stateless", "never", "DOC104", "'never' is not 'stateless', 'last-state' or 'savepoint'"),
            ("kind: FlinkDeployment", "kind: FlinkDeploiment", "DOC009", "did you mean 'FlinkDeployment'?"),
            ("apiVersion: flink.apache.org/v1beta1\n", "", "DOC010", "apiVersion is missing"),
            ("v1beta1", "v1alpha1", "DOC010", "unknown apiVersion 'flink.apache.org/v1alpha1'"),
        ],
    )
    def test_what_the_api_server_refuses(self, old: str, new: str, code: str, words: str) -> None:
        assert old in DEPLOYMENT
        (finding,) = only(DEPLOYMENT.replace(old, new)).findings
        assert finding.code == code
        assert words in finding.message

    def test_blue_and_green(self) -> None:
        spec = "".join(f"    {line}\n" for line in DEPLOYMENT.partition("spec:\n")[2].splitlines())
        text = f"""\
apiVersion: flink.apache.org/v1beta1
kind: FlinkBlueGreenDeployment
metadata: {{name: orders}}
spec:
  configuration:
    kubernetes.operator.bluegreen.abort.grace-period: 8 min
  template:
    spec:
{spec}"""
        around, first, second = load(text, "file")
        assert around.document is None
        assert isinstance(first.document, FlinkDeployment)
        assert first.document.name == "orders"
        assert first.source.position(("spec", "flinkVersion")).line == 10
        assert first.source.absolute(("spec",)) == ("spec", "template", "spec")
        assert isinstance(second.document, FlinkConfiguration)

    def test_a_list_as_kubectl_writes_it(self) -> None:
        item = "".join(f"  {line}\n" for line in DEPLOYMENT.splitlines())
        text = f"apiVersion: v1\nkind: List\nitems:\n- {item[2:]}- apiVersion: v1\n  kind: Service\n"
        first, second = load(text, "file")
        assert isinstance(first.document, FlinkDeployment)
        assert first.source.position(("spec", "flinkVersion")).line == 9
        assert isinstance(second.document, OtherObject)

    @pytest.mark.parametrize("new", ["{{ .Values.name }},", "{{- if .Values.name }}a{{ end }},"])
    def test_a_template_has_to_be_rendered(self, new: str) -> None:
        with pytest.raises(DocumentError) as raised:
            load(DEPLOYMENT.replace("orders,", new), "file")
        assert "a template has to be rendered first" in raised.value.findings[0].hint

    def test_a_field_with_nothing_behind_it_is_left_out(self) -> None:
        """As the API server does; Helm renders such fields."""
        text = DEPLOYMENT.replace('args: ["--rate", "10"]', "args: , entryClass: null")
        text = text.replace(
            "  serviceAccount: flink\n", "  serviceAccount: flink\n  ingress:\n  podTemplate: ~\n"
        )
        assert document_of(text).spec.job.args == []
        no_options = DEPLOYMENT.replace('\n    taskmanager.numberOfTaskSlots: "2"', "")
        assert document_of(no_options).options == {}

    def test_merge_keys_are_those_of_kubectl(self) -> None:
        text = DEPLOYMENT.replace("jobManager: {", "jobManager: &process {").replace(
            'taskManager: {resource: {memory: "2Gi", cpu: 0.5}}', "taskManager: {<<: *process, replicas: 3}"
        )
        found = document_of(text)
        assert found.spec.task_manager.replicas == 3
        assert found.spec.task_manager.resource == found.spec.job_manager.resource

    def test_truth_is_that_of_kubectl(self) -> None:
        text = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkStateSnapshot\nspec: {savepoint: {alreadyExists: %s}}\n"
        assert document_of(text % "yes").spec.savepoint.already_exists is True
        assert document_of(text % "off").spec.savepoint.already_exists is False
        assert [finding.code for finding in only(text % '"true"').findings] == ["DOC103"]

    @pytest.mark.parametrize(
        ("version", "right"), [("1.20", "v1_20"), ("v2.1", "v2_1"), ("'2.2.1'", "v2_2"), ("new", "a version")]
    )
    def test_a_version_in_another_spelling(self, version: str, right: str) -> None:
        (finding,) = only(DEPLOYMENT.replace("v2_2", version)).findings
        assert f"is not how a manifest has it; write {right}" in finding.message

    def test_documents_that_helm_leaves_empty_are_none(self) -> None:
        text = f"---\n# Source: a.yaml\n---\n{DEPLOYMENT}---\n# Source: b.yaml\n---\n"
        document_of(text)
        assert [finding.code for finding in only("---\n# nothing\n").findings] == ["DOC008"]

    def test_a_probe_of_the_operator_has_no_spec(self) -> None:
        probe = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: canary, labels: {%s}}\n"
        document_of(probe % '"flink.apache.org/canary": "true"')
        assert [finding.code for finding in only(probe % "").findings] == ["DOC102"]

    def test_fields_of_a_vendor_are_known_where_it_is_named(self) -> None:
        text = DEPLOYMENT.replace("jobManager: {", "jobManager: {highAvailabilityEnabled: true, ")
        assert [finding.code for finding in only(text).findings] == ["DOC101"]
        document_of(text.replace("spec:\n", "spec:\n  emrReleaseLabel: emr-7.12.0-flink-latest\n"))

    @pytest.mark.parametrize(
        ("spec", "messages"),
        [
            ("{}", ["spec has no field 'template'"]),
            (
                "{template: {spec: {}}, templates: 1}",
                ["unknown field 'templates' in spec, did you mean 'template'?"],
            ),
            ("", ["the document has no field 'spec'"]),
        ],
    )
    def test_what_a_blue_green_deployment_has_around_it(self, spec: str, messages: list[str]) -> None:
        text = f"apiVersion: flink.apache.org/v1beta1\nkind: FlinkBlueGreenDeployment\nspec: {spec}\n"
        assert [f.message for loaded in load(text, "file") for f in loaded.findings] == messages


class TestTemplates:
    @pytest.mark.parametrize(
        "new",
        [
            "orders,",  # as it is
            "orders, labels: {{- toYaml .Values.labels | nindent 4 }},",
            "{{ name }},",
        ],
    )
    def test_one_that_is_no_yaml_is_one_finding(self, new: str) -> None:
        text = DEPLOYMENT.replace("orders,", new) + "{{- with .Values.job }}\n{{- end }}\n"
        with pytest.raises(DocumentError) as raised:
            load(text, "file")
        (finding,) = raised.value.findings
        assert (finding.code, finding.message) == (
            "DOC004",
            "is a template that is not filled in, so it is no YAML yet",
        )
        at = finding.position
        assert text.splitlines()[at.line - 1][at.column - 1 :].startswith("{{")

    def test_a_comment_makes_no_template(self) -> None:
        with pytest.raises(DocumentError) as raised:
            load("# {{ x }}\na: b: c\n", "file")
        assert "template" not in raised.value.findings[0].message

    @pytest.mark.parametrize("form", ["${%s}", "$%s", "{{ .Values.%s }}", "{%% %s %%}", "__%s__"])
    def test_all_placeholders_are_one_finding(self, form: str) -> None:
        text = (
            DEPLOYMENT.replace('"2"', f"'{form % 'SLOTS'}'")
            .replace("cpu: 0.5", f"cpu: '{form % 'CPU'}'")
            .replace("parallelism: 4", f"parallelism: '{form % 'PARALLELISM'}'")
            .replace('"2Gi"', f"'{form % 'MEMORY'}'")
            .replace("v2_2", f"'{form % 'VERSION'}'")
        )
        loaded = only(text)
        (finding,) = loaded.findings
        assert (finding.code, finding.position.line) == ("DOC012", 6)
        assert finding.message.startswith(f"5 checked values are placeholders, such as '{form % 'VERSION'}'")
        assert isinstance(loaded.document, FlinkDeployment)

    def test_a_placeholder_where_any_text_may_be_is_no_finding(self) -> None:
        text = DEPLOYMENT.replace("local:///a.jar", "s3://${BUCKET}/a.jar").replace('"10"', '"${RATE}"')
        document_of(text.replace("  image: ", "  ingress: {template: '{{name}}.{{namespace}}'}\n  image: "))

    def test_what_is_wrong_beside_them_is_found(self) -> None:
        text = DEPLOYMENT.replace("cpu: 0.5", "cpu: '${CPU}'").replace("stateless", "never")
        assert {finding.code for finding in only(text).findings} == {"DOC104", "DOC012"}

    def test_a_flat_configuration(self) -> None:
        text = (
            "jobmanager.rpc.address: {{ .Values.jm }}\ntaskmanager.numberOfTaskSlots: {{ .Values.slots }}\n"
        )
        (finding,) = only(text).findings
        assert (finding.code, finding.position.line) == ("DOC012", 2)
        with pytest.raises(DocumentError) as raised:
            load(text + "{{- if .Values.ha }}\nhigh-availability.type: kubernetes\n{{- end }}\n", "file")
        assert [found.code for found in raised.value.findings] == ["DOC004"]


class TestConfigurations:
    @pytest.mark.parametrize(
        "text",
        [
            "taskmanager.numberOfTaskSlots: 4\n",
            "taskmanager:\n  numberOfTaskSlots: 4\n",
            '{"taskmanager": {"numberOfTaskSlots": 4}}',
            '{"taskmanager.numberOfTaskSlots": "4"}',
        ],
    )
    def test_flat_and_nested(self, text: str) -> None:
        found = document_of(text)
        assert isinstance(found, FlinkConfiguration)
        assert found.options == {"taskmanager.numberOfTaskSlots": "4"}
        assert found.file == "config.yaml"
        assert repr(found) == "<FlinkConfiguration: 1 options>"  # values may be passwords

    @pytest.mark.parametrize(
        "text",
        [
            "a: 1\n",
            "services: {flink: [1]}\n",
            "image: {repository: flink}\nreplicas: 2\nservice: {port: 8081}\nrest: {port: 8081}\n",
            "spec: {taskmanager.numberOfTaskSlots: 4}\n",
            "taskmanager: {replicas: 2, resources: {limits: {memory: 2Gi}}}\njobmanager: {replicas: 1}\n",
        ],
    )
    def test_other_mappings_are_not_configurations(self, text: str) -> None:
        (finding,) = only(text).findings
        assert finding.code == "DOC009"
        assert "Flink's own configuration is known by its options" in finding.hint
        assert "kind: Job," in finding.hint or "one of Job" in finding.hint

    def test_one_flat_option_of_a_process_is_enough(self) -> None:
        """People leave in it what log4j or their own program reads."""
        own = "".join(f"logger.{name}.level: INFO\n" for name in "abcdef")
        assert len(document_of(own + "taskmanager.numberOfTaskSlots: 4\n").options) == 7

    def test_a_misspelled_nested_option_is_recognised(self) -> None:
        assert len(document_of("taskmanager: {numberOfTaskSlot: 4}\n").options) == 1

    def test_an_expert_mode_plan_stays_one(self) -> None:
        text = '{"ssgProfiles": [], "nodes": [{"id": 1, "type": "x", "desc": "x", "profile": {"parallelism": 1}}], "edges": []}'
        assert not isinstance(only(text).document, ForeignDocument)


LINES = """\
################
# Some : comments
jobmanager.rpc.address: localhost   # where
jobmanager.rpc.port   : 6123
taskmanager.numberOfTaskSlots:4
 nonsense without a colon
env.java.opts.all: -Dfoo: bar
taskmanager.memory.process.size: 1728m# some comments
metrics.reporter.x.factory.class:\x20
: value
parallelism.default: 1
parallelism.default: 2
"""


class TestLineByLine:
    def test_a_text_without_end_is_not_a_configuration(self) -> None:
        """Whether a million keys are options would take minutes to tell."""
        text = "a: b: c\n" + "".join(f"taskmanager.x{number}: 1\n" for number in range(20_000))
        with pytest.raises(DocumentError):
            load(text, "file")

    def test_as_flink_1_reads_it(self) -> None:
        (loaded,) = load(LINES, "flink-conf.yaml")
        assert isinstance(loaded.document, FlinkConfiguration)
        assert loaded.document.file == "flink-conf.yaml"
        assert loaded.document.options == {
            "jobmanager.rpc.address": "localhost",
            "jobmanager.rpc.port": "6123",
            "env.java.opts.all": "-Dfoo: bar",
            "taskmanager.memory.process.size": "1728m",
            "parallelism.default": "2",
        }
        assert [(f.code, f.position.line) for f in loaded.findings] == [
            ("DOC011", 5),
            ("DOC011", 6),
            ("DOC011", 9),
            ("DOC011", 10),
        ]

    def test_places(self) -> None:
        (loaded,) = load(LINES, "flink-conf.yaml")
        value = loaded.source.position(("taskmanager.memory.process.size",))
        assert (value.line, value.column, value.end_column) == (8, 34, 39)
        key = loaded.source.position(("parallelism.default",), key=True)
        assert (key.line, key.column, key.end_column) == (12, 1, 20)

    @pytest.mark.parametrize(
        "text",
        [
            "kind: Job\nspec: {a\n",
            DEPLOYMENT.replace("{name: orders, namespace: flink}", "{name: orders"),
            "taskmanager:\n  memory:\n    process:\n     size: 1g\n   flink: x\n",
            "key: value: other\nmore: a: b\n",
        ],
    )
    def test_other_broken_yaml_stays_broken(self, text: str) -> None:
        with pytest.raises(DocumentError) as raised:
            load(text, "file.yaml")
        assert [finding.code for finding in raised.value.findings] == ["DOC004"]

    @given(st.text(alphabet="ab.:# \n", max_size=80))
    def test_every_line_is_read_or_skipped(self, text: str) -> None:
        """Lines behind a known option: what is no option is a finding or blank, and every place is in its line."""
        whole = f"taskmanager.numberOfTaskSlots: 1\n{text}"
        read = read_lines(whole, "file")
        if read is None:
            return
        options, index, skipped = read
        lines = whole.splitlines()
        for key, value in options.items():
            for part, at in zip((key, value), index[(key,)], strict=True):
                assert lines[at.line - 1][at.column - 1 : at.end_column - 1] == part
        written = [line for line in lines if line.partition("#")[0].strip()]
        assert len(options) + len(skipped) <= len(written)


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: flink-config}
data:
  config.yaml: |+

    taskmanager:
      numberOfTaskSlots: 4
  log4j.properties: |
    rootLogger.level = INFO
"""


class TestConfigMaps:
    def test_places_are_those_of_the_outer_file(self) -> None:
        loaded = only(CONFIG_MAP)
        assert isinstance(loaded.document, FlinkConfiguration)
        path = ("taskmanager", "numberOfTaskSlots")
        value, key = loaded.source.position(path), loaded.source.position(path, key=True)
        assert (value.line, value.column) == (8, 26)
        assert (key.line, key.column, key.end_column) == (8, 7, 24)
        assert loaded.source.absolute(path) == ("data", "config.yaml", *path)

    def test_every_position_holds_what_it_says(self) -> None:
        loaded = only(CONFIG_MAP)
        lines = CONFIG_MAP.splitlines()
        at = loaded.source.position(("taskmanager", "numberOfTaskSlots"), key=True)
        assert lines[at.line - 1][at.column - 1 : at.end_column - 1] == "numberOfTaskSlots"

    @pytest.mark.parametrize(
        "value", ['"taskmanager.numberOfTaskSlots: 4"', ">\n    taskmanager.numberOfTaskSlots: 4", "'a'"]
    )
    def test_other_spellings_have_the_place_of_the_whole(self, value: str) -> None:
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  flink-conf.yaml: {value}\n"
        loaded = only(text)
        if value == "'a'":
            assert isinstance(loaded.document, OtherObject)
            return
        assert loaded.source.position(("taskmanager.numberOfTaskSlots",)).line == 5

    def test_as_json(self) -> None:
        data = {"flink-conf.yaml": "taskmanager.numberOfTaskSlots: 4\n"}
        text = json.dumps(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}, indent=1
        )
        loaded = only(text)
        assert isinstance(loaded.document, FlinkConfiguration)
        line = loaded.source.position(("taskmanager.numberOfTaskSlots",)).line
        assert "flink-conf.yaml" in text.splitlines()[line - 1]

    def test_a_file_that_cannot_be_read(self) -> None:
        text = CONFIG_MAP.replace("    taskmanager:\n", "    taskmanager: [\n")
        loaded = only(text)
        (finding,) = loaded.findings
        assert finding.code == "DOC004"
        assert 7 <= finding.position.line <= 9

    def test_line_by_line(self) -> None:
        text = CONFIG_MAP.replace(
            "    taskmanager:\n      numberOfTaskSlots: 4\n",
            "    jobmanager.rpc.address:localhost\n    taskmanager.numberOfTaskSlots: 4\n",
        )
        loaded = only(text)
        assert isinstance(loaded.document, FlinkConfiguration)
        (finding,) = loaded.findings
        assert (finding.code, finding.position.line, finding.position.column) == ("DOC011", 7, 5)
        assert loaded.source.position(("taskmanager.numberOfTaskSlots",)).column == 36

    @pytest.mark.parametrize(
        ("name", "first", "configuration"),
        [
            ("config.yaml", "", True),
            ("flink-conf.yaml.tmpl", "", True),
            ("properties", "", True),
            ("start.sh", "", False),
            ("start", "#!/bin/sh", False),
            ("hooks.py", "", False),
        ],
    )
    def test_a_text_that_is_no_yaml_is_a_configuration_by_its_name(
        self, name: str, first: str, configuration: bool
    ) -> None:
        lines = [first, 'if [ -x a ]; then set -- taskmanager "$@"; fi', "  x: [", "exec taskmanager.sh"]
        data = {name: "\n".join(line for line in lines if line)}
        loaded = only(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": data}))
        assert [one.code for one in loaded.findings] == ["DOC004"] * configuration
        assert isinstance(loaded.document, OtherObject) != configuration

    def test_without_a_configuration(self) -> None:
        text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b, c: '1'}\n"
        assert isinstance(document_of(text), OtherObject)


class TestOthers:
    @pytest.mark.parametrize(
        ("version", "kind"),
        [
            ("v1", "Service"),
            ("batch/v1", "Job"),
            ("cluster.x-k8s.io/v1beta1", "Cluster"),
            ("apps/v1", "Deployment"),
        ],
    )
    def test_other_objects_are_not_planners_to_check(self, version: str, kind: str) -> None:
        assert isinstance(
            document_of(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n"), OtherObject
        )

    @pytest.mark.parametrize("version", ["planner/v2", "planer/v1", "v1"])
    def test_a_document_of_planner_with_another_version(self, version: str) -> None:
        (finding,) = only(f"apiVersion: {version}\nkind: Job\nmetadata: {{name: a}}\n").findings
        assert finding.code == "DOC010"


def test_a_part_of_a_document_has_the_places_of_the_whole() -> None:
    whole = Source("a", '{"a": {"b": 1}}', {"a": {"b": 1}})
    part = whole.part(("a",), {"b": 1})
    assert part.position(("b",)) == whole.position(("a", "b"))
    assert part.position(("b", "c")) == whole.position(("a", "b"))
    assert part.absolute(("b",)) == ("a", "b")


COMPOSE = """\
services:
  jobmanager:
    image: flink:1.18.1
    environment:
      - |
        FLINK_PROPERTIES=
        jobmanager.rpc.address: jobmanager
        parallelism.default: 2
  taskmanager:
    image: apache/flink:1.19-scala_2.12-java17
    environment:
      FLINK_PROPERTIES: |
        jobmanager.rpc.address: jobmanager
        taskmanager.numberOfTaskSlots: 4
"""
POD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: taskmanager}
spec:
  template:
    spec:
      containers:
        - name: taskmanager
          image: flink:1.20-java17
          env:
            - name: FLINK_PROPERTIES
              value: |
                taskmanager.numberOfTaskSlots: 4
"""
OTHERS = """\
apiVersion: %s
kind: %s
metadata: {name: orders}
spec:
  flinkVersion: %s
  %s:
    taskmanager.numberOfTaskSlots: 4
"""
VALUES = """\
replicas: 2
defaultConfiguration:
  flink-conf.yaml: |
    taskmanager.numberOfTaskSlots: 4
"""


class TestEmbedded:
    @pytest.mark.parametrize(
        ("text", "places"),
        [
            (
                COMPOSE,
                [("parallelism.default", 8, 9, "1.18"), ("taskmanager.numberOfTaskSlots", 14, 9, "1.19")],
            ),
            (POD, [("taskmanager.numberOfTaskSlots", 13, 17, "1.20")]),
            (VALUES, [("taskmanager.numberOfTaskSlots", 4, 5, None)]),
            (
                OTHERS % ("platform.confluent.io/v1beta1", "FlinkApplication", "v1_19", "flinkConfiguration"),
                [("taskmanager.numberOfTaskSlots", 7, 5, "1.19")],
            ),
            (
                OTHERS % ("flink.k8s.io/v1beta1", "FlinkApplication", '"1.8"', "flinkConfig"),
                [("taskmanager.numberOfTaskSlots", 7, 5, "1.8")],
            ),
            (
                OTHERS % ("flinkoperator.k8s.io/v1beta1", "FlinkCluster", '"1.9.3"', "flinkProperties"),
                [("taskmanager.numberOfTaskSlots", 7, 5, "1.9")],
            ),
        ],
    )
    def test_a_configuration_has_its_places_and_version(
        self, text: str, places: list[tuple[str, int, int, str | None]]
    ) -> None:
        loaded = load(text, "file")
        assert len(loaded) == len(places)
        for found, (key, line, column, version) in zip(loaded, places, strict=True):
            assert isinstance(found.document, FlinkConfiguration)
            at = found.source.position((key,), key=True)
            assert (at.line, at.column) == (line, column)
            assert found.document.flink_version == version

    def test_what_aliases_repeat_is_read_once(self) -> None:
        text = COMPOSE.replace(
            "services:\n", "x: &env\n  FLINK_PROPERTIES: 'taskmanager.numberOfTaskSlots: 1'\nservices:\n"
        )
        assert len(load(text + "  other: {environment: *env}\n", "file")) == 3

    def test_one_that_cannot_be_read_is_reported(self) -> None:
        broken = VALUES.replace("Slots: 4", "Slots: 4: {")
        (finding,) = only(broken.replace("taskmanager.", "a: taskmanager.")).findings
        assert (finding.code, finding.position.line) == ("DOC004", 4)

    @pytest.mark.parametrize("kind", ["ConfigMap", "HelmRelease"])
    def test_a_config_yaml_of_something_else_is_left_alone(self, kind: str) -> None:
        text = f"apiVersion: v1\nkind: {kind}\ndata:\n  config.yaml: |\n    receivers:\n    {{{{- if .x }}}}\n    a: [\n"
        assert isinstance(document_of(text), OtherObject)

    def test_options_of_something_else_are_left_alone(self) -> None:
        text = OTHERS % ("lightbend.com/v1", "FlinkCluster", '"1.9"', "flinkConfiguration")
        assert isinstance(document_of(text.replace("taskmanager.numberOf", "number_of")), OtherObject)


class TestWhatStandsBeside:
    """Files name the version of Flink somewhere, and hold what other tools read."""

    CONFIG_MAP = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  flink-conf.yaml: |\n"
        "    state.checkpoints.dir: s3://lake/checkpoints\n    taskmanager.numberOfTaskSlots: 2\n"
    )
    PODS = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: jm}\nspec: {image: 'IMAGE'}\n"

    @pytest.mark.parametrize(
        ("image", "version"),
        [
            ("flink:1.18-scala_2.12-java11", "1.18"),
            ("registry/team/nigeria-flink:1.18-cdc", "1.18"),
            ("flink:1.20.1", "1.20"),
            ("cp-flink:2.0.1", "2.0"),
            ("apache/flink-statefun:3.3.0", None),
            ("my-flink-job:1.4", None),
            ("flink:1.9-alpine", "1.9"),
            ("my-flink:2.10", None),
        ],
    )
    def test_the_only_image_says_the_version(self, image: str, version: str | None) -> None:
        config, _ = load(self.CONFIG_MAP + self.PODS.replace("IMAGE", image), "all.yaml")
        assert isinstance(config.document, FlinkConfiguration)
        assert config.document.flink_version == version

    def test_two_versions_say_nothing(self) -> None:
        text = (
            self.CONFIG_MAP
            + self.PODS.replace("IMAGE", "flink:1.18")
            + self.PODS.replace("IMAGE", "flink:2.0")
        )
        document = load(text, "all.yaml")[0].document
        assert isinstance(document, FlinkConfiguration)
        assert document.flink_version is None

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("services: {flink: {image: 'flink:2.2', command: jobmanager}}\n", "compose.yaml"),
            ("resources: [a.yaml]\n", "overlays/kustomization.yaml"),
        ],
    )
    def test_files_of_other_tools_are_left_alone(self, text: str, name: str) -> None:
        (loaded,) = load(text, name)
        assert isinstance(loaded.document, OtherObject)
        assert not loaded.findings

    @pytest.mark.parametrize(
        "key",
        [
            "kubernetes.operator.default-configuration.flink-version.v1_19+.env.java.default-opts.all",
            "autoscaler.standalone.fetcher.flink-cluster.port",
        ],
    )
    def test_the_operators_own_configuration(self, key: str) -> None:
        found = document_of(f"{key}: 1\n")
        assert isinstance(found, FlinkConfiguration)
