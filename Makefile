# make repro and make test are all that a new user needs; both set up the environment first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
ENVIRONMENT := .venv
BIN := $(ENVIRONMENT)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

READY := $(ENVIRONMENT)/requirements.sha256

.PHONY: help setup repro test pytest test-slow lint lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## make the environment in .venv from the hash-locked requirements

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("mkg4rec needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv --clear $(ENVIRONMENT)
	@# uv installs what pip would, from the same locked hashes, in a tenth of the time; it is itself locked by hash.
	grep -A 30 '^uv==' requirements.lock | awk 'NR == 1 || /--hash/ {print} NR > 1 && !/--hash/ {exit}' > $(ENVIRONMENT)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(ENVIRONMENT)/uv.lock
	VIRTUAL_ENV=$(CURDIR)/$(ENVIRONMENT) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@# For the command mkg4rec; the code itself stays where it is.
	VIRTUAL_ENV=$(CURDIR)/$(ENVIRONMENT) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

repro: setup ## build what params.yaml lists under run: (by default the demo catalogue), then show the metrics
	@# dvc itself stumbles over a run.datasets that is no list, without naming the line.
	$(BIN)/python -m stages.validate
	$(BIN)/dvc repro
	@$(BIN)/mkg4rec summary

test: setup ## check style and types, and run the tests beside that
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: setup ## run the tests alone
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-slow: setup ## run the tests that `make test` leaves out
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: setup ## resolve requirements.in anew into requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-header requirements.in -o requirements.lock

clean: ## remove the environment and everything that the stages wrote (not the caches)
	rm -rf $(ENVIRONMENT) data models results training case_studies reports
