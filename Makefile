# Everything starts here. Needs Python 3.11 to 3.14 and a package index; brings the rest itself.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
T ?=

.DEFAULT_GOAL := help
.PHONY: help run setup setup-dev test lint fix bench bench-quality lock fuzz-api chaos reference screenshots

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

# Says what is needed when there is no such Python at all; one of another version is refused by the bootstrap itself.
BOOTSTRAP = command -v "$(PYTHON)" > /dev/null 2>&1 || { \
	echo "Hydrascope needs Python 3.11 to 3.14; there is no $(PYTHON) here. Install one," \
	"or name it: make run PYTHON=/path/to/python3.12" >&2; exit 1; }; \
	"$(PYTHON)" scripts/bootstrap.py

run: ## the console, with everything it needs, until Ctrl-C (PORT=8000 BIND=127.0.0.1 DEMO=1)
	@$(BOOTSTRAP)
	@exec $(VENV_PYTHON) -m config.supervisor

setup: ## the environment alone, in .venv/
	@$(BOOTSTRAP)

setup-dev: ## the environment with the tools for tests and checks
	@$(BOOTSTRAP) --dev

test: setup-dev ## everything that CI runs (T=tests/ground for a part, BROWSER=none without a browser)
	@$(VENV_PYTHON) scripts/test.py $(T)

lint: setup-dev ## style, types, direction of imports, missing migrations
	@$(VENV_PYTHON) scripts/lint.py

fix: setup-dev ## mend what can be mended by itself
	@$(VENV_PYTHON) -m ruff check --fix .
	@$(VENV_PYTHON) -m ruff format .

bench: setup-dev ## the benchmarks, as tables
	@for file in $(filter-out bench/bench_quality.py,$(wildcard bench/bench_*.py)); do \
		$(VENV_PYTHON) -m bench.$$(basename $$file .py) || exit 1; done

bench-quality: setup-dev ## what the engine finds and whom it hurts, each figure beside its target (ROWS="E1 hop", REAL_DATA)
	@$(VENV_PYTHON) -m bench.bench_quality $(if $(ROWS),--row $(ROWS))

fuzz-api: setup-dev ## minutes of odd requests against the live API (FUZZ_EXAMPLES=50 FUZZ_SEED=1)
	@$(VENV_PYTHON) -m pytest tests/api/fuzz.py -q -n0 -p no:randomly

chaos: setup-dev ## kills parts of a console at random and compares (CHAOS_KILLS=10 CHAOS_SEED=1 CHAOS_ONLY="run:worker")
	@$(VENV_PYTHON) -m tests.faults.chaos

reference: setup-dev ## docs/reference/commands.md, anew from the commands
	@$(VENV_PYTHON) scripts/command_reference.py

screenshots: setup-dev ## docs/img/, anew from the console that runs with the demo dataset
	@$(VENV_PYTHON) scripts/screenshots.py

lock: setup-dev ## newer versions of all dependencies, in uv.lock and the requirements files
	@$(VENV_PYTHON) scripts/lock.py
