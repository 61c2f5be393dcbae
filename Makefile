# Everything starts here. `make help` lists what there is; each target installs what it needs into .venv by itself.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# the first interpreter that is new enough, unless PYTHON= says otherwise
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
INSTALL_PLANTAR := $(INSTALL) --no-deps --no-build-isolation --reinstall-package plantar --editable .
LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url $(if $(UPGRADE),--upgrade)
UV_PIN := uv==0.13.9

export PIP_DISABLE_PIP_VERSION_CHECK := 1

BUILT := station/kiosk/static/build/build.json

.PHONY: help setup pages demo test bench accuracy lint format docs figures template prove lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.setup pages ## .venv with everything from requirements.lock, the checkout itself, the kiosk's pages

# what has not changed is not built again; a wheel that holds them needs no npm
pages: ## what the kiosk's pages load, built by npm from web/
	@if command -v npm >/dev/null; then node web/build.mjs; \
	elif [ -e $(BUILT) ]; then echo "npm is not here: the kiosk's pages stay as they were built"; \
	else echo "npm is not here: the kiosk's pages are left out"; fi

# a full .venv stays full: the demo takes the small lock only where nothing bigger has been set up
demo: $(if $(wildcard $(VENV)/.setup),$(VENV)/.setup,$(VENV)/.demo) ## synthetic feet and a walk become a pair of insoles in out/demo
	$(BIN)/plantar demo -o out/demo

test: $(VENV)/.setup pages ## every claim on a sample (ARGS="-k name --seed 1" goes to pytest)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

bench: $(VENV)/.setup ## speed, printed and written to benchmarks/results.json (ONLY=name)
	$(BIN)/python benchmarks/run.py $(ONLY)

accuracy: $(VENV)/.setup ## truth, repeats and SD of the measures into docs/accuracy.md, resumable (ARGS="--feet 20 --no-write")
	$(BIN)/python benchmarks/accuracy.py $(ARGS)

lint: $(VENV)/.setup ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.setup ## lets ruff lay out and mend what it can
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: $(VENV)/.setup ## the documentation in out/docs, strictly
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

figures: $(VENV)/.setup ## draws the pictures of docs/img anew
	$(BIN)/python docs/figures.py
	$(BIN)/python docs/make_images.py

template: $(VENV)/.setup ## draws the template foot that clouds are compared with anew (ten minutes)
	$(BIN)/python benchmarks/make_template.py

prove: $(VENV)/.setup ## full sizes, resumable, into docs/proof (PART=main|measure|pressure|insole|devices|batch|kiosk)
	$(BIN)/python tests/prove.py $(PART)

lock: $(VENV)/.uv ## makes the locks anew from pyproject.toml (UPGRADE=1: newest versions)
	grep -q '^$(UV_PIN) ' requirements-uv.lock || echo '$(UV_PIN)' | $(LOCK) - -o requirements-uv.lock
	$(LOCK) --all-extras --group dev pyproject.toml -o requirements.lock
	$(LOCK) --extra plot --group build -c requirements.lock pyproject.toml -o requirements-demo.lock

clean: ## removes what was built here, .venv too
	rm -rf $(VENV) out build dist web/node_modules station/kiosk/static/build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------ the environment

$(VENV)/.uv: requirements-uv.lock
	@test -n "$(PYTHON)" || { echo "plantar needs Python 3.11 or newer: install one, or name it with PYTHON=" >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.demo: $(VENV)/.uv requirements-demo.lock pyproject.toml
	$(INSTALL) --require-hashes -r requirements-demo.lock
	$(INSTALL_PLANTAR)
	@touch $@

$(VENV)/.setup: $(VENV)/.uv requirements.lock pyproject.toml
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL_PLANTAR)
	@touch $(VENV)/.demo $@
