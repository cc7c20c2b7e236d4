# Two commands do all set-up on a machine with Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Processes that share the test files: most of the acceptance tests wait for clocks of SMPP, Redis and Celery.
JOBS ?= 2
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# pip's last word without a network is that no version was found.
NOT_INSTALLED := { echo "not installed: pip says above what failed. It needs the package index" \
	"(a mirror: PIP_INDEX_URL; a proxy: HTTPS_PROXY); the same command goes on where this one stopped"; exit 1; }

.PHONY: help demo test unit lint format explore bench screenshots lock audit clean

help:
	@echo "make demo     the whole fleet on this machine: sends real jobs through and shows their statuses"
	@echo "make test     the whole test suite (JOBS=1: one test at a time)     make unit    only the tests that need no server"
	@echo "make dist     wheel and sdist     make release-check    the same, tried in clean environments (network)"
	@echo "make lint     ruff, mypy, import-linter     make explore    all interleavings of the scripts (long)"
	@echo "make screenshots     the pictures of the documents, from a running fleet (needs Chromium)"
	@echo "make bench    the benchmarks     make lock    renew the lock files     make clean    remove what was made"
	@echo "make audit    known vulnerabilities of what is locked (asks PyPI; ARGS='--vulnerability-service osv': OSV)"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "smsfleet needs Python 3.11 or newer: give one with make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "no virtual environment could be made: install your system's python3-venv package"; exit 1; }

# The locks hold the hash of every file that may be installed; nothing is built with anything unlocked.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing the runtime from requirements.lock"
	@$(PIP) install --require-hashes -r requirements.lock || $(NOT_INSTALLED)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "installing the test tools from requirements-dev.lock"
	@$(PIP) install --require-hashes -r requirements-dev.lock || $(NOT_INSTALLED)
	@touch $@

demo: $(VENV)/.runtime
	@$(BIN)/smsfleet demo $(if $(KEEP),--keep)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

unit: $(VENV)/.dev
	@$(BIN)/python -m pytest tests/unit $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

explore: $(VENV)/.dev
	@$(BIN)/python -m tests.explore --full $(ARGS)

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: dist release-check

# Without isolation: what builds is in the lock with its hash, like everything else.
dist: $(VENV)/.dev
	@rm -rf dist build
	@$(BIN)/python -m build --no-isolation --outdir dist

release-check: dist
	@$(BIN)/python -m tests.release dist

screenshots: $(VENV)/.dev
	@$(BIN)/python -m tests.screenshots $(ARGS)
	@$(BIN)/python docs/screenshots.py

COMPILE := pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--no-header --allow-unsafe --strip-extras
PROJECT := --all-build-deps --extra flower --extra server --extra web

lock:
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet pip-tools
	@export PATH="$(CURDIR)/$(VENV)/lock/bin:$$PATH" && \
		$(COMPILE) $(PROJECT) -o requirements.lock pyproject.toml && \
		$(COMPILE) $(PROJECT) --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml && \
		$(COMPILE) -o $(VENV)/every-python.lock requirements.in && \
		tee -a requirements.lock < $(VENV)/every-python.lock >> requirements-dev.lock

# A tool of its own environment: what it installs is in no lock, and nothing of the fleet depends on it.
# --strict: what the service does not know is a failure, not "nothing found".
audit:
	@$(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet pip-audit
	@for lock in requirements.lock requirements-dev.lock; do \
		$(VENV)/audit/bin/pip-audit --strict --require-hashes --disable-pip $(ARGS) --requirement $$lock || \
			{ echo "$$lock: a vulnerability was found, or not every package could be asked about"; exit 1; }; done

clean:
	rm -rf $(VENV) .run build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
