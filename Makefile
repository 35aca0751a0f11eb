# One virtual environment for everything; each target makes it if it is not there or out of date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup chat run test check torture bench lock clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with all that runs and tests need

$(STAMP): requirements.txt requirements-dev.txt requirements-embedded.txt
	@echo "Setting up $(VENV): once, a minute or two …" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 chat" >&2; exit 69; }
	@$(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-embedded.txt >&2
	@touch $@

chat: $(STAMP) ## talk to an agent in the terminal
	@$(BIN)/python -m bot chat $(ARGS)

run: $(STAMP) ## serve the platforms in BOT_PLATFORMS
	@$(BIN)/python -m bot run $(ARGS)

test: $(STAMP) ## run the tests, on all cores; ARGS="-n 0 PATH" for a few, one by one
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: $(STAMP) ## style, types and the import rule
	@$(BIN)/ruff format --check --quiet . || { echo "ruff format . would change files" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > /dev/null || $(BIN)/lint-imports --no-cache

KILLS ?= 300
torture: $(STAMP) ## kill a bot at work, KILLS=300 times, and look what is left
	@$(BIN)/python -m tests.torture --kills $(KILLS) $(ARGS)

bench: $(STAMP) ## print the figures of benchmarks/README.md
	@$(BIN)/python -m benchmarks

lock: $(STAMP) ## pin anew what pyproject.toml asks for
	@$(BIN)/python -m pip install --quiet uv
	@for of in "requirements.txt" "requirements-autogen.txt --extra autogen" "requirements-dev.txt --extra autogen --group dev"; do \
		set -- $$of; $(BIN)/uv pip compile --quiet --upgrade --universal --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 pyproject.toml -o $$1 $$2 $$3 $$4 $$5; done

clean: ## remove .venv and caches; never data
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
