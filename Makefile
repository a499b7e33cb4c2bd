# cdi: the two commands are `make run` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
SERVE  ?= 1
# A virtual environment knows its path: in a checkout that was moved or copied it would run the other one's code.
HERE        := $(shell pwd | cksum | cut -d' ' -f1)
VENV_STAMP  := $(VENV)/.made-$(HERE)
RUN_STAMP   := $(VENV)/.installed
DEV_STAMP   := $(VENV)/.installed-dev
BENCH_STAMP := $(VENV)/.installed-bench

.DEFAULT_GOAL := help
.PHONY: help run test check format slow live bench wheel sbom clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV_STAMP):
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cdi needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(RUN_STAMP): pyproject.toml constraints.txt $(VENV_STAMP)
	@echo "setting up: installing cdi and what it needs"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "setting up: installing development tools"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(BENCH_STAMP): $(DEV_STAMP)
	@$(PIP) install --constraint constraints.txt --editable '.[bench]'
	@touch $@

run: $(RUN_STAMP) ## sync, resolve and serve the sample company (SERVE=0: end after the summary)
	@$(BIN)/cdi run --sample --dir var/sample $(if $(filter 0,$(SERVE)),--no-serve,)

test: $(DEV_STAMP) ## all tests (under 10 minutes on two cores)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

check: $(DEV_STAMP) ## format, lint, types, arrows
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(DEV_STAMP) ## rewrite the code in the one format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

slow: $(DEV_STAMP) ## long tests (under 60 minutes)
	@$(BIN)/python -m pytest -q -m slow || { code=$$?; [ $$code -eq 5 ] && echo "no slow tests yet"; [ $$code -eq 5 ]; }

live: $(DEV_STAMP) ## connectors against real programs
	@.ci/live-programs
	@$(BIN)/python -m pytest -q -m live || { code=$$?; [ $$code -eq 5 ] && echo "no live tests yet"; [ $$code -eq 5 ]; }

bench: $(BENCH_STAMP) ## measure; writes bench/RESULTS.md
	@$(BIN)/python -m bench

wheel: $(DEV_STAMP) ## build the wheel into dist/
	@$(BIN)/python -m build --wheel --outdir dist .

sbom: $(DEV_STAMP) ## what is shipped: dist/sbom.cdx.json (CycloneDX) and dist/licences.md
	@"$(PYTHON)" -m venv --clear build/shipped
	@build/shipped/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt .
	@build/shipped/bin/python -m pip --disable-pip-version-check --quiet uninstall --yes pip setuptools
	@mkdir -p dist
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.cdx.json build/shipped/bin/python
	@$(BIN)/pip-licenses --python build/shipped/bin/python --format markdown --with-urls --order license --output-file dist/licences.md
	@rm -rf build/shipped

clean: ## remove everything that was set up or built
	@rm -rf $(VENV) dist build var .pytest_cache .mypy_cache .ruff_cache
