# Everything a developer does, each one word: `make` lists them. The environment is made on first use
# and again whenever pyproject.toml or constraints.txt change.

PYTHON ?= python3
VENV ?= .venv
DIST ?= dist
JOBS ?= 2

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo check format-check lint types test test-slurm slurm-scenario fix parity train-step predict-speed wheel clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## environment in .venv with tsconv, editable, and its pinned tools

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt --group dev -e .
	@touch $@

demo: $(INSTALLED)  ## train, predict and evaluate on a small set that comes with tsconv
	$(BIN)/tsconv train GunPoint --out runs/demo --overwrite
	$(BIN)/tsconv predict runs/demo GunPoint --out runs/demo-predictions.csv
	$(BIN)/tsconv evaluate runs/demo GunPoint
	@echo; echo "where everything lies:"; ls -dF runs/demo-predictions.csv runs/demo/* runs/demo/members/*

check: format-check lint types test  ## all that must hold before a commit

format-check: $(INSTALLED)  ## is every file formatted?
	$(BIN)/ruff format --check .

lint: $(INSTALLED)  ## ruff's rules
	$(BIN)/ruff check .

types: $(INSTALLED)  ## mypy, strict
	$(BIN)/mypy --strict -p tsconv

test: $(INSTALLED)  ## the whole test suite, less what needs a Slurm
	$(BIN)/python -m pytest -n $(JOBS) -m "not slurm"

test-slurm: $(INSTALLED)  ## jobs on a throw-away Slurm on this machine (slurm-wlm and munge of Debian)
	$(BIN)/python -m pytest -m slurm

slurm-scenario: $(INSTALLED)  ## a bad night on that Slurm, told in benchmarks/results/slurm_scenario.txt
	SCENARIO_LOG=benchmarks/results/slurm_scenario.txt $(BIN)/python -m pytest -m slurm tests/slurm/test_scenario.py

fix: $(INSTALLED)  ## format, and repair what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

parity: $(INSTALLED)  ## our Inception against the authors' graph in Keras, weight for weight
	$(BIN)/python benchmarks/parity.py

train-step: $(INSTALLED)  ## seconds of a training step beside sktime's and aeon's
	$(BIN)/python benchmarks/train_step.py

predict-speed: $(INSTALLED)  ## seconds and memory of predicting beside sktime's and aeon's
	$(BIN)/python benchmarks/predict.py

wheel: $(INSTALLED)  ## build the wheel into dist/
	$(BIN)/python -m build --wheel --outdir $(DIST)

clean:  ## remove environments, builds and caches; runs are kept
	rm -rf .venv .peers build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find tsconv tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
