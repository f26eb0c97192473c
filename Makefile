# Python 3.11 or newer and make are all that is needed; everything else goes into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help install test demo lint format schema quick bench security wheel clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed  ## the package, editable, with all that tests and lint need, in .venv

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[images,pandas,clip,ui,postgres,ray,s3,gcs,sftp]' --group test --group lint
	touch $@

test: lint  ## lint, then every test with the coverage floor
	$(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=term

demo: install  ## images to report on a machine without data or weights, in promptad-demo
	$(BIN)/promptad-db demo

quick: install  ## the tests that take less than a minute together
	$(BIN)/python -m pytest -n auto --dist loadfile -m 'not slow'

lint: install  ## formatting, lint, types, and the direction of the imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## let ruff mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: install  ## the JSON Schemas of a run folder and the tables of docs/run-folder.md, from the code
	$(BIN)/python docs/schema/make.py

bench: install  ## every benchmark in small size beside its peer, as one table and benchmarks.json; FULL=--full for all
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python benchmarks/everything.py $(FULL)

security: install  ## known weaknesses of what we depend on, and every reader fuzzed for FUZZ runs (20000)
	$(BIN)/python -m pip install --quiet --group security
	$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/frozen.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off -r $(VENV)/frozen.txt
	set -e; for reader in $$(ls tests/fuzz/corpus); do $(BIN)/python tests/fuzz/run.py $$reader --runs $(or $(FUZZ),20000); done

wheel: install  ## dist/*.whl
	$(BIN)/python -m build --wheel

clean:  ## take away .venv and what was built
	rm -rf $(VENV) dist build .coverage* .hypothesis .mypy_cache .ruff_cache .pytest_cache
