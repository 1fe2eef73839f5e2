# heka-py from a fresh Debian machine: `make demo` and `make test` install what is missing, build, run.
#
# The extension is built in place (heka/_core.*.so) and the package installed editable into .venv. A
# stamp file stands for each step and is older than none of the step's inputs, so a second run only
# does what has changed. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600
PYTEST_ARGS ?=

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
export PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK := 1

BIN := $(VENV)/bin
STAMP := $(VENV)/stamp
SYSTEM := tools/system_packages.sh

# The folders too: a file that is gone changes nothing else.
CORE := $(sort $(shell find csrc -type d -o -name "*.[ch]"))
PACKAGE := $(sort $(shell find heka compat -name "*.py" -o -name "*.pyi"))
OWN_C := $(sort $(wildcard csrc/core/*/*.c csrc/python/*.c csrc/python/*/*.c))
FORMATTED_C := $(OWN_C) $(wildcard csrc/core/*/*.h csrc/python/*.h csrc/python/*/*.h) \
    $(wildcard tests/core/*.[ch] tests/core/*/*.[ch])

.PHONY: help
help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
	    printf '%-12s %s\n' "$$name" "$$text"; done

# --- set-up ---------------------------------------------------------------------------------------

$(STAMP)/venv: $(SYSTEM)
	@$(SYSTEM) build
	@test -x $(BIN)/python || { echo "Creating $(VENV) with $(PYTHON)."; $(PYTHON) -m venv $(VENV); }
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/setuptools: $(STAMP)/venv pyproject.toml
	@echo "About to install into $(VENV): setuptools, to build with."
	@$(BIN)/pip install -q 'setuptools>=77'
	@touch $@

$(STAMP)/build: $(STAMP)/setuptools pyproject.toml setup.py $(CORE)
	@echo "Building heka-py into $(VENV)."
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

# The package is there, so pip adds only what pyproject.toml lists under the extra.
LIST_EXTRA = import importlib.metadata as m, sys; \
    rows = [row.partition(";") for row in m.requires("heka-py")]; \
    print(", ".join(row[0].strip() for row in rows if sys.argv[1] in row[2]))

$(STAMP)/extra-%: pyproject.toml | $(STAMP)/build
	@echo "About to install into $(VENV): $$($(BIN)/python -c '$(LIST_EXTRA)' $*)."
	@$(BIN)/pip install -q 'heka-py[$*]'
	@touch $@

$(STAMP)/system-%: $(SYSTEM)
	@$(SYSTEM) $*
	@mkdir -p $(@D) && touch $@

# --- what users and developers run ----------------------------------------------------------------

.PHONY: build
build: $(STAMP)/build ## Install what the system lacks, build the package into .venv.

.PHONY: prepare
prepare: $(STAMP)/build $(addprefix $(STAMP)/system-,test lint fuzz stock) $(addprefix $(STAMP)/extra-,test dev docs) ## Install all that the other targets need.

.PHONY: demo
demo: $(STAMP)/build ## Build, then show messages on their way from a program to a receiver.
	@$(BIN)/python -m heka demo

.PHONY: test
test: $(STAMP)/build $(STAMP)/system-test $(STAMP)/extra-test ## Build, then run every test.
	tools/run_tests.sh $(BIN)/pytest build/cache/test $(PYTEST_ARGS)

# Not in `check`: servers and processes (tests/delivery, cli, plugins, compat), the C programs of
# tests/core, and sweeps over every call, type and allocation (tests/python/memory).
QUICK_TESTS := tests/wire tests/python tests/client --ignore=tests/python/memory tests/test_layers.py
.PHONY: check
check: $(STAMP)/build $(STAMP)/system-test $(STAMP)/system-lint $(STAMP)/extra-test $(STAMP)/extra-dev ## In under 90 s: tests/wire, python (without memory), client; lint of what changed.
	tools/lint_changed.sh $(BIN)
	$(BIN)/pytest -o cache_dir=build/cache/check -q $(QUICK_TESTS) $(PYTEST_ARGS)

.PHONY: docs
docs: $(STAMP)/build $(STAMP)/extra-docs ## Write the documentation to docs/_build/html; warnings are errors.
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html."

.PHONY: bench
bench: $(STAMP)/build $(STAMP)/system-bench ## Measure against the peers; tables, a picture, instruction counts.
	PYTHON=$(BIN)/python benchmarks/run.sh

# --- checks ---------------------------------------------------------------------------------------

.PHONY: lint
lint: lint-python lint-c ## Formatting, types, static analysis, compiler warnings.

.PHONY: lint-python
lint-python: $(STAMP)/extra-dev $(STAMP)/extra-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: lint-c
lint-c: $(STAMP)/build $(STAMP)/system-lint
	clang-format --dry-run -Werror $(FORMATTED_C)
	tools/check_c.sh $(BIN)/python $(OWN_C)

.PHONY: format
format: $(STAMP)/extra-dev $(STAMP)/system-lint ## Rewrite Python and C in the project's format.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	clang-format -i $(FORMATTED_C)

.PHONY: proto
proto: $(STAMP)/system-proto ## Generate csrc/gen from proto/message.proto.
	tools/generate_proto.sh csrc/gen

