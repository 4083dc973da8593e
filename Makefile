# Verbs of the project. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
BIN := .venv/bin
# Where generated code goes; `make static` generates aside and compares.
OUT ?= generated/python
# `make test ARGS="-k signal"` hands arguments to pytest.
ARGS ?=
BASELINE := proto/baseline.binpb

.PHONY: help
help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

.PHONY: install
install: .venv/installed ## Make .venv with the pinned packages, vsm-server and vsm

.venv/installed: requirements/dev.txt generated/python/pyproject.toml clients/python/pyproject.toml server/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable generated/python --editable clients/python --editable server
	touch $@

.PHONY: run
run: install ## Start the server: gRPC on 127.0.0.1:50051, HTTP on 127.0.0.1:4000, data in ./data
	$(BIN)/vsm-server serve

.PHONY: demo
demo: install ## Show the whole loop in a minute, with a kill -9 in the middle
	@$(BIN)/python demo/demo.py

.PHONY: test
test: install ## Run all tests
	$(BIN)/python -m pytest -q $(ARGS)

.PHONY: check
check: static ## Everything that must hold before a change lands: static checks, tests, coverage
	@$(MAKE) test ARGS="--cov --cov-report=term-missing:skip-covered $(ARGS)"

.PHONY: static
static: install ## The checks that run nothing: contract, generated code, style, types, imports
	$(BIN)/buf lint
	$(BIN)/buf format proto --diff --exit-code
	$(BIN)/buf breaking proto --against $(BASELINE)
	@fresh=$$(mktemp -d); trap 'rm -rf $$fresh' EXIT; $(MAKE) -s proto OUT=$$fresh; \
		for package in vsm buf; do diff -r -x __pycache__ $$fresh/$$package generated/python/$$package \
			|| { echo 'generated/ is stale: run make proto'; exit 1; }; done
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# protoc alone makes the Python code: its output depends on the pinned packages and on nothing else.
.PHONY: proto
proto: install ## Generate the code of the contract into generated/
	rm -rf $(OUT)/vsm $(OUT)/buf
	mkdir -p $(OUT)
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m grpc_tools.protoc -I proto -I third_party/proto \
		--python_out=$(OUT) --pyi_out=$(OUT) \
		proto/vsm/v1/*.proto third_party/proto/buf/validate/validate.proto
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m grpc_tools.protoc -I proto -I third_party/proto \
		--grpc_python_out=$(OUT) --mypy_grpc_out=quiet,generate_concrete_servicer_stubs:$(OUT) \
		$$(grep -l '^service ' proto/vsm/v1/*.proto)
	touch $(OUT)/vsm/v1/py.typed $(OUT)/buf/validate/py.typed

.PHONY: docs
docs: install ## Write the tables under docs/ anew from the code
	$(BIN)/python -m tests.pages

.PHONY: baseline
baseline: install ## Take the contract as it is for what later versions must not break
	$(BIN)/buf build proto --exclude-source-info -o $(BASELINE)

.PHONY: bench
bench: install ## Measure and report against the targets
	$(BIN)/python perf/bench.py $(ARGS)

.PHONY: bench-long
bench-long: install ## As bench, with what takes minutes: ten of memory under load, 100,000 units
	$(BIN)/python perf/bench.py --long $(ARGS)

.PHONY: fuzz
fuzz: install ## Look for counter-examples for long: property tests, simulation and fuzzing with more of everything
	SIMULATION_SEEDS=20000 $(BIN)/python -m pytest -q --hypothesis-profile=fuzz --timeout=7200 \
		tests/property tests/simulation tests/fuzz $(ARGS)

GRPCURL_VERSION := v1.9.3

.PHONY: tools
tools: install ## Build grpcurl into .venv for the test that uses it; needs Go
	test -x $(BIN)/grpcurl || GOBIN=$(CURDIR)/$(BIN) go install github.com/fullstorydev/grpcurl/cmd/grpcurl@$(GRPCURL_VERSION)

.PHONY: requirements
requirements: ## Compile the pins anew from requirements/*.in (needs uv)
	cd requirements && for of in dev server client; do \
		uv pip compile --quiet --python-version 3.11 --no-emit-index-url --no-header --annotation-style line \
			$$of.in $$([[ $$of == dev ]] || echo -c dev.txt) -o $$of.txt; done

.PHONY: clean
clean: ## Remove what can be made again; data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
