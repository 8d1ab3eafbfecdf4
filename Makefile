# Every target sets up what it needs: a virtual environment, uv, and the locked packages.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
SOURCES := radrag data_prep ui tests benchmarks docs

# uv verifies the hashes of requirements.lock also where the file is given as constraints, so that the
# demo installs only what it needs, in the locked versions.
INSTALL := $(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --constraint requirements.lock

.DEFAULT_GOAL := help
.PHONY: help demo review audit-demo test lint bench lock screenshots docs clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "radrag needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 2; }
	@echo "Setting up $(VENV) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null

$(VENV)/.demo: requirements.lock pyproject.toml | $(UV)
	@echo "Installing the locked packages (about 7 GB, a few minutes) ..." >&2
	@$(INSTALL) --editable '.[ui]'
	@touch $@

$(VENV)/.dev: requirements.lock pyproject.toml | $(UV)
	@echo "Installing the locked packages (about 7 GB, a few minutes) ..." >&2
	@$(INSTALL) --editable '.[ui,standards,exchange,cluster,deidentify,metrics,train,fast,vlm,gguf,dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo  ## a real radiograph to a drafted report with evidence, offline
	@$(BIN)/radrag demo

review: $(VENV)/.demo  ## open the review screen
	@$(BIN)/radrag review

audit-demo: $(VENV)/.dev  ## audit the demo workspace: build/audit-demo/report.html
	@$(BIN)/radrag demo > /dev/null
	@$(BIN)/radrag audit report --manifest docs/audit_demo.csv --out build/audit-demo

test: $(VENV)/.dev  ## run the tests
	@$(BIN)/coverage erase
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --cov --cov-report=term $(PYTEST_ARGS)

lint: $(VENV)/.dev  ## check format, style, types and layers
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/build_cli_help.py --check
	@$(BIN)/python docs/build_model_docs.py --check

$(VENV)/.bench: $(VENV)/.dev
	@$(INSTALL) --editable '.[bench]'
	@touch $@

bench: $(VENV)/.bench  ## measure speed against named peers (hnswlib needs a C++ compiler)
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

screenshots: $(VENV)/.dev  ## take the pictures of the review screen anew (needs Chromium)
	@PYTHONPATH=tests:tests/ui $(BIN)/python tests/ui/make_screenshots.py $(SCREENSHOT_ARGS)

docs: $(VENV)/.dev  ## regenerate docs/cli.md and docs/models.md
	@$(BIN)/python docs/build_cli_help.py
	@$(BIN)/python docs/build_model_docs.py

lock: $(UV)  ## resolve the lock file anew
	@$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --all-extras --no-emit-index-url --no-annotate pyproject.toml -o requirements.lock

clean:  ## remove the virtual environment and caches
	@rm -rf $(VENV) .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
