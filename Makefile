# Two words to begin with: make demo, make test. `make` alone lists all of them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup up down check test demo simulate faults bench kafka store-rs docs clean locks
BIN := .venv/bin
SEEDS ?= 2

help: ## list these words
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## make .venv, the embedded servers and the development keys; instant when they are there
	@deploy/setup.sh

up: setup ## start store, broker and services in the background (more options: .venv/bin/hamkke up --help)
	@$(BIN)/hamkke up

down: setup ## stop them
	@$(BIN)/hamkke down

check: setup ## format, lint, types, imports between parts, freshness of docs and schemas
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: type .venv/bin/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m shared.contracts.schema
	@$(BIN)/python -m deploy.docs --check
	@said=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$said"; exit 1; }

test: check ## set-up, all checks and all tests
	@$(BIN)/python -m pytest

demo: setup ## 2,000 volunteers apply while you watch; checks itself afterwards
	@$(BIN)/hamkke demo

simulate: setup ## 1,000,000 seeded schedules of log, follower and consumption in memory
	@$(BIN)/python -m tests.simulation.run

faults: setup ## kill and cut everything for SEEDS=n rounds, then compare five records (SCENARIO=, SHORT=1)
	@$(BIN)/python -m tests.faults.run --seeds $(SEEDS) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(SHORT),--short)

bench: setup ## measure against the plainest honest programs; writes var/bench/report.json
	@$(BIN)/python -m tests.bench.run

kafka: setup ## fetch Apache Kafka 4 (needs Java 17 and Maven), for `up --kafka`
	@$(BIN)/python -m deploy.local.kafka fetch

store-rs: setup ## build the Rust server of the embedded store (needs cargo), used when it passes its checks
	@$(BIN)/python -m deploy.local.store_rs

docs: setup ## write again what is generated: schemas, the table of events, .env.example
	@$(BIN)/python -m deploy.docs

clean: ## stop everything and remove what was made: .venv, var, caches
	@if [ -x $(BIN)/hamkke ]; then $(BIN)/hamkke down; fi
	@rm -rf .venv var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

locks: ## for maintainers: pin again what pyproject.toml asks for (needs uv)
	@command -v uv >/dev/null || { echo "uv is missing: pip install uv"; exit 1; }
	@for what in "pyproject.toml --extra dev -o requirements.lock" "pyproject.toml -o requirements-runtime.lock" "requirements-embedded.in -o requirements-embedded.lock"; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $$what || exit 1; done
