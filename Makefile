# Two commands matter on a fresh machine: `make demo` and `make test`. Both first create .venv from the lock files.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
ARGS ?=
unexport PYTHONDONTWRITEBYTECODE  # or each of a thousand processes of a test run compiles our sources again
RESOLVE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"
LOCK := $(RESOLVE) pyproject.toml --group build

.PHONY: help demo install pins env test test-docker test-stack check bounds format golden screens lock bench faults soak audit sbom site clean venv venv-demo

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: venv-demo ## run the demo on this machine; with ARGS=--exit it ends by itself
	@$(BIN)/oversight demo $(ARGS)

install: ## install for serving and the console, without engine and TensorFlow, as .venv/bin/oversight
	@test -e $(VENV)/.dev -o -e $(VENV)/.demo || $(MAKE) --silent --no-print-directory $(VENV)/.image
	@echo "installed: $(BIN)/oversight --help"
	@echo "dashboards: $(BIN)/oversight console, then http://127.0.0.1:8602"

pins: ## pull the images of docker-compose.yml and write their digests to .env
	@docker/pins.sh .env

env: ## write random secrets for docker-compose.yml to .env (0600); existing ones stay
	@docker/env.sh .env

test: venv $(VENV)/site/.done ## run every test
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: venv ## run the checks that a change must pass: format, lint, types, imports, dead code, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python -m docs.generate --check

test-docker: venv ## run the tests of the images and of docker-compose.yml, with a Docker engine (as root it starts one)
	$(BIN)/python -m tests.docker.tools
	$(BIN)/python -m pytest tests/docker -m docker -p no:randomly --timeout=1200 $(ARGS)

test-stack: venv ## run the few tests that need Elastic's own images, with a Docker engine that can pull them
	$(BIN)/python -m pytest tests/docker -m stack -p no:randomly --timeout=1200 $(ARGS)

bounds: venv ## run the unit tests with the lowest allowed versions, and on the newest CPython of this machine
	@.ci/bounds $(ARGS)

format: venv ## run the formatter, safe lint fixes and the page generators
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m docs.generate

golden: venv ## rewrite the expected results of the pipelines and of Kibana's objects; the diff is the review
	OVERSIGHT_GOLDEN=rewrite $(BIN)/python -m pytest tests/golden tests/unit/kibana/test_golden.py -p no:randomly

screens: venv ## take the screenshots for the README, from a console in Chromium
	SCREENS_FOLDER=docs/images $(BIN)/python -m pytest tests/integration/console/test_pictures.py

bench: venv ## run the benchmarks; results belong in docs/benchmarks.md
	@for bench in benchmarks/*/*_bench.py; do echo "== $$bench"; $(BIN)/python -m $$(echo $${bench%.py} | tr / .) || exit 1; done

faults: venv ## run the fault tests, and print the table of what happened to every document
	$(BIN)/python -m tests.faults $(ARGS)

soak: venv ## run every fault on every engine, about an hour; a part with ARGS="--only killed --add"
	$(BIN)/python -m tests.faults --soak $(ARGS)

lock: $(BIN)/uv ## resolve the dependencies again, into requirements/
	$(LOCK) --group dev --extra console --extra embedded --extra train $(ARGS) -o requirements/dev.txt
	$(LOCK) --extra console --extra embedded -c requirements/dev.txt -o requirements/demo.txt
	$(LOCK) --extra console -c requirements/dev.txt -o requirements/image.txt
	$(LOCK) -c requirements/dev.txt -o requirements/serve.txt
	$(RESOLVE) --group formats --no-deps $(ARGS) -o requirements/formats.txt
	$(RESOLVE) --group site $(ARGS) -o requirements/site.txt
	$(LOCK) --group test --extra console --extra embedded --extra train --extra parquet --resolution lowest-direct -o requirements/lowest.txt

audit: $(BIN)/uv ## compare the locked packages with known vulnerabilities (needs the internet)
	$(BIN)/uv tool run pip-audit@2.10.1 --disable-pip --require-hashes $(foreach lock,image dev,-r requirements/$(lock).txt) $(ARGS)

sbom: $(BIN)/uv ## list what an installation contains, in build/sbom.json (CycloneDX)
	@mkdir -p build
	$(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements --pyproject pyproject.toml \
		--output-reproducible --of JSON -o build/sbom.json requirements/image.txt

site: $(VENV)/site/.done ## build the documentation as a site, in build/site
	@$(BIN)/python -m docs.generate.site build/site-source
	@NO_MKDOCS_2_WARNING=true PYTHONPATH=$(VENV)/site $(BIN)/python -m mkdocs build --strict --config-file build/site-source/mkdocs.yml --site-dir $(CURDIR)/build/site
	@echo "look at it: $(BIN)/python -m http.server --directory build/site --bind 127.0.0.1 8000"

clean: ## remove what make and the demo created
	rm -rf $(VENV) .demo build *.egg-info

# Each stamp is named after the lock file whose packages are installed; dev.txt includes everything in demo.txt.
venv: $(VENV)/.dev $(VENV)/formats/.done
venv-demo:
	@test -e $(VENV)/.dev -a $(VENV)/.dev -nt requirements/dev.txt || $(MAKE) --silent --no-print-directory $(VENV)/.demo

$(VENV)/.%: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "installing the packages of requirements/$*.txt into $(VENV)$(if $(filter dev,$*), (TensorFlow included: a minute or two))"
	@$(PIP) --require-hashes -r requirements/$*.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/formats/.done $(VENV)/site/.done: $(VENV)/%/.done: requirements/%.txt | $(VENV)/.dev
	@echo "installing the packages of $< into $(@D)"
	@rm -rf $(@D)
	@$(PIP) --require-hashes --no-deps --target $(@D) -r $<
	@touch $@

$(BIN)/uv: | $(VENV)/.dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), Oversight needs Python 3.11 or newer; try: make PYTHON=python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 2; }
