# `make help` lists what there is. Settings: LESSON, CLUSTER, PORT, PYTHON, ARGS.

.DEFAULT_GOAL := help
PYTHON ?= python3
PORT ?= 8888
ON := $(if $(CLUSTER),--cluster $(CLUSTER))
ONLY := $(if $(LESSON),--lesson $(LESSON))

# The conda environment that is active (its base is left alone), else a venv of our own.
ifneq ($(and $(CONDA_PREFIX),$(filter-out base,$(CONDA_DEFAULT_ENV))),)
ENV := $(CONDA_PREFIX)
else
ENV := .venv
endif
BIN := $(ENV)/bin

# An environment is current when it holds the stamps of this lock and of this pyproject.toml.
fingerprint = $(shell cksum < $(1) | tr ' ' '-')
LOCKED := $(ENV)/.labkit-lock-$(call fingerprint,requirements.lock)
INSTALLED := $(ENV)/.labkit-self-$(call fingerprint,pyproject.toml)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: lab
lab: env ## open the first lesson in JupyterLab [CLUSTER=kind] [PORT=8888]; Ctrl-C stops it
	@exec $(BIN)/labkit lab $(ON) --port $(PORT) $(ARGS)

.PHONY: test
test: env ## run all tests and every notebook [LESSON=04] [CLUSTER=kind]; results in build/
	@exec $(BIN)/labkit test $(ON) $(ONLY) $(if $(ARGS),-- $(ARGS))

.PHONY: check
check: env ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: refresh
refresh: env ## run the notebooks on kind and store their outputs [LESSON=04]
	@exec $(BIN)/labkit refresh $(ON) $(ONLY) $(ARGS)

.PHONY: report
report: env ## which documented behaviours were shown, on which cluster and version
	@exec $(BIN)/labkit report $(ARGS)

.PHONY: env
env: $(INSTALLED) ## make the environment, and nothing else

# labkit itself, built by the backend that the lock has just installed.
$(INSTALLED): $(LOCKED) pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q labkit
	@rm -f $(ENV)/.labkit-self-* && touch $@

# uv comes from the lock as well: its lines are cut out, since pip wants to know every hash of what it installs. Bytecode is made now: a
# cluster and a kernel then start in half the time, also where Python is told not to write any.
$(LOCKED): requirements.lock | $(BIN)/python
	@echo "Installing what the course needs into $(ENV) …"
	@test -x $(BIN)/uv || { sed -n '/^uv==/,/^    #/p' requirements.lock > $(ENV)/.labkit-uv && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(ENV)/.labkit-uv; }
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@rm -f $(ENV)/.labkit-lock-* && touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "labkit needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv --clear .venv >/dev/null || \
	    { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }

.PHONY: lock
lock: env ## write requirements.lock anew from pyproject.toml [ARGS=--upgrade]
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
	    --custom-compile-command 'make lock' $(ARGS) --output-file requirements.lock pyproject.toml

.PHONY: clean
clean: ## remove build/ and what the tools left; caches stay
	rm -rf build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

.PHONY: clean-cache
clean-cache: ## remove the caches: what the node image was built from, and .venv
	rm -rf "$${LABKIT_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/labkit}" .venv
