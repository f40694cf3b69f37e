# `make demo` and `make test` need only python3, pip and make. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FORECOURT_HOME ?= .forecourt
export FORECOURT_HOME
# Whoever sets this would make every command compile the whole program again.
unexport PYTHONDONTWRITEBYTECODE
# Tests at once: each worker starts servers of its own. `make test WORKERS=0` for one after the other in one process.
WORKERS ?= 2

.PHONY: help setup dev demo up test lint proof fresh schema baseline head-script lock base-migration clean

help:  ## What each target does
	@grep -hE '^[a-z -]+:.*##' Makefile | sort | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# Debian's python3 has neither ensurepip nor leave to install system-wide: an empty venv, filled from outside.
$(VENV)/.runtime: requirements.lock pyproject.toml infra/install.py
	@echo "Installing into $(VENV) …" >&2
	@$(PYTHON) infra/install.py $(VENV) requirements.lock .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing what tests and gates need …" >&2
	@$(PYTHON) infra/install.py $(VENV) requirements-dev.lock
	@touch $@

setup: $(VENV)/.runtime  ## Install into .venv, nothing else

dev: $(VENV)/.dev  ## Install what tests and gates need

demo: setup  ## Set up everything, close a real month, serve until Ctrl-C
	@$(BIN)/forecourt demo $(ARGS)

up: setup  ## Start the server, API, workers and scheduler
	@$(BIN)/forecourt up $(ARGS)

test: dev  ## Every test that needs nothing but this folder
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "not proof and not browser and not debian_pg" $(ARGS)

lint: dev  ## Style, types, floors, lock files, house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m infra.locks
	$(BIN)/python -m infra.house_rules
	$(BIN)/python -m infra.fresh
	$(BIN)/python -m infra.schema_gates

proof: dev  ## The long versions: kills, 200 stores, restarts, browser, PostgreSQL 15 (a skip is for strangers' machines)
	$(BIN)/python -m pytest -q -rs $(ARGS)

fresh schema: dev  ## Write what is made from code: schema.graphql, tables of README and docs/interchange.md
	$(BIN)/python -m infra.fresh --write

baseline: dev  ## Make the present schema the released one: docs/api/evolution.md
	$(BIN)/python -m infra.schema_changes --release
	$(BIN)/python -m infra.fresh --write

head-script: dev  ## Write migrations/tenant/head.sql after a change of tables
	$(BIN)/python migrations/make_base.py --head

lock: dev  ## Resolve requirements/*.in into the two lock files (hashes, no address)
	$(BIN)/uv pip compile -q --generate-hashes --universal --no-header --no-annotate --python-version 3.11 requirements/runtime.in -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --universal --no-header --no-annotate --python-version 3.11 requirements/runtime.in requirements/dev.in -o requirements-dev.lock
	$(BIN)/python -m infra.locks --write

base-migration: dev  ## Regenerate the base revisions from the models (only until the first release)
	$(BIN)/python migrations/make_base.py

clean:  ## Remove what this folder's commands made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache
