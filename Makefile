# Every target works on a fresh clone: it makes .venv first if that is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
SEEDS ?= 20000
SECONDS ?= 60

.PHONY: venv demo test test-slow test-all simulate fuzz check bench clean
venv: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "filterfleet needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: venv
	$(BIN)/filterfleet demo

# Two tests at once: many of them mostly wait, for processes to start or for outages to end.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile

test: venv
	$(PYTEST) -m "not slow"

test-slow: venv
	$(PYTEST) -m slow

test-all: test test-slow

simulate: venv
	$(BIN)/pytest tests/simulation --seeds $(SEEDS) --timeout 0

fuzz: venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz.target --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz.live --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz.memory --seconds $(SECONDS)

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: venv
	$(BIN)/filterfleet bench compare

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist demo-output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
