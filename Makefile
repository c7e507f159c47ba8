# scaleinv: `make demo` and `make test` set up all they need on a fresh machine with Python 3.11 or 3.12.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell infra/find-python)
BIN := .venv/bin
UV = infra/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade
# With the driver of PostgreSQL: a lake on an object store has its order book there, and images hold what is locked.
LOCK = $(COMPILE) pyproject.toml --group build --extra postgres --constraint requirements/constraints.in
WORKERS ?= 2
PYTEST_ARGS ?=

.PHONY: help demo test lint types unit test-all test-cluster test-floor test-newest check-infra check-wheel audit docs lock sync-cpu sync-dev sync-gpu clean

help: ## Show this help
	@echo "scaleinv - from a retailer's records to its orders"
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  $(BIN)/scaleinv --help   the command line, once one of these has set it up"

demo: .venv/.cpu ## Set up what is missing, then walk from raw files to orders on the synthetic retailer
	$(BIN)/scaleinv demo

test: .venv/.dev .tools/s3/.made ## Set up what is missing, then lint, types, import contracts and all tests
	@$(MAKE) --no-print-directory lint types
	$(BIN)/pytest -m "not cluster" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-cluster: .venv/.dev ## A night on a cluster of two hosts, both of which are lost on the way (9 minutes, namespaces)
	SCALEINV_MUST=machines $(BIN)/pytest -m cluster $(PYTEST_ARGS)

# The audit is last: where nobody can be asked about vulnerabilities it fails, unless ALLOW_MISSING=1, and says so where it is read.
test-all: ## All of it, one after the other: test, test-cluster, check-infra, docs, check-wheel, test-floor, test-newest, audit
	@for one in test test-cluster check-infra docs check-wheel test-floor test-newest audit; do $(MAKE) $$one || exit; done

test-floor: ## The quick tests with the oldest versions that pyproject.toml allows
	infra/test-versions lowest-direct $(PYTEST_ARGS)

test-newest: ## The quick tests with the newest versions there are
	infra/test-versions highest $(PYTEST_ARGS)

unit: .venv/.dev ## Only the quick tests that start no engine
	$(BIN)/pytest -m "not spark and not ray and not slow" $(PYTEST_ARGS)

lint: .venv/.dev ## Style and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: .venv/.dev ## mypy, strict
	$(BIN)/mypy

check-infra: .venv/.dev ## Chart, manifests, images, DAG, alert rules, lineage: checked by helm, Airflow and others (minutes, network)
	infra/check

check-wheel: ## Wheel and sdist are built, and the wheel installed alone, with each extra, and used
	infra/check-wheel

audit: .venv/.dev ## Known vulnerabilities, licences, a bill of materials of the locked packages, credentials in files; into build/audit
	infra/audit

docs: .tools/docs/.made ## The documentation as a site, built strictly into build/site
	NO_MKDOCS_2_WARNING=1 .tools/docs/bin/mkdocs build --clean  # --quiet would hide warnings from strict
	.tools/docs/bin/python infra/check-site build/site

lock: ## Renew the hashed requirement files from pyproject.toml
	$(LOCK) --output-file requirements/cpu.txt
	$(LOCK) --group dev --constraint requirements/cpu.txt --output-file requirements/dev.txt
	$(LOCK) --extra gpu --output-file requirements/gpu.txt
	$(COMPILE) --group docs --output-file requirements/docs.txt
	$(COMPILE) --group s3 --output-file requirements/s3.txt
	echo uv | $(COMPILE) --output-file requirements/uv.txt -

sync-cpu: .venv/.cpu ## Install the locked packages a CPU machine needs into .venv
sync-dev: .venv/.dev ## The same, with the development tools
sync-gpu: .venv/.gpu ## The same, with cuDF and cuML, for a machine with an NVIDIA GPU

# The development and the GPU environment hold all that the CPU one does: they need not be synced again.
.venv/.cpu: requirements/cpu.txt pyproject.toml
	@for lock in dev gpu; do \
		if [ -e .venv/.$$lock ] && [ -z "$$(find requirements/$$lock.txt pyproject.toml -newer .venv/.$$lock)" ]; then \
			touch $@; exit 0; \
		fi; \
	done; infra/sync "$(PYTHON)" cpu

.venv/.dev: requirements/dev.txt pyproject.toml
	@infra/sync "$(PYTHON)" dev

.venv/.gpu: requirements/gpu.txt pyproject.toml
	@infra/sync "$(PYTHON)" gpu

# Tools beside scaleinv, each in an environment of its own: the site's makers, and the S3 server of the tests, which needs other
# versions than scaleinv does.
.tools/%/.made: requirements/%.txt
	@$(UV) venv --quiet --clear --python "$(PYTHON)" .tools/$*
	@VIRTUAL_ENV=$(CURDIR)/.tools/$* $(UV) pip sync --quiet --require-hashes $<
	@touch $@

clean: ## Remove .venv, .uv, .tools and the lakes of demo and test; those of other environments stay
	rm -rf .venv .uv .tools build .scaleinv/demo .scaleinv/test
