# What people and CI run. Needs Python 3.11 or newer and make; fetches the rest into .venv.

VENV  := .venv
READY := $(VENV)/.ready
# What tests take out of npm.
NODES := $(patsubst %/package.json,%/node_modules,$(wildcard tests/*/package.json tests/*/*/package.json))
WEFT  := $(VENV)/bin/weft
# Each web/<name>/ is a page for browsers; what it is made of besides its own folder comes last.
PAGES := $(patsubst web/%/package.json,web/dist/%,$(wildcard web/*/package.json))
PARTS := web/compress.mjs schema/schema.graphql

HOST  ?= 127.0.0.1
PORT  ?= 8000
TESTS ?= tests
DOCUMENTS ?= 50000
REQUESTS ?= 5000
FAULTS ?= 60
SUBSCRIBERS ?= 300

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
FIRST_PYTHON = $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)
# It decides the version; if there are several builds of that, the one that runs Weft fastest is taken.
PYTHON ?= $(if $(FIRST_PYTHON),$(shell $(FIRST_PYTHON) bench/interpreters.py || echo $(FIRST_PYTHON)))

# Compiled modules are kept, whatever the machine says: a start costs seconds without them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test web consistency faults schemathesis check format fuzz fuzz-parsers bench soak migrate seed schema clean
.DEFAULT_GOAL := help

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv and install what uv.lock says (the others do it when needed)

run: $(READY) $(PAGES:=.tried) ## serve on http://HOST:PORT/graphql with sample data (PORT=8000 HOST=127.0.0.1)
	@exec $(WEFT) run --host $(HOST) --port $(PORT)

test: $(READY) $(NODES) $(PAGES:=.tried) ## run the tests, in parallel and in random order (TESTS="tests/weft -k name")
	@$(VENV)/bin/pytest -n logical --maxprocesses 8 --dist worksteal --ignore tests/consistency/test_search.py $(TESTS)

web: $(PAGES:=/index.html) ## build the pages for browsers into web/dist (run and test do it when Node is there)

consistency: $(READY) ## look for stale reads of cached fields for long (READS=1000000)
	@CONSISTENCY_READS=$(or $(READS),1000000) $(VENV)/bin/pytest tests/consistency

faults: $(READY) ## kill servers, Redis and PostgreSQL under live updates (FAULTS=60 SUBSCRIBERS=300)
	@WEFT_FAULTS=$(FAULTS) WEFT_FAULT_SUBSCRIBERS=$(SUBSCRIBERS) $(VENV)/bin/pytest -s tests/faults

schemathesis: $(READY) ## send REQUESTS=5000 operations generated out of the schema, and see no 5xx
	@WEFT_GENERATED=$(REQUESTS) $(VENV)/bin/pytest tests/hostile/test_generated.py

check: $(READY) ## ruff, ruff format, basedpyright, import laws, known vulnerabilities
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/basedpyright
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/python -m tests.audit.dependencies

format: $(READY) ## sort imports, fix what ruff can fix, format
	@$(VENV)/bin/ruff check --fix
	@$(VENV)/bin/ruff format

fuzz: $(READY) ## compare the executor with graphql-core on DOCUMENTS=50000 generated documents
	@$(VENV)/bin/python -W ignore -m tests.weft.execution.fuzz --documents $(DOCUMENTS)

fuzz-parsers: $(READY) ## feed bytes to the HTTP and socket parsers, guided by coverage (SECONDS=30 each)
	@PATH="$$PATH:$(CURDIR)/$(VENV)/bin" uv sync --quiet --locked --inexact --group fuzz
	@$(VENV)/bin/python -W ignore -m tests.parsers.guided --seconds $(or $(SECONDS),30)

bench: $(READY) ## run the micro-benchmarks (beside other servers: python -m bench.peers)
	@$(VENV)/bin/python -m bench

soak: $(READY) ## load a server for MINUTES=10 and tell what is left behind
	@$(VENV)/bin/python -W ignore::ResourceWarning -m bench.soak --minutes $(or $(MINUTES),10)

migrate: $(READY) ## bring the database to the newest revision
	@$(WEFT) migrate

seed: $(READY) ## fill the database (SEED="--users 1000 --items 20000 --seed 7")
	@$(WEFT) seed $(SEED)

schema: $(READY) ## write schema/schema.graphql
	@$(WEFT) schema --write

clean: ## remove .venv, caches and the embedded servers' data
	@test ! -e .weft/postgresql/data/postmaster.pid \
		|| { echo "The embedded servers run: stop what uses them first." >&2; exit 1; }
	rm -rf $(VENV) $(NODES) web/dist web/*/node_modules .weft .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv is the machine's own, or else one that pip puts beside the rest.
$(READY): pyproject.toml uv.lock
	@test -x $(VENV)/bin/python || { \
		python="$(PYTHON)"; test -n "$$python" && "$$python" -c '$(NEW_ENOUGH)' \
		|| { echo "Weft needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }; \
		"$$python" -m venv $(VENV); }
	@command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet uv
	@PATH="$$PATH:$(CURDIR)/$(VENV)/bin" uv sync --locked --compile-bytecode
	@touch $@

# Where there is no npm, or no way to its registry, the test says that it is skipped.
$(NODES): %/node_modules: %/package-lock.json
	@npm --prefix $(@D) ci --silent --no-audit --no-fund && touch $@ \
		|| echo "npm is not at hand: what $(@D) is for will be skipped." >&2

# A registry that is out of reach is given up in seconds, not in minutes.
SOON := --fetch-timeout 20000 --fetch-retries 1 --fetch-retry-mintimeout 500 --fetch-retry-maxtimeout 500

.SECONDEXPANSION:
INPUTS = $(shell find web/$(1) -type f -not -path "*/node_modules/*") $(PARTS)

web/dist/%/index.html: $$(call INPUTS,$$*)
	@echo "Building the page $*; this takes a minute, once." >&2
	@npm --prefix web/$* ci --silent --no-audit --no-fund $(SOON)
	@npm --prefix web/$* run --silent build
	@touch $@

# Once for each state of the sources, so that a machine without a network does not wait each time.
web/dist/%.tried: $$(call INPUTS,$$*)
	@$(MAKE) --silent web/dist/$*/index.html \
		|| echo "The page $* is not built: that takes Node, npm and its registry. Later: make web" >&2
	@mkdir -p $(@D) && touch $@
