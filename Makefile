# `make help` lists what can be asked for. Settings: PYTHON, VENV, HOST, PORT, JOBS, TESTS, N.

VENV   ?= .venv
BIN    := $(VENV)/bin
HOST   ?= 127.0.0.1
PORT   ?= 8000
JOBS   ?= 3
TESTS  ?=
N      ?= 10000
# The first of these that the service runs on; asked only when the environment is made.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
            $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
            && echo $$python && break; done)

# Why these flags: docs/adr/0003-building-durable-rules.md
ENGINE_CC ?= gcc -O2 -fwrapv -DPyEval_CallObject=PyObject_CallObject
PIP       := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# What is built here is built with the pinned tools, not with whatever is newest that day.
BUILD     := $(PIP) --no-build-isolation
WHEEL     := $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation --no-deps

# Who is done takes from the end of the other's work, so that tests of a module mostly stay together.
PYTEST    := $(BIN)/pytest -n $(JOBS) --dist worksteal --durations=25
# What reaches every branch of the folders that `make coverage` is about (pyproject.toml names them).
COVERING  := --ignore tests/verification/test_readers.py --ignore tests/verification/test_histories.py --ignore tests/approval/test_model.py --ignore tests/overrides/test_lists.py tests/language tests/compilers tests/conformance/test_written_cases.py tests/conformance/test_columnar.py tests/approval tests/audit tests/overrides tests/verification tests/population/test_figure_policies.py tests/population/test_recorded_effect.py tests/population/test_workload.py tests/api/test_analysis.py
# Workers, and the many processes that tests start, read what was compiled once.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test coverage check format-check lint types layers security format agree feel bench looks mutate mutate-policies words screenshots audit lock clean faces wheel wheel-check nightly regulations spark

help: ## say what can be asked for
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---------------------------------------------------------------------------------------------- for users
run: $(VENV)/.installed ## set everything up, with demo accounts; decide the regulation's customers; serve at HOST:PORT
	$(BIN)/policy-service demo
	$(BIN)/policy-service init --demo
	$(BIN)/policy-service serve --host $(HOST) --port $(PORT) --demo

# ------------------------------------------------------------------------------------------- for developers
test: $(VENV)/.installed-dev ## run the tests (TESTS=path for some of them, JOBS=n processes)
	$(PYTEST) $(TESTS)

nightly: $(VENV)/.installed-dev ## run them for hours, in the order of the day: thousands of generated cases, twenty kills, every screen
	TEST_EFFORT=long TEST_ORDER=$${TEST_ORDER-$$(date +%j)} $(PYTEST) $(TESTS)

# Little is worth compiling for long in a session of Spark that lasts half a minute.
spark: $(VENV)/.spark ## run the tests on Spark (needs Java 17 or 21), sampled as TEST_EFFORT says
	JDK_JAVA_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" PYTHONPATH=$(VENV)/spark $(BIN)/pytest \
	    tests/conformance/test_columnar_elsewhere.py tests/population/test_run.py -k spark

coverage: $(VENV)/.installed-dev ## ask that the tests of language, compilers, approval and audit reach every branch of them
	$(PYTEST) --cov --cov-report=term $(COVERING)

check: format-check lint types layers security ## format, lint, types, layers, security

format-check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
types: $(VENV)/.installed-dev
	$(BIN)/mypy
layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports
security: $(VENV)/.installed-dev
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml policy_service api

format: $(VENV)/.installed-dev ## write every file in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

agree: $(VENV)/.installed-dev ## compare every evaluator with the definition on N generated pairs
	$(BIN)/python -m tests.conformance.agree --pairs $(N)

$(VENV)/.feelin: $(VENV)/.installed-dev
	@command -v npm >/dev/null || { echo "npm is needed to install feelin, the other FEEL (Debian: npm)" >&2; exit 1; }
	@npm install --silent --no-save --prefix $(VENV)/feelin feelin@8.2.0
	@touch $@

feel: $(VENV)/.feelin ## compare how N cells are read with an independent FEEL (needs Node.js and npm)
	$(BIN)/python -m tests.conformance.feel --feelin $(VENV)/feelin --cells $(if $(filter $(origin N),file),73000,$(N))

bench: $(VENV)/.installed-bench ## measure side by side with peers, in one run
	$(BIN)/python -m benchmarks

mutate: $(VENV)/.installed-dev ## change language and compilers a little at a time: some test must notice
	$(BIN)/mutmut run --max-children $(JOBS)
	$(BIN)/mutmut results

