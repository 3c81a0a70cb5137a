# Two commands matter on a fresh machine: `make demo` and `make test`. Both build .venv from the lock files first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
ARGS ?=
LOCK := $(BIN)/uv pip compile --quiet pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help demo install env test check bounds format golden screens lock bench faults soak clean venv venv-demo

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: venv-demo ## raw events turn into predictions on this machine; ARGS=--exit ends by itself
	@$(BIN)/oversight demo $(ARGS)

install: ## the serving install alone: neither engine nor TensorFlow; then .venv/bin/oversight
	@test -e $(VENV)/.dev -o -e $(VENV)/.demo || $(MAKE) --silent --no-print-directory $(VENV)/.serve
	@echo "installed: $(BIN)/oversight --help"

env: ## the secrets of docker-compose.yml, at random, into .env (0600); what is there already stays
	@docker/env.sh .env

test: venv ## every test, from nothing
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: venv ## what a change must pass before it is shown: format, lint, types, import rules, dead code, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python -m docs.generate --check

bounds: venv ## the unit tests with the lowest versions that pyproject.toml allows, and on the newest CPython that is here
	@.ci/bounds $(ARGS)

format: venv ## rewrite what a formatter, a safe lint fix or a generator can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m docs.generate

golden: venv ## rewrite the expected results of the pipelines; the diff is the review
	OVERSIGHT_GOLDEN=rewrite $(BIN)/python -m pytest tests/golden -p no:randomly

screens: venv ## the pictures of the README, from a console in Chromium
	SCREENS_FOLDER=docs/images $(BIN)/python -m pytest tests/integration/console/test_pictures.py

bench: venv ## measurements, printed side by side; results belong in docs/benchmarks.md
	@for bench in benchmarks/*/*_bench.py; do echo "== $$bench"; $(BIN)/python -m $$(echo $${bench%.py} | tr / .) || exit 1; done

faults: venv ## the fault tests of `make test`, and the table of what became of every document
	$(BIN)/python -m tests.faults $(ARGS)

soak: venv ## the same in the long form, every fault on every engine: about an hour; ARGS="--only killed --add" for a part
	$(BIN)/python -m tests.faults --soak $(ARGS)

lock: $(BIN)/uv ## resolve the dependencies anew into requirements/
	$(LOCK) --group dev --extra console --extra embedded --extra train $(ARGS) -o requirements/dev.txt
	$(LOCK) --extra console --extra embedded -c requirements/dev.txt -o requirements/demo.txt
	$(LOCK) --extra console -c requirements/dev.txt -o requirements/image.txt
	$(LOCK) -c requirements/dev.txt -o requirements/serve.txt
	$(LOCK) --group test --extra console --extra embedded --extra train --resolution lowest-direct -o requirements/lowest.txt

clean: ## remove what make and the demo made
	rm -rf $(VENV) .demo build *.egg-info

# The stamps name the lock file whose packages the environment holds; dev.txt holds all of demo.txt.
venv: $(VENV)/.dev
venv-demo:
	@test -e $(VENV)/.dev -a $(VENV)/.dev -nt requirements/dev.txt || $(MAKE) --silent --no-print-directory $(VENV)/.demo

$(VENV)/.%: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "installing the packages of requirements/$*.txt into $(VENV)$(if $(filter dev,$*), (TensorFlow included: a minute or two))"
	@$(PIP) --require-hashes -r requirements/$*.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/uv: | $(VENV)/.dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), Oversight needs Python 3.11 or newer; try: make PYTHON=python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 2; }
