# The targets of this project; `make` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
STAMP := $(VENV)/.installed

DEMO := .demo
DEMO_BUDGET := --max-params 12000 --max-trials 110 --seed 0

# Options for pytest: make test ARGS="-k journal"
ARGS ?=
# Tests at a time, each in a process of its own; 0 is one process, which pdb needs. Three keep two
# cores busy, as they also wait.
WORKERS ?= 3
# A process that dies names its test and ends them all: what it held may keep the others waiting.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --max-worker-restart 0

.PHONY: help install demo test nightly check format docs wheel bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## install into .venv, once

demo: $(STAMP) ## discover architectures for a small task, with no key (a few minutes)
	@test -d $(DEMO)/.git || git init --quiet $(DEMO)
	$(BIN)/archwright init $(DEMO)
	$(BIN)/archwright run digits --workspace $(DEMO) $(DEMO_BUDGET)

test: $(STAMP) ## run the tests (ARGS="-k word" picks some, WORKERS=4 takes four cores)
	$(PYTEST) $(ARGS)

nightly: $(STAMP) ## run the tests that take minutes
	$(PYTEST) -m nightly $(ARGS)

check: $(STAMP) ## lint, check the formatting and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## format the source, fix what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## write docs/cli.md and archwright/keywords.py from the commands and settings
	$(BIN)/python docs/make_cli.py

wheel: $(STAMP) ## build a wheel into dist/
	$(PIP) wheel --no-deps --wheel-dir dist .
	@ls dist/*.whl

bench: $(STAMP) ## run the benchmarks
	@set -e; for file in $$(grep -l __main__ benchmarks/framework/*.py benchmarks/search/*.py); do echo "== $$file"; $(BIN)/python $$file; done

clean: ## remove what was built and the demo; .venv stays
	rm -rf build dist *.egg-info $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# A failed venv leaves a half-made folder behind, which would count as done the next time.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is not: install it, then 'make $(MAKECMDGOALS) PYTHON=python3.11'"; \
	  exit 2; }
	@echo "[1/3] making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment: install its venv module ('apt install python3-venv' on Debian and Ubuntu), then run make again"; \
	  exit 2; }

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "[2/3] installing torch (several hundred MB, takes a while)"
	@$(PIP) install torch --constraint constraints.txt
	@echo "[3/3] installing archwright and its tools"
	@$(PIP) install --editable '.[dev]' --constraint constraints.txt
	@touch $@
