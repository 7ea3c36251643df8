# What people and CI run. Needs Python 3.11 to 3.14 and make; fetches the rest into .venv.

VENV  := .venv
READY := $(VENV)/.ready
# The machine's own, or else one that pip puts beside the rest; syncing exactly removes that again.
UV := command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet uv; \
	PATH="$$PATH:$(CURDIR)/$(VENV)/bin" uv
# What tests take out of npm.
NODES := $(patsubst %/package.json,%/node_modules,$(wildcard tests/real/*/package.json tests/real/*/*/package.json))
WEFT  := $(VENV)/bin/weft
PYTEST := $(VENV)/bin/pytest -n logical --maxprocesses 8 --dist worksteal
# Each web/<name>/ is a page for browsers; what it is made of besides its own folder comes last.
PAGES := $(patsubst web/%/package.json,web/dist/%,$(wildcard web/*/package.json))
PARTS := web/compress.mjs schema/schema.graphql

HOST  ?= 127.0.0.1
PORT  ?= 8000
TESTS ?= tests
READS ?= 1000000
DOCUMENTS ?= 50000
REQUESTS ?= 8000
FAULTS ?= 60
SUBSCRIBERS ?= 300

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# Wheels of all that is needed are there for these; a newer one is taken where it is asked for.
HAS_WHEELS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
FIRST_PYTHON = $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(HAS_WHEELS)' 2>/dev/null && echo $$python && break; done)
# It decides the version; if there are several builds of that, the one that runs Weft fastest is taken.
PYTHON ?= $(if $(FIRST_PYTHON),$(shell $(FIRST_PYTHON) bench/interpreters.py || echo $(FIRST_PYTHON)))

# Compiled modules are kept, whatever the machine says: a start costs seconds without them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run dev docs test test-real test-long coverage web consistency faults schemathesis check format fuzz fuzz-parsers bench soak migrate seed schema clean
.DEFAULT_GOAL := help

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv and install what uv.lock says (the others do it when needed)

run: $(READY) $(PAGES:=.tried) ## serve on http://HOST:PORT/graphql with sample data (PORT=8000 HOST=127.0.0.1)
	@exec $(WEFT) run --host $(HOST) --port $(PORT)

dev: $(READY) $(PAGES:=.tried) ## the same, and replace the server when a Python file changes
	@exec $(WEFT) run --reload --host $(HOST) --port $(PORT)

test: $(READY) $(PAGES:=.tried) ## run the tests, in parallel and in random order (TESTS="tests/weft -k name")
	@$(PYTEST) --ignore tests/real --ignore tests/long $(TESTS)

test-real: $(READY) $(NODES) $(PAGES:=.tried) ## run what needs programs beside ours: browsers, clients of Node, Redis
	@$(PYTEST) tests/real
	@if redis=$$(command -v redis-server); then \
		echo "With $$($$redis --version):"; WEFT_TEST_REDIS=$$redis $(PYTEST) tests/weft/cache tests/weft/changes; \
	else echo "REDIS WAS NOT TRIED, but Valkey was: there is no redis-server here." >&2; fi

test-long: $(READY) ## run what proves by length, in an hour or two; SLICE=word/20 is a share, for each word another
	@$(PYTEST) tests/long $(if $(SLICE),--slice $(SLICE))

coverage: $(READY) $(PAGES:=.tried) ## run the tests of `make test`, and tell which lines and branches they enter
	@$(PYTEST) --ignore tests/real --ignore tests/long --cov --cov-report=term --cov-report=html

web: $(PAGES:=/index.html) ## build the pages for browsers into web/dist (run and test do it when Node is there)

consistency: $(READY) ## look for stale reads of cached fields for long (READS=1000000 in each scenario)
	@CONSISTENCY_READS=$(READS) $(PYTEST) tests/long/consistency

faults: $(READY) ## kill servers, Redis and PostgreSQL under live updates (FAULTS=60 SUBSCRIBERS=300)
	@WEFT_FAULTS=$(FAULTS) WEFT_FAULT_SUBSCRIBERS=$(SUBSCRIBERS) $(VENV)/bin/pytest -s tests/long/faults

schemathesis: $(READY) ## send REQUESTS=8000 operations generated out of the schema, and see no 5xx
	@WEFT_GENERATED=$(REQUESTS) $(PYTEST) tests/long/test_generated.py

check: $(READY) ## ruff, ruff format, basedpyright, import laws, migrations, known vulnerabilities
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/basedpyright
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/python -m tests.audit.migrations
	@$(VENV)/bin/python -m tests.audit.dependencies

format: $(READY) ## sort imports, fix what ruff can fix, format
	@$(VENV)/bin/ruff check --fix
	@$(VENV)/bin/ruff format

fuzz: $(READY) ## compare the executor with graphql-core on DOCUMENTS=50000 generated documents
	@WEFT_DOCUMENTS=$(DOCUMENTS) $(PYTEST) tests/long/test_documents.py

fuzz-parsers: $(READY) ## feed bytes to the HTTP and socket parsers, guided by coverage (SECONDS=30 each)
	@$(UV) sync --quiet --locked --inexact --group fuzz
	@$(VENV)/bin/python -W ignore -m tests.parsers.guided --seconds $(or $(SECONDS),30)

docs: $(READY) ## build the documentation into .docs/site, which needs no network to be read
	@$(UV) sync --quiet --locked --inexact --group docs
	@rm -rf .docs && mkdir -p .docs/source
	@cp -R README.md SECURITY.md CONTRIBUTING.md CHANGELOG.md docs decisions .docs/source
	@NO_COLOR=1 $(VENV)/bin/zensical build --clean --strict

bench: $(READY) ## run the micro-benchmarks (beside other servers: python -m bench.peers; beside attackers: python -m bench.neighbours)
	@$(VENV)/bin/python -m bench

soak: $(READY) ## load and attack a server for MINUTES=10 and tell what is left behind
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
	rm -rf $(VENV) $(NODES) .docs .cache web/dist web/*/node_modules .weft .coverage .coverage.* .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml uv.lock
	@test -x $(VENV)/bin/python || { \
		python="$(PYTHON)"; test -n "$$python" && "$$python" -c '$(NEW_ENOUGH)' \
		|| { echo "Weft needs Python 3.11 to 3.14: make PYTHON=/path/to/python3" >&2; exit 1; }; \
		"$$python" -m venv $(VENV); }
	@$(UV) sync --locked --compile-bytecode
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
