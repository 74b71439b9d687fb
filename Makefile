# Every target works on a fresh clone: it makes .venv first if that is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
SEEDS ?= 20000
SECONDS ?= 60

# Every package that is installed here is one of requirements/*.txt, with the version and one of the hashes that stand there.
PIP := $(BIN)/pip --quiet --disable-pip-version-check install

# What pip says on a machine without a network is long, and does not speak of the network.
UNINSTALLED = { echo "The packages for this cannot be installed, for the reason that pip gives above. Without a network, pip needs \
a folder or a registry that has them: PIP_FIND_LINKS or PIP_INDEX_URL names it." >&2; exit 1; }

.PHONY: venv demo test test-slow test-all simulate fuzz check bench lock sbom audit release clean
venv: .venv/ready

.venv/ready: pyproject.toml requirements/build.txt requirements/dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "filterfleet needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes --requirement requirements/build.txt || $(UNINSTALLED)
	@echo "Installing the packages of requirements/dev.txt."
	@$(PIP) --require-hashes --no-build-isolation --requirement requirements/dev.txt || $(UNINSTALLED)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: venv
	$(BIN)/filterfleet demo

# Two tests at once: many of them mostly wait, for processes to start or for outages to end.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile

# In the order of tests/conftest.py: with the longest at the end, one process would wait for the other.
LONGEST_FIRST := --no-loadscope-reorder

test: venv
	$(PYTEST) -m "not slow"

test-slow: venv
	$(PYTEST) $(LONGEST_FIRST) -m "slow and not exhaustive"

test-all: test
	$(PYTEST) $(LONGEST_FIRST) -m slow

simulate: venv
	$(BIN)/pytest tests/simulation --seeds $(SEEDS) --timeout 0

fuzz: venv
	$(BIN)/python -m tests.fuzz.target --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz.live --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz.memory --seconds $(SECONDS)

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/unit/test_requirements.py
	@$(MAKE) --no-print-directory audit

bench: venv
	$(BIN)/filterfleet bench all --output docs

# --- which packages ----

# Tools that run beside the package and not with it have an environment and a lock of their own.
TOOLS := .venv/tools

$(TOOLS)/ready: requirements/tools.txt | .venv/ready
	rm -rf $(TOOLS)
	$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements/tools.txt || $(UNINSTALLED)
	@touch $@

# For Python 3.11 and later, on Linux and macOS, on any processor. Versions stay as they are, unless UPGRADE says
# otherwise: make lock UPGRADE=--upgrade, or UPGRADE='--upgrade-package numpy'.
UPGRADE ?=
COMPILE = $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command 'make lock'

lock: $(TOOLS)/ready
	@set -e; \
	$(COMPILE) $(UPGRADE) --extra dev --extra fuzz pyproject.toml requirements/build.in --output-file requirements/dev.txt; \
	for part in 'run.txt pyproject.toml --extra heic --extra jxl --extra raw' 'build.txt requirements/build.in'; do \
		set -- $$part; file=requirements/$$1; shift; rm -f $$file; \
		$(COMPILE) "$$@" --constraint requirements/dev.txt --output-file $$file; done; \
	$(COMPILE) $(UPGRADE) requirements/tools.in --output-file requirements/tools.txt

# The software bill of materials (CycloneDX) of the installation in docs/operations.md. The tool validates it.
sbom: venv $(TOOLS)/ready
	@mkdir -p dist
	@$(TOOLS)/bin/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml \
		--output-file dist/filterfleet.cdx.json requirements/run.txt
	$(BIN)/python -m tests.sbom dist/filterfleet.cdx.json

# Without its tools, or without anybody who knows, it says so and goes on: a machine without a network can check the rest.
audit: venv
	@PIP_RETRIES=1 $(MAKE) --silent $(TOOLS)/ready || echo "Vulnerabilities were not looked up: pip-audit cannot be installed here."
	@[ ! -e $(TOOLS)/ready ] || $(BIN)/python -m tests.audit $(TOOLS)/bin/pip-audit

# Everything that is published, in dist/, checked. PYTHONS: interpreters to install the wheel with; those that are not here
# are named.
PYTHONS ?= python3.11 python3.12 python3.13 python3.14

release: venv $(TOOLS)/ready
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	$(TOOLS)/bin/twine check --strict dist/*.whl dist/*.tar.gz
	@$(MAKE) --no-print-directory sbom
	$(BIN)/python -m tests.release dist $(PYTHONS)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist demo-output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
