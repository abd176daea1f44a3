# Everything runs in the environment that scripts/bootstrap.py makes; only Python and make are needed.
PYTHON ?= python3
RUN = $(PYTHON) scripts/bootstrap.py --profile runtime --
DEV = $(PYTHON) scripts/bootstrap.py --profile dev --
BENCH = $(PYTHON) scripts/bootstrap.py --profile bench --
LOCK = $(DEV) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

# A relative XRAYS is meant from where make was called, also with make -C.
export PNEUMO_CALLER_DIR ?= $(PWD)

.DEFAULT_GOAL := help
.PHONY: help demo test test-faults train-smoke check bench-peers bench-simulation lock clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 16

demo: ## run everything on sample films: XRAYS=folder, ONCE=1 (stop after the table), PORT=8000, RESET=1 (new passwords)
	@$(RUN) manage.py demo $(if $(XRAYS),--xrays "$(XRAYS)") $(if $(ONCE),--once) $(if $(PORT),--port "$(PORT)") $(if $(RESET),--reset)

test: ## run all tests, on SQLite and on PostgreSQL with Redis: ARGS="-k claim"
	@$(DEV) -m scripts.run_tests $(ARGS)

test-faults: ## kill real processes for minutes, on both databases: the fault tests in their full form
	@PNEUMO_FAULTS=full $(DEV) -m scripts.run_tests -m faults $(ARGS)

train-smoke: ## one training step of every architecture, on drawn films
	@DEBUG=1 $(DEV) -m pytest -q -n 2 tests/unit/ml/test_zoo_trains.py

check: ## run all that CI runs: style, types, imports, migrations, deployment check, tests
	@$(DEV) -m scripts.gates
	@$(MAKE) --no-print-directory test

bench-peers: ## measure us beside FastAPI, Celery and LitServe: ARGS="--films 16 --rounds 2"
	@$(BENCH) -m bench.peers $(ARGS)

bench-simulation: ## where the design breaks first, from 1 to 1,000 workers: ARGS="--measure times.json"
	@$(BENCH) -m bench.simulation $(ARGS)

lock: ## renew requirements/*.lock from pyproject.toml
	@$(LOCK) pyproject.toml --extra cpu -o requirements/runtime.lock
	@$(LOCK) pyproject.toml --extra cpu --extra test --extra train -o requirements/dev.lock
	@$(LOCK) pyproject.toml --extra gpu -o requirements/gpu.lock
	@$(LOCK) pyproject.toml --extra cpu --extra bench -c requirements/runtime.lock -o requirements/bench.lock
	@$(LOCK) requirements/uv.in -o requirements/uv.lock

clean: ## remove the environment and everything generated (var/ with the demo's data stays)
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build staticfiles
