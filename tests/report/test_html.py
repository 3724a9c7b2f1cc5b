"""Reports: one file that loads nothing, shows names as text, holds no secret and is built from ``ui/``."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import invoke

from planner import api
from planner.report.html import embedded, page
from samples import FOLDER, cluster_of, job_of

ROOT = Path(__file__).parent.parent.parent
UI = ROOT / "ui"
ASSETS = ROOT / "planner/report/assets"
SCREEN = ROOT / "planner/ui/assets"
HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>\"'&\u2028\u2029 -->"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NPM = shutil.which("npm")


class Elements(HTMLParser):
    """The elements of a page with the text in each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.within = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))
        self.within = True

    def handle_endtag(self, tag: str) -> None:
        self.within = False

    def handle_data(self, data: str) -> None:
        if self.within:
            self.found[-1][2].append(data)

    def named(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, "".join(text)) for name, attributes, text in self.found if name == tag]


@cache
def placement() -> api.Placement:
    return api.place(job_of("click-enrichment"), cluster_of("click-enrichment"), time_limit=1)


def report(**options: Any) -> dict[str, Any]:
    return api.report(job_of("click-enrichment"), placement(), cluster_of("click-enrichment"), **options)


def renamed(value: Any, suffix: str) -> Any:
    """Return plain data with ``suffix`` after every string in it, keys included."""
    if isinstance(value, dict):
        return {f"{key}{suffix}": renamed(entry, suffix) for key, entry in value.items()}
    if isinstance(value, list):
        return [renamed(entry, suffix) for entry in value]
    return f"{value}{suffix}" if isinstance(value, str) else value


def hostile() -> dict[str, Any]:
    """Return a report in which every name of a person holds a script."""
    text = json.dumps(report(earlier={"old": placement()}))
    for name in ("click-enrichment", "ingest", "sessions", "parse", "large", "small", "clicks"):
        text = text.replace(name, json.dumps(name + HOSTILE)[1:-1])
    found: dict[str, Any] = json.loads(text)
    return found


