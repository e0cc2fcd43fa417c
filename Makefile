# `make help` lists what there is. Everything runs in its own environment, .venv, which
# is made from the pinned lock file when it is missing or out of date.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
NAME ?= 02-compare-policies
PROFILE ?= standard
LOGS ?= 500
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PYTEST := $(BIN)/python -m pytest -n auto

.PHONY: help report reports lab test test-long coverage certify faults placebo docs check format bench calibrate lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
	  while IFS='|' read -r name words; do printf '  make %-14s %s\n' "$$name" "$$words"; done

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=... to one."; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

report: $(READY) ## run the main job; NAME=03 PROFILE=quick for others
	$(BIN)/recovery-research run $(NAME) --profile $(PROFILE)

reports: $(READY) ## run every notebook
	@for name in $$($(BIN)/recovery-research list | cut -d' ' -f1); do \
	  $(BIN)/recovery-research run $$name --profile $(PROFILE) || exit $$?; done

lab: $(READY) ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir=notebooks

test: $(READY) ## run the tests
	$(PYTEST) -m "not slow and not certify"

test-long: $(READY) ## run the long checks: statistics, faults, planted mutants
	$(PYTEST) -m "slow and not certify"

certify: $(READY) ## count coverage and false alarms in full, hours; writes what was found
	$(BIN)/python -m tests.support.certify --logs $(LOGS)

coverage: $(READY) ## run the tests and print what they reach; takes half as long again
	COVERAGE_FILE=.pytest_cache/coverage $(PYTEST) -m "not slow and not certify" \
	  --cov=recovery_research --cov-report=term:skip-covered

faults: $(READY) ## print what may happen and what survives it; RUN=1 tries it all
	@$(BIN)/python -m tests.support.fault_table $(if $(WRITE),--write) $(if $(RUN),--run)

placebo: $(READY) ## count what analyses announce where nothing happens; LOGS=500, hours
	$(BIN)/python -m tests.placebo --logs $(LOGS)

docs: $(READY) ## build the guide and the reference into reports/site, without network
	$(BIN)/python -m recovery_research.guide.build reports/site

check: $(READY) ## lint, format, notebooks too, and types; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## put code and notebooks into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure speed and memory, as ratios in one run
	$(BIN)/python -m tests.bench

calibrate: $(READY) ## fit the world of the claims anew and write it to data/
	$(BIN)/recovery-research calibrate

lock: $(READY) ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --all-extras pyproject.toml -o requirements.lock

clean: ## remove the environment and everything made, reports apart
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
