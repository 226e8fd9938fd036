# DistrictLake. `make help` lists what can be done. Everything needed is installed below this folder by the targets themselves.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.ready-run
DEV_READY := $(VENV)/.ready-dev
SPARK_READY := $(VENV)/.ready-spark
STATE ?= .state
export DISTRICTLAKE_STATE := $(abspath $(STATE))
export DAGSTER_DISABLE_TELEMETRY := 1
export POLARS_VERBOSE := 0

# make nightly DELIVERIES=folder takes other deliveries; without it the demonstration district's
DELIVERIES ?=
SEED ?= 20260302
DAYS ?= 5
SIZE ?= 2000
PORT ?= 3000
PORTAL_PORT ?= 8000
ROWS ?= 1000000
COLUMNS ?= 20
RESOURCES ?= 200
KIND ?= snapshot
FORM ?= csv
USERS ?= 50
DURATION ?= 60
TICKETS ?= 5000
PROBLEMS ?= 100000
EXCEL_ROWS ?= 100000
LARGE ?= 10000000
DIGITS ?= 5000000
TESTS ?= tests
SECONDS ?= 60
TARGET ?= all
CORPUS ?=

.PHONY: dictionary help nightly next-day ui daemon test test-all lint format types lock clean reset doctor bench-way bench-many bench-nightly bench-portal bench-validate bench-compare bench-read bench-spark fuzz notebook portal spark

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  variables: STATE=$(STATE) DELIVERIES= SEED=$(SEED) DAYS=$(DAYS) SIZE=$(SIZE) PORT=$(PORT) ROWS=$(ROWS) COLUMNS=$(COLUMNS) USERS=$(USERS)"

$(RUN_READY): requirements/run.txt requirements/bootstrap.txt scripts/bootstrap
	@scripts/bootstrap $(PYTHON) $(VENV) requirements/run.txt
	@touch $@

$(DEV_READY): requirements/dev.txt requirements/bootstrap.txt scripts/bootstrap
	@scripts/bootstrap $(PYTHON) $(VENV) requirements/dev.txt
	@touch $@ $(RUN_READY)

$(SPARK_READY): requirements/spark.txt requirements/spark-jars.txt scripts/spark $(RUN_READY)
	@scripts/spark $(VENV)
	@touch $@

spark: $(SPARK_READY) ## add the Spark engine: pyspark, Java, Delta's JARs by checksum (docs/spark.md)

.PHONY: spark-cluster spark-cluster-stop test-spark
spark-cluster: $(SPARK_READY) ## a Spark master and two workers on this machine (WORKERS=2 WORKER_CORES=1 WORKER_MEMORY=2g SPARK_PORT=7077)
	@deploy/spark/cluster start

spark-cluster-stop: ## end them
	@deploy/spark/cluster stop

nightly: $(RUN_READY) ## run the main job: on the demonstration district, or DELIVERIES=folder
ifeq ($(DELIVERIES),)
	@$(BIN)/districtlake demo generate --if-missing --seed $(SEED) --days $(DAYS) --size $(SIZE)
	@$(BIN)/districtlake nightly --deliveries $(DISTRICTLAKE_STATE)/demo/inbox
else
	@$(BIN)/districtlake nightly --deliveries "$(DELIVERIES)"
endif

next-day: $(RUN_READY) ## the demonstration district lives one more day, and is processed
	@$(BIN)/districtlake demo next-day
	@$(BIN)/districtlake nightly --deliveries $(DISTRICTLAKE_STATE)/demo/inbox

ui: $(RUN_READY) ## Dagster's UI with what `make nightly` ran, at PORT, on this machine only
	@scripts/ui $(PORT)

notebook: $(DEV_READY) ## the analysts' example, executed on the state folder: one page with charts
	@$(BIN)/python scripts/notebook

dictionary: $(RUN_READY) ## the data dictionary of the state folder as a site of plain files
	@$(BIN)/districtlake dictionary
portal: $(RUN_READY) ## the pages for staff on the demonstration district, at PORTAL_PORT, on this machine only; prints accounts to sign in with
	@$(BIN)/districtlake portal serve --port $(PORTAL_PORT) --demonstration

doctor: $(RUN_READY) ## is everything in order, and if not, what to do
	@$(BIN)/districtlake doctor

test: $(DEV_READY) ## run the tests (at most 15 minutes on two cores)
	@scripts/test $(TESTS)

test-all: $(DEV_READY) ## the tests with the full matrices
	@TEST_ALL=1 scripts/test $(TESTS)

TEST_SPARK_MASTER ?= local-cluster[2,1,2048]
test-spark: $(DEV_READY) $(SPARK_READY) ## the tests of Spark, the slow ones too, on a cluster of two executor processes (TEST_SPARK_MASTER)
	@TEST_SPARK_MASTER='$(TEST_SPARK_MASTER)' $(BIN)/python -m pytest tests/spark -q