.PHONY: check-proto
check-proto: $(STAMP)/system-proto ## Fail if csrc/gen is not what proto/message.proto generates.
	tools/generate_proto.sh --check

.PHONY: fuzz
fuzz: $(STAMP)/system-fuzz ## Run each libFuzzer target for FUZZ_SECONDS (60).
	$(MAKE) --no-print-directory -C tests/core fuzz SECONDS=$(FUZZ_SECONDS) -j $$(nproc) --output-sync=target

# These builds go beside the release build, and tests/conftest.py refuses to run with any other core
# than the one HEKA_TEST_CORE names. Left out are the tests that do not depend on the build: packaging
# makes release builds of its own, tests/core sanitized and release programs of its own; tests/docs
# and tests/integrations start many programs, whose calls other tests make too, as do tests/cli and
# tests/agent/test_agent.py, which only the measurement of what is run needs.
SAME_TESTS := -m 'not packaging' --ignore=tests/core --ignore=tests/docs --ignore=tests/integrations
CHECKED_TESTS := $(SAME_TESTS) --ignore=tests/cli --ignore=tests/agent/test_agent.py
OTHER_BUILD = $(BIN)/python setup.py -q build --build-base build/$(1) --build-lib build/$(1)/lib
WITH_BUILD = PYTHONSAFEPATH=1 PYTHONPATH=build/$(1)/lib HEKA_TEST_CORE=build/$(1)/lib

ASAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all
build/asan/stamp: setup.py $(CORE) $(PACKAGE) | $(STAMP)/setuptools
	rm -rf build/asan
	HEKA_CFLAGS="-O1 -g -UNDEBUG -fno-omit-frame-pointer $(ASAN_FLAGS)" HEKA_LDFLAGS="$(ASAN_FLAGS)" \
	    $(call OTHER_BUILD,asan)
	@touch $@

# libstdc++ is preloaded because ASan has to see it first; malloc, because Python's own allocator
# would hide an overrun. Leaks: CPython keeps memory at exit, so LeakSanitizer cannot tell ours; the
# tests under tests/python/memory look for them.
.PHONY: asan
asan: build/asan/stamp $(STAMP)/extra-test ## Run the tests on a build with ASan and UBSan.
	$(call WITH_BUILD,asan) PYTHONMALLOC=malloc HEKA_SANITIZER=1 \
	    LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so.6)" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	    tools/run_tests.sh $(BIN)/pytest build/cache/asan $(CHECKED_TESTS) $(PYTEST_ARGS)

build/debug/stamp: setup.py $(CORE) $(PACKAGE) | $(STAMP)/setuptools
	rm -rf build/debug
	HEKA_CFLAGS="-O1 -g -UNDEBUG" $(call OTHER_BUILD,debug)
	@touch $@

.PHONY: debug
debug: build/debug/stamp ## Build with assertions and for gdb, into build/debug/lib; runs nothing.

.PHONY: debug-test
debug-test: build/debug/stamp $(STAMP)/extra-test ## Run the tests on the build of `make debug`.
	$(call WITH_BUILD,debug) \
	    tools/run_tests.sh $(BIN)/pytest build/cache/debug $(CHECKED_TESTS) $(PYTEST_ARGS)

# Python and C are measured in one run, on a build for gcov: what is measured twice differs twice.
COVERAGE_FLAGS := -O0 -g --coverage
build/coverage/stamp: setup.py $(CORE) $(PACKAGE) | $(STAMP)/setuptools
	rm -rf build/coverage
	HEKA_CFLAGS="$(COVERAGE_FLAGS)" HEKA_LDFLAGS=--coverage $(call OTHER_BUILD,coverage)
	@touch $@

.PHONY: coverage
coverage: build/coverage/stamp $(STAMP)/extra-test $(STAMP)/extra-dev ## Run the tests and list the lines of Python and C that none of them ran.
	$(call WITH_BUILD,coverage) tools/coverage.sh $(BIN) build/coverage $(SAME_TESTS) $(PYTEST_ARGS)

.PHONY: soak
soak: $(STAMP)/build ## Queues over servers that die and return at random, for SOAK_SECONDS (600).
	PYTHONPATH=tests $(BIN)/python tools/soak.py --seconds $(SOAK_SECONDS)

# `make -j3 -k --output-sync versions` runs them side by side.
VERSIONS := $(addprefix version-,3.10 3.11 3.12 3.13 3.14)
.PHONY: versions $(VERSIONS)
versions: $(VERSIONS) ## Run the tests on every other CPython 3.10 to 3.14 of this machine.
$(VERSIONS): version-%: $(STAMP)/build
	tools/test_version.sh $(BIN)/python $* $(PYTEST_ARGS)

# As root. A release with tests behind a colon runs only these: STOCK="12:tests/wire,tests/cli".
STOCK ?= 12 13
.PHONY: stock
stock: $(STAMP)/system-stock ## Run `make demo` and `make test` in bare Debian 12 and 13 systems.
	tools/stock_roots.sh $(STOCK)

.PHONY: clean
clean: ## Remove what was built, and the environments.
	rm -rf .venv .venv-* build dist docs/_build *.egg-info heka/_core*.so .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	if [ -f tests/core/Makefile ]; then $(MAKE) -C tests/core clean; fi
