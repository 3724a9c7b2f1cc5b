# `make demo` and `make test` need Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo demo-flink test test-all lint lock bench bench-placement bench-exact bench-peers bench-sizing generate ui picture clean help

help:
	@echo "make demo   compile, validate and place a sample job, with its recovery plan"
	@echo "make demo-flink  run a SQL job on a real local cluster under a placement, and verify it"
	@echo "make test   the tests of every change, a real Flink among them (add ARGS='-k name' to pick)"
	@echo "make test-all   the others: kills, other versions of Flink, PyFlink, more of what is random"
	@echo "make lint   ruff, mypy --strict and generated files up to date"
	@echo "make bench  measured figures (see bench/)"
	@echo "make bench-placement, make bench-peers  placement, alone and beside other solvers"
	@echo "make bench-sizing  the cheapest TaskManagers, beside Rebalancer (needs Python 3.12)"
	@echo "make bench-exact  what placements claim, against an exact solver"
	@echo "make generate  schemas/ and docs/rules/ again"
	@echo "make ui     what reports and the screen are built of, from ui/ (needs npm)"
	@echo "make lock   resolve requirements.lock again from pyproject.toml"

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("planner needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + "; try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh samples/demo.sh

demo-flink: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh samples/sql/demo.sh

# Other versions of Flink than the extra's, 300 MB each, and PyFlink in an interpreter of its own: the
# package apache-flink does not install beside planner.
VERSIONS := 1.20.5 2.3.0
HOMES := .flink
PYFLINK := $(HOMES)/python
DISTRIBUTIONS := $(VERSIONS:%=$(HOMES)/%/.installed)
$(HOMES)/%/.installed: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) apache-flink-libraries==$*
	@touch $@

$(PYFLINK)/.installed:
	$(PYTHON) -m venv $(PYFLINK)
	$(PYFLINK)/bin/python -m pip install --quiet --disable-pip-version-check apache-flink==2.2.1
	@touch $@

# An exact solver beside planner, in an environment of its own: it cannot be loaded beside ortools.
HIGHS := $(HOMES)/highs
$(HIGHS)/.installed: bench/peers/requirements.txt
	$(PYTHON) -m venv $(HIGHS)
	$(HIGHS)/bin/python -m pip install --quiet --disable-pip-version-check -c $< highspy
	@touch $@

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup $(ARGS)

# Processes of Flink live for seconds here: the first compiler alone takes a sixth less CPU.
test-all: $(STAMP) $(DISTRIBUTIONS) $(PYFLINK)/.installed $(HIGHS)/.installed
	PLANNER_FLINK_HOMES="$$(echo $(VERSIONS:%=$(CURDIR)/$(HOMES)/%/pyflink) | tr ' ' ':')" \
	PLANNER_PYFLINK=$(CURDIR)/$(PYFLINK)/bin/python \
	PLANNER_HIGHS=$(CURDIR)/$(HIGHS)/bin/python \
	JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 \
		$(BIN)/python -m pytest -m extended --numprocesses 3 --dist loadgroup --durations 30 $(ARGS)

generate: $(STAMP)
	$(BIN)/python tools/generate.py

# The screens of `planner report` and `planner ui`: the built files are committed, so that only who changes ui/ needs npm.
ui:
	cd ui && npm ci && npm run build

# The pictures of docs/report.md and docs/ui.md; CHROMIUM names the browser.
picture: ui $(STAMP)
	cd samples/click-enrichment && out=$$(mktemp -d) && \
	$(CURDIR)/$(BIN)/planner place --no-meta -o $$out/job.placement.json && \
	$(CURDIR)/$(BIN)/planner report $$out/job.placement.json --job job.yaml -c cluster.yaml -o $$out/report.html && \
	node $(CURDIR)/ui/screenshot.mjs $$out/report.html $(CURDIR)/docs/report.png --size 1280x800 --click '[role=option]' && \
	rm -r $$out
	$(BIN)/python tools/screens.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python bench/compile.py

bench-placement: $(STAMP)
	$(BIN)/python bench/placement.py --write
	$(BIN)/python bench/infeasible.py --write

bench-exact: $(STAMP) $(HIGHS)/.installed
	$(BIN)/python bench/exact.py --python $(HIGHS)/bin/python --write

PEERS := .venv-peers
$(PEERS)/.installed: bench/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r bench/peers/requirements.txt
	@touch $@

REBALANCER := .venv-rebalancer
$(REBALANCER)/.installed: bench/peers/rebalancer.txt
	python3.12 -m venv $(REBALANCER)
	$(REBALANCER)/bin/python -m pip install --quiet --disable-pip-version-check -r bench/peers/rebalancer.txt
	@touch $@

bench-peers: $(STAMP) $(PEERS)/.installed $(REBALANCER)/.installed
	$(BIN)/python bench/compare.py --write

bench-sizing: $(STAMP) $(REBALANCER)/.installed
	$(BIN)/python bench/sizing.py --write

lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --all-extras \
		-c .ci/constraints.txt pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
