# make install   what the server needs, in .venv
# make demo   a conversation on the simulator, no phone needed
# make test   style, types, documentation and all tests
# make lint   style and types
# make docs   the documentation as a site in site/; fails when a link or an anchor leads nowhere
# make bench   the figures of the docs, measured here
# make conformance    the protocol's own suites, and other people's clients, against the server; wants npx and a network
# make test-windows   the Windows code under Debian's wine (tests/windows/README.md); takes some minutes
# make test-newest    unit tests and some end-to-end tests with the newest dependencies that pyproject.toml allows
# make test-floors    the same with the oldest that it allows
# make lock           write requirements.lock, requirements-dev.lock and tests/s3.lock anew
# make dist           wheel and source distribution in dist/, checked
# make mcpb           the bundle for Claude Desktop in dist/, checked; wants npx and a network
# What is set up: `make install` takes the newest dependencies, what tests those of requirements-dev.lock, with hashes.
# Both set up what they need in .venv first; only Python 3.11 or newer and pip have to be there.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
UV := $(BIN)/uv
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.PHONY: help install demo test lint docs bench conformance test-windows test-newest test-floors lock dist mcpb clean

help:
	@sed -n "s/^# \(make .*\)/\1/p" Makefile

install: .venv/installed

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Setting up .venv (once) ..." >&2
	@$(PYTHON) -m venv .venv 2>/dev/null || { rm -rf .venv \
	  && $(PYTHON) -m pip install --quiet --disable-pip-version-check --target .venv/bootstrap virtualenv \
	  && PYTHONPATH=.venv/bootstrap $(PYTHON) -m virtualenv --quiet .venv; }

.venv/installed: pyproject.toml | .venv/bin/python
	@$(PIP) --editable '.[media]'
	@$(BIN)/python -m compileall -q .venv/lib >/dev/null 2>&1 || true
	@touch $@

# The package itself is built by the hatchling of the lock file: nothing comes without a hash.
.venv/installed-dev: pyproject.toml requirements-dev.lock | .venv/bin/python
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@$(PIP) --no-index --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q .venv/lib >/dev/null 2>&1 || true
	@touch .venv/installed $@

demo: .venv/installed
	@$(BIN)/whatsapp-mcp demo

lint: .venv/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin src & other=$$!; \
	  $(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 src && wait $$other
	@$(BIN)/mypy

docs: .venv/installed-dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --site-dir site

# An S3-compatible store for the tests: it wants other versions of what we have, so it has an environment of its own.
.tools/s3/installed: tests/s3.lock | $(UV)
	@$(UV) venv --quiet --clear --python $(BIN)/python .tools/s3
	@$(UV) pip install --quiet --python .tools/s3/bin/python --require-hashes --requirement tests/s3.lock
	@touch $@

test: lint docs .tools/s3/installed
	@$(BIN)/python -m pytest -n 3 --dist worksteal

bench: .venv/installed-dev
	@$(BIN)/python -m bench

conformance: .venv/installed-dev
	@$(BIN)/python -m tests.conformance
	@$(BIN)/python -m tests.clients
	@$(BIN)/python -m tests.peers

test-windows: .venv/installed-dev
	@$(BIN)/python -m tests.windows

# What is tried with other versions than the locked ones: all units, and the way from a host to WhatsApp.
VERSION_TESTS := tests/unit tests/e2e/test_login.py tests/e2e/test_messages.py tests/e2e/test_media.py tests/e2e/test_transports.py
$(UV): | .venv/bin/python
	@$(PIP) uv

test-newest: $(UV)
	@$(UV) venv --quiet --clear --python $(BIN)/python .tools/newest
	@$(UV) pip install --quiet --python .tools/newest/bin/python --editable '.[dev]'
	@.tools/newest/bin/python -m pytest -n 2 --dist worksteal $(VERSION_TESTS)

# What pyproject.toml asks for itself at its lowest, and of that the lowest that has a wheel for this Python.
test-floors: $(UV)
	@$(UV) venv --quiet --clear --python $(BIN)/python .tools/floors
	@$(UV) pip compile --quiet --resolution lowest-direct --only-binary :all: --python .tools/floors/bin/python \
	  --extra dev --output-file .tools/floors/requirements.txt pyproject.toml
	@$(UV) pip install --quiet --python .tools/floors/bin/python --requirement .tools/floors/requirements.txt
	@$(UV) pip install --quiet --python .tools/floors/bin/python --no-deps --editable .
	@.tools/floors/bin/python -m pytest -n 2 --dist worksteal $(VERSION_TESTS)

# For every system and Python at once. What is locked already stays as it is; remove the files first for the newest.
lock: $(UV)
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	  --extra media --extra postgres --extra s3 --output-file requirements.lock pyproject.toml
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	  --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	  --output-file tests/s3.lock tests/s3.in

dist: .venv/installed-dev $(UV)
	@rm -rf dist
	@$(BIN)/python -m hatchling build --directory dist
	@$(UV) tool run --quiet twine check --strict dist/*

mcpb: .venv/bin/python
	@$(BIN)/python packaging/mcpb/build.py

clean:
	rm -rf .tools dist site .venv .windows .mypy_cache .ruff_cache .pytest_cache .hypothesis
