"""A stream graph into a running cluster."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from planner.cluster.errors import RestError
from planner.cluster.rest import Rest
from planner.flink.jvm import Jvm
from planner.flink.program import has_method, root_cause

SUBMIT_SECONDS = 300
"""How long a cluster may take for a job with its jars."""


def submit(jvm: Jvm, graph: Any, rest: Rest) -> str:
    """Submit a stream graph to a cluster and return the job's id.

    Raises:
        RestError: when the cluster does not take it.

    """
    from py4j.protocol import Py4JJavaError

    flink, parts = jvm.view.org.apache.flink, urlsplit(rest.url)
    options = {
        "rest.address": str(parts.hostname),
        "rest.port": str(parts.port),
        "rest.retry.max-attempts": "2",
    }
    with tempfile.TemporaryDirectory(prefix="planner-") as folder:
        try:
            if parts.scheme == "https":
                options |= _trust(jvm, rest.shown.authority, Path(folder) / "trusted.p12")
            client = flink.client.program.rest.RestClusterClient(
                flink.configuration.Configuration.fromMap(options),
                flink.client.deployment.StandaloneClusterId.getInstance(),
            )
            try:
                if rest.shown.authorization is not None:
                    _show(jvm, client, rest.shown.authorization)
                submitted = client.submitJob(_submittable(jvm, graph))
                unit = jvm.view.java.util.concurrent.TimeUnit.SECONDS
                return str(submitted.get(SUBMIT_SECONDS, unit).toString())
            finally:
                client.close()
        except Py4JJavaError as error:
            thrown = error.java_exception
            late = thrown.getClass().getSimpleName() == "TimeoutException"
            reason = f"no answer within {SUBMIT_SECONDS} s" if late else _server_side(root_cause(thrown))
            raise RestError(f"{rest.url} does not take the job: {reason}") from None


def _trust(jvm: Jvm, authority: str | None, file: Path) -> dict[str, str]:
    """Return the options with which Flink's client trusts a server: certificates of a PEM file, or Java's.

    Flink's client has no default (`SSLUtils`): it trusts nobody until it is told whom.
    """
    prefix, java = "security.ssl.rest.", jvm.view.java
    password = secrets.token_hex(16)
    if authority is None:
        file = Path(str(java.lang.System.getProperty("java.home")), "lib/security/cacerts")
        password = "changeit"
    else:
        store = java.security.KeyStore.getInstance("PKCS12")
        store.load(None, None)
        reader = java.io.FileInputStream(authority)
        try:
            found = java.security.cert.CertificateFactory.getInstance("X.509").generateCertificates(reader)
        finally:
            reader.close()
        for number, certificate in enumerate(found):
            store.setCertificateEntry(str(number), certificate)
        writer = java.io.FileOutputStream(str(file))
        try:
            store.store(writer, jvm.array(jvm.view.char, password))
        finally:
            writer.close()
    return {
        f"{prefix}enabled": "true",
        f"{prefix}truststore": str(file),
        f"{prefix}truststore-password": password,
        f"{prefix}truststore-type": "PKCS12",
    }


def _show(jvm: Jvm, client: Any, authorization: str) -> None:
    """Let a client send an ``Authorization`` header.

    Flink itself takes headers from an environment variable only, FLINK_REST_CLIENT_HEADERS
    (`RestClusterClient.getCustomHttpHeaders`), where the program would see them as well.
    """
    headers = jvm.view.java.util.ArrayList()
    headers.add(jvm.view.org.apache.flink.runtime.rest.HttpHeader("Authorization", authorization))
    field = client.getClass().getDeclaredField("customHttpHeaders")
    field.setAccessible(True)
    field.set(client, headers)


def _submittable(jvm: Jvm, graph: Any) -> Any:
    """Return what a client submits: the stream graph itself since Flink 2.0, a job graph before."""
    flink = jvm.view.org.apache.flink
    if has_method(graph, "serializeUserDefinedInstances"):
        if has_method(graph, "getOptionalJobId") and not graph.getOptionalJobId().isPresent():
            graph.setJobId(flink.api.common.JobID())  # Flink 2.3 leaves it to the client
        graph.serializeUserDefinedInstances()
        return graph
    job = graph.getJobGraph()
    for url in graph.getJobConfiguration().get(flink.configuration.PipelineOptions.JARS) or ():
        job.addJar(flink.core.fs.Path(jvm.view.java.net.URI.create(str(url))))
    return job


def _server_side(message: str) -> str:
    """Return the last cause of a stack trace that a JobManager sent."""
    lines = [line.strip() for line in message.splitlines()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return [*(lines[:1] or ["it gives no reason"]), *causes][-1][:500]
