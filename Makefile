# scaleinv: `make demo` and `make test` set up all they need on a fresh machine with Python 3.11 or 3.12.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell infra/find-python)
BIN := .venv/bin
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group build
UV = infra/uv
PYTEST_ARGS ?=

.PHONY: help demo test lint types unit lock sync-cpu sync-dev sync-gpu clean

help: ## Show this help
	@echo "scaleinv - from a retailer's records to its orders"
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  $(BIN)/scaleinv --help   the command line, once one of these has set it up"

demo: .venv/.cpu ## Set up what is missing, then walk from raw files to orders on the synthetic retailer
	$(BIN)/scaleinv demo

test: .venv/.dev ## Set up what is missing, then lint, types, import contracts and all tests
	@$(MAKE) --no-print-directory lint types
	$(BIN)/pytest $(PYTEST_ARGS)

unit: .venv/.dev ## Only the quick tests that start no engine
	$(BIN)/pytest -m "not spark and not ray and not slow" $(PYTEST_ARGS)

lint: .venv/.dev ## Style and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: .venv/.dev ## mypy, strict
	$(BIN)/mypy

lock: ## Renew the hashed requirement files from pyproject.toml
	$(LOCK) --upgrade --output-file requirements/cpu.txt
	$(LOCK) --upgrade --group dev --constraint requirements/cpu.txt --output-file requirements/dev.txt
	$(LOCK) --upgrade --extra gpu --output-file requirements/gpu.txt

sync-cpu: .venv/.cpu ## Install the locked packages a CPU machine needs into .venv
sync-dev: .venv/.dev ## The same, with the development tools
sync-gpu: .venv/.gpu ## The same, with cuDF and cuML, for a machine with an NVIDIA GPU

# A development environment holds all that the CPU one does, at the same versions: it need not be synced again.
.venv/.cpu: requirements/cpu.txt pyproject.toml
	@if [ -e .venv/.dev ] && [ -z "$$(find requirements/dev.txt pyproject.toml -newer .venv/.dev)" ]; then touch $@; \
	else infra/sync $(PYTHON) cpu; fi

.venv/.dev: requirements/dev.txt pyproject.toml
	@infra/sync $(PYTHON) dev

.venv/.gpu: requirements/gpu.txt pyproject.toml
	@infra/sync $(PYTHON) gpu

clean: ## Remove the environment and everything the demo made
	rm -rf .venv .uv .scaleinv