mutate-policies: $(VENV)/.installed-dev ## move every threshold of the shipped policies: an example must notice
	$(BIN)/python -m tests.policies.mutate

looks: $(VENV)/.installed-dev ## look at every page in both languages, light and dark, on a desk and on a phone, with axe-core
	TEST_EFFORT=long $(BIN)/pytest tests/e2e/test_every_page.py

wheel: $(VENV)/.installed-dev ## build dist/, a wheel for this Python and platform with the rules engine inside
	@rm -rf build/wheel dist
	@mkdir -p build/wheel dist
	@$(WHEEL) --wheel-dir build/wheel .
	@$(BIN)/python -m tools.platform_wheel build/wheel/policy_service-*.whl $(VENV)/wheels/durable_rules-*.whl dist

wheel-check: wheel ## install that wheel where there is no compiler, and let it decide
	$(BIN)/python -m tests.wheel_check dist/policy_service-*.whl

faces: $(VENV)/.installed ## make the files of the typeface anew from their sources; fails while they are not those of SHA256SUMS
	$(BIN)/python -m tools.make_faces

words: $(VENV)/.installed-dev ## collect what the pages say into the catalogues; fails while a translation is missing
	$(BIN)/python -m tests.pages.catalogue

regulations: $(VENV)/.installed-dev ## write docs/reference/regulations*.md: what decides each row of the regulations
	$(BIN)/policy-service regulations --lang en > docs/reference/regulations.md
	$(BIN)/policy-service regulations --lang zh > docs/reference/regulations.zh.md

screenshots: $(VENV)/.installed-dev ## make the pictures of the documentation anew, from the demo data, in Chromium (N="home sign" for some)
	$(BIN)/python -m tests.e2e.screenshots $(if $(filter file,$(origin N)),,$(N))

audit: $(VENV)/.installed-dev ## look for known vulnerabilities in the pinned versions
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

lock: $(VENV)/.installed-dev ## work the exact versions out anew
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo '# The exact versions every set-up installs, for Python 3.11, 3.12 and 3.13. Written by `make lock`; do not edit.' > constraints.new
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --group build --universal --python-version 3.11 \
	    --upgrade --no-header --no-annotate --no-emit-index-url >> constraints.new
	mv constraints.new constraints.txt

clean: ## remove the environment and what the tools left; var/ and its data stay
	rm -rf $(VENV) .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
	    build dist htmlcov mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --------------------------------------------------------------------------------------- the environment
define preflight
@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and none was found: install one, or name it with PYTHON=" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
    { echo "Python 3.11, 3.12 or 3.13 is needed and $(PYTHON) is not one: name another with PYTHON=" >&2; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
    { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: python3-venv)" >&2; exit 1; }
@command -v $(firstword $(ENGINE_CC)) >/dev/null || \
    { echo "$(firstword $(ENGINE_CC)) is needed to build the rules engine: install it (Debian: gcc libc6-dev)" >&2; exit 1; }
@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || \
    { echo "the headers of $(PYTHON) are needed to build the rules engine: install them (Debian: python3-dev)" >&2; exit 1; }
endef

$(BIN)/python:
	$(preflight)
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

# Never from a cache: a copy built without the flags would be taken for ours.
$(VENV)/.engine: constraints.txt | $(BIN)/python
	@echo "building durable-rules"
	@$(PIP) hatchling setuptools
	@rm -rf $(VENV)/wheels
	@CC="$(ENGINE_CC)" $(WHEEL) --no-cache-dir --no-binary durable-rules --wheel-dir $(VENV)/wheels durable-rules
	@$(PIP) --no-deps --force-reinstall $(VENV)/wheels/durable_rules-*.whl
	@$(BIN)/python -c 'import durable_rules_engine' || \
	    { echo "durable-rules was built but cannot be imported: see docs/adr/0003-building-durable-rules.md" >&2; exit 1; }
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt $(VENV)/.engine
	@echo "installing the service"
	@$(BUILD) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing the developer's tools"
	@$(BUILD) --editable '.[dev]'
	@touch $@

# Beside the environment: 430 MB that may be fetched while other tests run.
$(VENV)/.spark: $(VENV)/.installed-dev
	@echo "installing Spark"
	@$(BUILD) --upgrade --target $(VENV)/spark pyspark
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	@echo "installing the peers to measure against"
	@$(BUILD) --editable '.[dev,bench]'
	@touch $@
