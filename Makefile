# Every task of the project. `make` alone lists them; each makes what it needs first (see docs/adr/0002 for how it installs).

PYTHON ?= python3
PORT   ?= 8000
# Test processes: twice two cores, because the fault tests wait for leases to end and processes to start.
PROCESSES ?= 4
ARGS   ?=

BIN    := .venv/bin
UV     := PYTHON='$(PYTHON)' sh .ci/uv
READY  := .venv/.synced
OTHERS := .venv-bench/.synced
GENERATORS := .venv-generators/.synced
DEPLOY := .venv-deploy/.synced
DOCS := .venv-docs/.synced
IMAGE  := .venv-image/.synced
# Kept compiled, whatever the environment says: to compile all tests takes two thirds of collecting
# them, in each process of a run anew. It is where tests/conftest.py has what tests start kept.
PYTEST := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX='$(CURDIR)/.pytest_cache/d/compiled' $(BIN)/python -m pytest

# Takes the download addresses and sizes out of a lock and leaves names, versions and hashes.
STRIP_ADDRESSES := s,url = "https://[^"]*/([^"/]*)",path = "\1",; s,registry = "https://[^"]*",registry = "index",; s/, size = [0-9]+//

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.PHONY: help install demo test test-long mutants screens docs bench check format openapi lock sbom clean

help: ## list what can be made
	@echo 'Bulk Cancel. First time here? Try: make demo'
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo
	@echo '  PORT=8000 (demo)  ARGS="-k words" (test, test-long, bench)  SHORT=1 (test-long)  UPGRADE=1 (lock)  PYTHON=python3'

install: $(READY) ## make .venv, with exactly what uv.lock names

$(READY): uv.lock pyproject.toml .ci/uv
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Bulk Cancel needs Python 3.11 or newer, and '$(PYTHON)' is not that. Try: make PYTHON=python3.13 ..." >&2; exit 1; }
	@echo 'Installing what uv.lock names into .venv'
	@$(BIN)/python -c '' 2>/dev/null || $(UV) venv --quiet --clear --python '$(PYTHON)' .venv
	@$(UV) export --quiet --frozen --no-emit-project --output-file .venv/requirements.txt >/dev/null
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes .venv/requirements.txt
	@$(UV) export --quiet --frozen --only-group build --output-file .venv/build.txt >/dev/null
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --build-constraints .venv/build.txt --editable .
	@touch $@

demo: $(READY) ## run everything in one process, with a sample studio (PORT=8000)
	@$(BIN)/bulk-cancel demo --port $(PORT)

# Side by side, each file in one process: its worlds are made once. tests/conftest.py has their order.
SIDE_BY_SIDE := --numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder

test: $(READY) ## run the tests, on PostgreSQL and Redis too where they are present
	@$(PYTEST) -m 'not long' $(if $(ARGS),$(ARGS),$(SIDE_BY_SIDE))

# $(1): which marks, $(2): how. Pytest exits with 5 when it finds no test, which is an error everywhere but here.
LONG = TEST_LONG_SHORT='$(SHORT)' $(PYTEST) -m 'long and $(1)$(if $(SHORT), and not whole)' --timeout=1800 $(2) || [ $$? -eq 5 ] || failed=1

test-long: $(READY) $(GENERATORS) $(DEPLOY) $(DOCS) ## minutes of faults and load, then what needs the machine alone (SHORT=1: a short form)
	@failed=0; \
	$(call LONG,not measured and not alone,$(if $(ARGS),$(ARGS),$(SIDE_BY_SIDE))); \
	$(call LONG,$(if $(SHORT),alone and not measured,(alone or measured)),$(ARGS)); \
	exit $$failed

mutants: $(READY) ## seed defects one at a time, and see that each turns a test red (ARGS="words of their names")
	@PYTHONPATH=tests $(BIN)/python -m mutants.run $(ARGS)

screens: $(READY) ## take the README's screenshots anew, into docs/screens
	@TEST_SCREENS=docs/screens $(PYTEST) --quiet tests/browser/test_screens.py

docs: $(DOCS) ## make a site of docs/, into dist/docs; a link that leads nowhere is an error
	@.venv-docs/bin/mkdocs build --strict --config-file mkdocs.yml

bench: $(READY) $(OTHERS) ## measure, beside other queues and engines: prints a table (ARGS="--keep": into docs/benchmarks)
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

# The image's has what runs the service; each other, what only its group needs.
$(OTHERS) $(GENERATORS) $(DEPLOY) $(DOCS) $(IMAGE): .venv-%/.synced: uv.lock pyproject.toml .ci/uv
	@echo 'Installing what $* needs into .venv-$*'
	@.venv-$*/bin/python -c '' 2>/dev/null || $(UV) venv --quiet --clear --python '$(PYTHON)' .venv-$*
	@$(UV) export --quiet --frozen $(if $(filter image,$*),--no-dev --no-emit-project,--only-group $*) --output-file .venv-$*/requirements.txt >/dev/null
	@$(UV) pip sync --quiet --python .venv-$*/bin/python --require-hashes .venv-$*/requirements.txt
	@touch $@

sbom: $(READY) $(IMAGE) ## list what the image holds, with licences, into dist/sbom.cdx.json (CycloneDX)
	@mkdir -p dist
	@$(BIN)/cyclonedx-py environment .venv-image/bin/python --pyproject pyproject.toml --output-reproducible -o dist/sbom.cdx.json

CHECKS := check-format check-lint check-security check-secrets check-licences check-types check-layers check-openapi check-lock check-zones
.PHONY: $(CHECKS)

check: $(CHECKS) ## format, lint, security, secrets, licences, types, layers, the OpenAPI document, the lock and the zones' age (-k: all of them)
	@echo 'check: all is well'

check-format: $(READY)
	@echo 'check: format' && $(BIN)/ruff format --quiet --check .

check-lint: $(READY)
	@echo 'check: lint' && $(BIN)/ruff check --quiet .

check-security: $(READY)
	@echo 'check: security' && $(BIN)/bandit --quiet --configfile pyproject.toml --recursive app workers migrations

check-secrets: $(READY)
	@echo 'check: secrets' && $(BIN)/python .ci/look_for_secrets.py

check-licences: sbom
	@echo 'check: licences' && $(BIN)/python .ci/licences.py dist/sbom.cdx.json

check-types: $(READY)
	@echo 'check: types' && $(BIN)/mypy --no-error-summary

check-layers: $(READY)
	@echo 'check: layers' && { $(BIN)/lint-imports --no-logo >.venv/layers.txt 2>&1 || { cat .venv/layers.txt; exit 1; }; }

check-openapi: $(READY)
	@echo 'check: openapi' && $(BIN)/python -m app.document >.venv/openapi.json
	@diff -u openapi/bulk-cancel.json .venv/openapi.json || { \
	  echo 'openapi/bulk-cancel.json is not what the code says. Run: make openapi' >&2; exit 1; }

check-lock: $(READY)
	@echo 'check: lock' && $(UV) lock --quiet --check && sh .ci/no-addresses

check-zones: $(READY)
	@echo 'check: zones' && $(BIN)/python .ci/old_zones.py uv.lock

format: $(READY) ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

openapi: $(READY) ## write openapi/bulk-cancel.json from the code
	@mkdir -p openapi
	@$(BIN)/python -m app.document >.venv/openapi.json && cp .venv/openapi.json openapi/bulk-cancel.json

lock: ## bring uv.lock up to date with pyproject.toml (UPGRADE=1: newest versions)
	@$(UV) lock $(if $(UPGRADE),--upgrade)
	@sed -E '$(STRIP_ADDRESSES)' uv.lock >uv.lock.stripped && mv uv.lock.stripped uv.lock
	@sh .ci/no-addresses

clean: ## remove what was made here (.venv, .venv-*, .tools, caches, dist); var/ and its data stay
	@rm -rf .venv .venv-bench .venv-generators .venv-deploy .venv-docs .venv-image .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis dist
	@find app workers migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +
