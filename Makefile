# Two commands do everything: `make run` and `make test`. Both set up .venv first, from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One state for the whole checkout: Airflow's home, the local ledger and the logs.
export AIRFLOW_HOME ?= $(CURDIR)/.airflow
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SOURCES := translator plugin tests dags
# Much of the suite waits for processes; the tests of a file share what they set up. Files go in the order of their names,
# so that what takes long (differential, functional) comes first and no worker is left with it alone at the end.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
# What says most about a change in two minutes on two cores: all of the compiler but the laws that Hypothesis tries, and
# the examples, run to their end.
QUICK := tests/test_structure.py tests/test_codes.py tests/golden tests/functional/test_examples.py tests/translator \
	--ignore-glob '*/test_law_*' --ignore tests/translator/test_foreign_rules.py

.PHONY: run airflow account plugins.zip quick test test-all browser lint format bench clean help

help:  ## Show the targets.
	@grep -E '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

run: $(VENV)/.local  ## Compile dags/daily_edw_load.py and run it on the embedded AWS.
	@echo "==> ductwork run dags/daily_edw_load.py --local"
	$(BIN)/ductwork run dags/daily_edw_load.py --local

airflow: $(VENV)/.local  ## Start Airflow and the embedded AWS; trigger the DAGs of dags/ in the browser.
	$(BIN)/python -m ductwork_airflow.local.standalone dags $(if $(PORT),--port $(PORT))

account: $(VENV)/.local build/ministack/.installed  ## An AWS account on this machine, to deploy to: docs/deploy.md.
	@echo "==> AWS listens on http://127.0.0.1:$(or $(PORT),4566), with a bucket named code; what jobs print: build/jobs"
	JOB_PATH="$(CURDIR)/$(BIN):$$PATH" BUCKET=code GATEWAY_PORT=$(or $(PORT),4566) BIND_HOST=127.0.0.1 LOG_LEVEL=WARNING \
		build/ministack/bin/python tests/support/ministack_jobs.py build/jobs

build/ministack/.installed:
	$(PYTHON) -m venv build/ministack
	build/ministack/bin/pip install --quiet ministack==1.5.33
	@touch $@

plugins.zip: $(VENV)/bin/python  ## Make build/plugins.zip, a plugins folder for Airflow (MWAA's plugins.zip).
	$(BIN)/python plugin/plugins_zip.py build/plugins.zip

test: $(VENV)/.dev node_modules/.package-lock.json lint  ## Lint, then run the test suite.
	@echo "==> the test suite"
	$(BIN)/pytest $(SIDE_BY_SIDE)

quick: $(VENV)/.dev lint  ## Lint; the compiler's tests, and the examples run locally: two minutes on two cores.
	@echo "==> the quick tests"
	$(BIN)/pytest $(QUICK) -n 2 --dist loadfile

test-all: $(VENV)/.dev node_modules/.package-lock.json lint  ## The test suite with its long checks.
	$(BIN)/pytest --long $(SIDE_BY_SIDE)

browser: $(VENV)/.browser  ## Press the buttons of a real Airflow in Chromium; what it shows at the end: build/browser.
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
		echo "there is no Chromium on the path; Debian: apt install chromium" >&2; exit 1
	$(BIN)/pytest --long tests/browser

lint: $(VENV)/.dev  ## ruff and mypy.
	@echo "==> ruff and mypy"
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy translator/ductwork plugin/ductwork_airflow

format: $(VENV)/.dev  ## Format the code and mend what ruff can mend.
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.dev  ## Measure against Airflow's own work on the same DAG, and what the mirror costs.
	$(BIN)/python tests/bench/local_run.py
	$(BIN)/python tests/bench/mirror.py
	$(BIN)/python tests/bench/makespan.py
	$(BIN)/python tests/bench/mapped.py
	$(BIN)/python tests/bench/chain.py
	$(BIN)/python tests/bench/layout.py
	$(BIN)/python tests/bench/compile_time.py

$(VENV)/bin/python:
	@echo "==> creating $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Ductwork needs Python 3.10 to 3.13; set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.local: setup.cfg constraints.txt | $(VENV)/bin/python
	@echo "==> installing Ductwork with the embedded AWS (some minutes the first time)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,upgrade]'
	@touch $@

$(VENV)/.dev: setup.cfg constraints.txt | $(VENV)/bin/python
	@echo "==> installing Ductwork with the test tools (some minutes the first time)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(VENV)/.local $@

$(VENV)/.browser: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[browser]'
	@touch $@

# Judges that are not ours: the reference JSONata, a DynamoDB server, AWS's language service. Without npm their tests say
# why they are skipped.
node_modules/.package-lock.json: package.json package-lock.json
	@if command -v npm >/dev/null; then echo "==> npm ci"; npm ci --silent --no-audit --no-fund; \
	else echo "==> npm is not installed: moto and our own checks are the only judges"; mkdir -p node_modules; fi
	@touch $@

clean:  ## Remove what the targets made.
	rm -rf $(VENV) .airflow node_modules build *.egg-info