lint: $(DEV_READY) ## style, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DEV_READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench-many: $(DEV_READY) ## RESOURCES small resources of ROWS rows in one night: first day, changed day, nothing new
	@$(BIN)/python -m benchmarks.many --resources $(RESOURCES) --rows $(if $(filter file,$(origin ROWS)),1000,$(ROWS))

bench-nightly: $(DEV_READY) ## the demonstration's night at SIZE and at ten times it
	@$(BIN)/python -m benchmarks.nightly --size $(SIZE) --days $(DAYS) --seed $(SEED)

bench-portal: $(DEV_READY) ## USERS at browsers for DURATION seconds, over TICKETS and PROBLEMS: p50, p95, p99 of every page
	@$(BIN)/python -m benchmarks.portal --users $(USERS) --seconds $(DURATION) --tickets $(TICKETS) --problems $(PROBLEMS)

bench-compare: $(DEV_READY) ## ROWS × ROWS of two registers compared: first night and the next, beside hand-written DuckDB and pandas
	@$(BIN)/python -m benchmarks.compare --rows $(ROWS)

bench-read: $(DEV_READY) ## ROWS x 21 of CSV (UTF-8, GB18030, line breaks), EXCEL_ROWS of xlsx, LARGE rows in parts → raw Delta, beside four libraries; DIGITS check digits
	@$(BIN)/python -m benchmarks.read --rows $(ROWS) --excel-rows $(EXCEL_ROWS) --large $(LARGE) --digits $(DIGITS)

bench-way: $(DEV_READY) ## ROWS × COLUMNS the whole way, beside a hand-written Polars script; KIND=snapshot|incremental FORM=csv|xlsx
	@$(BIN)/python -m benchmarks.way --rows $(ROWS) --columns $(COLUMNS) --kind $(KIND) --form $(FORM)

bench-spark: $(DEV_READY) $(SPARK_READY) ## ROWS of one resource on both engines, on one core and on two, and a model of more; LARGE= rows on Spark alone, NIGHT= size of the demonstration's night
	@$(BIN)/python -m benchmarks.spark --rows $(ROWS) $(if $(filter command line,$(origin LARGE)),--large $(LARGE)) $(if $(NIGHT),--night $(NIGHT)) $(if $(EXECUTOR_MB),--executor-mb $(EXECUTOR_MB))

bench-validate: $(DEV_READY) $(VENV)/bench/.ready ## ROWS × COLUMNS against 27 rules beside six peers; then 10M rows, a small suite, RESOURCES small ones
	@$(BIN)/python -m benchmarks.validate --rows $(ROWS) --columns $(COLUMNS) --resources $(if $(filter file,$(origin RESOURCES)),500,$(RESOURCES)) --peers $(VENV)/bench/bin/python

fuzz: $(DEV_READY) $(VENV)/fuzz/.ready ## damaged files into every reader, SECONDS each; TARGET=delimited|json|ndjson|geojson|parquet|xlsx|ods|xls|zip|gzip, CORPUS=folder of real files
	@PYTHONPATH=$(VENV)/fuzz $(BIN)/python -m tests.fuzz --target $(TARGET) --seconds $(SECONDS) $(if $(CORPUS),--corpus "$(CORPUS)")

$(VENV)/fuzz/.ready: requirements/fuzz.txt $(DEV_READY)
	@echo "Setting up (once): atheris, beside the environment …"
	@$(VENV)/tools/bin/uv pip install -q --python $(BIN)/python --target $(VENV)/fuzz --require-hashes -r requirements/fuzz.txt || echo "atheris is not to be had here: the other two engines run alone"
	@mkdir -p $(VENV)/fuzz && touch $@

$(VENV)/bench/.ready: requirements/bench.txt $(DEV_READY)
	@echo "Setting up (once): peers of the benchmark, in an environment of their own …"
	@$(VENV)/tools/bin/uv venv -q --python $(PYTHON) --allow-existing $(VENV)/bench
	@$(VENV)/tools/bin/uv pip sync -q --compile-bytecode --python $(VENV)/bench/bin/python --require-hashes requirements/bench.txt
	@touch $@

lock: $(DEV_READY) ## write the lock files anew from pyproject.toml
	@$(VENV)/tools/bin/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements/run.txt
	@$(VENV)/tools/bin/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	@$(VENV)/tools/bin/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 -c requirements/dev.txt requirements/spark.in -o requirements/spark.txt
	@$(VENV)/tools/bin/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 -c requirements/run.txt requirements/bench.in -o requirements/bench.txt
	@$(VENV)/tools/bin/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 -c requirements/run.txt requirements/fuzz.in -o requirements/fuzz.txt

reset: ## forget the demonstration: asks, then removes the state folder
	@read -r -p "Remove $(DISTRICTLAKE_STATE) with all its data? Type yes: " answer && [ "$$answer" = yes ] && rm -rf "$(DISTRICTLAKE_STATE)"

clean: ## remove the virtual environment and caches (not the data)
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
