# Two commands: `make report` and `make test`. Both set up what they need in .venv the first time.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := report
.PHONY: report test quick lab notebooks lock bench clean

# The first Python from 3.11 to 3.13 on the path; choose another with `make PYTHON=...`.
PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin
PERIOD ?= 2026-10
DATA ?= data/sample

report: .venv/ready
	@$(BIN)/opsanalytics run $(PERIOD) --data $(DATA)

test: .venv/ready
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

quick: .venv/ready
	$(BIN)/python -m pytest -m "not slow" tests

lab: .venv/ready
	@$(BIN)/opsanalytics lab

# Execute the notebooks on the sample's latest month and keep their outputs, without what differs between machines.
notebooks: .venv/ready
	cd notebooks && ../$(BIN)/python -m nbconvert --to notebook --inplace --execute --ExecutePreprocessor.record_timing=False \
		--ClearMetadataPreprocessor.enabled=True --ClearMetadataPreprocessor.preserve_cell_metadata_mask="('tags',)" \
		--ClearMetadataPreprocessor.preserve_nb_metadata_mask="{('language_info', 'name'), 'kernelspec'}" *.ipynb

bench: .venv/ready
	@for script in benchmarks/bench_*.py; do $(BIN)/python $$script; done

# Renew requirements.lock from pyproject.toml: pinned and hashed for Python 3.11 to 3.13 on every platform.
lock: .venv/ready
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev --extra models --extra cluster --generate-hashes \
		--no-header --no-annotate --quiet --output-file requirements.lock

# The lock names every package, dependencies of dependencies included, hence --no-deps; pip compiles the bytecode once.
.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 was found. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "Setting up .venv from requirements.lock with $$($(PYTHON) --version) (once; a minute or two) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