def test_it_is_one_file_that_loads_nothing_and_runs_what_its_policy_names() -> None:
    elements = Elements(page(report(), "all is well"))
    (policy,) = [
        attributes["content"]
        for attributes, _ in elements.named("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = [text for attributes, text in elements.named("script") if "type" not in attributes]
    ((_, style),) = elements.named("style")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for text in (script, style):
        assert f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
    assert not {"src", "href", "style", "srcset"} & {name for _, found, _ in elements.found for name in found}
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_documents_give_the_same_bytes() -> None:
    assert page(report(), "x") == page(json.loads(json.dumps(report())), "x")
    fast = placement().model_copy(update={"meta": None})
    assert api.report(job_of("click-enrichment"), fast, cluster_of("click-enrichment")) == report()


def test_a_script_in_any_string_stays_data() -> None:
    data = report()
    data["placement"] = {**renamed(data["placement"], HOSTILE), "metadata": {"name": HOSTILE}}
    plain, broken = Elements(page(report(), "x")), Elements(page(data, HOSTILE))
    assert [tag for tag, *_ in broken.found] == [tag for tag, *_ in plain.found]
    ((_, text),) = [one for one in broken.named("script") if one[0].get("type")]
    assert json.loads(text) == data


@given(st.text(st.sampled_from("<>&\u2028\u2029\\\"'/!- \nscriptu003é\0")))
def test_embedded_data_is_itself_and_has_no_character_that_html_reads(name: str) -> None:
    text = embedded({name: [name]})
    assert json.loads(text) == {name: [name]}
    assert not set(text) & set("<>&\u2028\u2029")


def test_what_may_hold_secrets_is_left_out() -> None:
    secret = "aws-secret-4711"
    job = job_of("click-enrichment")
    options = {**(job.spec.flink_configuration or {}), "s3.access-key": secret}
    spec = job.spec.model_copy(update={"flink_configuration": options})
    job = job.model_copy(update={"spec": spec})
    placed = api.simulate(job, cluster_of("click-enrichment"), api.Mode.SLOTS)
    profile = api.compile(job)
    assert secret in api.to_json(api.to_data(profile))
    assert secret not in json.dumps(api.report(job, placed, earlier={"old": placed}))


def test_zones_and_history_are_there_when_they_are_given() -> None:
    data = report(earlier={"a.json": placement()})
    assert set(data["zones"].values()) == {"a", "b"}
    assert data["zones"].keys() == {tm.id for tm in placement().task_managers}
    assert [one["name"] for one in data["earlier"]] == ["a.json"]
    assert not any(tm["slots"] for tm in data["earlier"][0]["placement"]["taskManagers"])
    assert api.report(job_of("click-enrichment"), placement())["zones"] == {}


def test_a_placement_of_another_job_is_refused() -> None:
    with pytest.raises(api.PlacementMismatch, match="another version of the job"):
        api.report(job_of("skewed-join"), placement())


def test_the_verb_finds_the_job_beside_the_placement(tmp_path: Path, monkeypatch: Any) -> None:
    shutil.copy(FOLDER / "click-enrichment/job.yaml", tmp_path)
    for name in ("old", "new"):
        api.save(placement(), tmp_path / f"{name}.placement.json")
    monkeypatch.chdir(tmp_path)
    done = invoke(["report", "old.placement.json", "new.placement.json", "-o", "report.html"])
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '"earlier":[{"name":"old.placement.json"' in text
    assert invoke(["report", "new.placement.json", "-o", "job.yaml"]).exit_code == 2, (
        "an input is not written over"
    )
    (tmp_path / "job.yaml").unlink()
    done = invoke(["report", "new.placement.json"])
    assert done.exit_code == 2
    assert "use --job FILE" in done.stderr


def sources() -> str:
    """Return the digest of what the assets are built from, as ui/vite.config.js writes it."""
    files = [path for path in (UI / "src").rglob("*") if path.is_file() and path.parent.name != "documents"]
    files += [
        UI / name
        for name in ("package.json", "package-lock.json", "tsconfig.json", "types.mjs", "vite.config.js")
    ]
    files += [
        ROOT / f"schemas/{kind}.schema.json" for kind in ("resourceprofile", "placement", "recoveryplan")
    ]
    lines = (
        f"{path.relative_to(ROOT).as_posix()} {sha256(path.read_bytes()).hexdigest()}\n" for path in files
    )
    return sha256("".join(sorted(lines)).encode()).hexdigest()


def test_assets_are_built_from_these_sources_and_schemas() -> None:
    for assets in (ASSETS, SCREEN):
        assert (assets / "sources.sha256").read_text().strip() == sources(), "run make ui"


def test_assets_are_small_and_make_no_html_from_text() -> None:
    for assets in (ASSETS, SCREEN):
        sizes = [len(gzip.compress(path.read_bytes())) for path in assets.iterdir()]
        assert sum(sizes) < 250_000
    code = "".join(path.read_text(encoding="utf-8") for path in (UI / "src").rglob("*.ts"))
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"):
        assert word not in code
    assert "</script" not in (ASSETS / "report.js").read_text(encoding="utf-8")
    assert "</style" not in (ASSETS / "report.css").read_text(encoding="utf-8")


def test_no_registry_host_in_the_lock_of_the_front_end() -> None:
    lock = json.loads((UI / "package-lock.json").read_text(encoding="utf-8"))
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]


@pytest.mark.extended
@pytest.mark.skipif(NPM is None, reason="npm is not installed: assets are not built again")
def test_the_sources_build_the_assets(tmp_path: Path) -> None:
    assert NPM is not None
    shutil.copytree(UI, tmp_path / "ui", ignore=shutil.ignore_patterns("node_modules", "documents"))
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    for assets in (ASSETS, SCREEN):
        (tmp_path / assets.relative_to(ROOT)).parent.mkdir(parents=True)
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = subprocess.run([NPM, *command], cwd=tmp_path / "ui", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    for path in [*ASSETS.iterdir(), *SCREEN.iterdir()]:
        assert (tmp_path / path.relative_to(ROOT)).read_bytes() == path.read_bytes(), path.name


@pytest.mark.extended
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: reports are not opened in a browser")
@pytest.mark.parametrize("view", ["placement", "graph", "recovery", "history"])
def test_a_browser_shows_hostile_names_as_text(view: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    (tmp_path / "report.html").write_text(page(hostile(), "x"), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom"]
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*command, f"{(tmp_path / 'report.html').as_uri()}#{view}"], capture_output=True, text=True
    )
    elements = Elements(done.stdout)
    tags = [tag for tag, *_ in elements.found]
    assert "img" not in tags
    assert tags.count("script") == 2
    panels = {
        attributes["id"]: attributes
        for tag, attributes, _ in elements.found
        if attributes.get("role") == "tabpanel"
    }
    assert "hidden" not in panels[view]
    assert "<img" in "".join(text for _, text in elements.named("h1")), "the name is shown as it is"
    (_, title), *_ = elements.named("title")
    assert title != "broken"
    drawn = {"placement": "option", "graph": "button", "recovery": "option", "history": "region"}[view]
    assert any(attributes.get("role") == drawn for _, attributes, _ in elements.found)
