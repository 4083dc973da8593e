# Verbs of the project. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
BIN := .venv/bin
OUT ?= generated/python

.PHONY: help
help: ## List the verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

.PHONY: install
install: .venv/installed ## Make .venv with the pinned packages, vsm-server and vsm

.venv/installed: requirements/dev.txt generated/python/pyproject.toml clients/python/pyproject.toml server/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		-e generated/python -e clients/python -e server
	touch $@

.PHONY: requirements
requirements: ## Compile the pins anew from requirements/*.in (needs uv)
	cd requirements && for of in dev server client; do \
		uv pip compile --quiet --python-version 3.11 --no-emit-index-url --no-header --annotation-style line \
			$$of.in $$([[ $$of == dev ]] || echo -c dev.txt) -o $$of.txt; done

# protoc alone makes the Python code: its output depends on the pinned packages and on nothing else.
.PHONY: proto
proto: .venv/installed ## Generate the code of the contract into generated/
	rm -rf $(OUT)/vsm $(OUT)/buf
	mkdir -p $(OUT)
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m grpc_tools.protoc -I proto -I third_party/proto \
		--python_out=$(OUT) --pyi_out=$(OUT) \
		proto/vsm/v1/*.proto third_party/proto/buf/validate/validate.proto
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m grpc_tools.protoc -I proto -I third_party/proto \
		--grpc_python_out=$(OUT) --mypy_grpc_out=quiet,generate_concrete_servicer_stubs:$(OUT) \
		$$(grep -l '^service ' proto/vsm/v1/*.proto)
	touch $(OUT)/vsm/v1/py.typed $(OUT)/buf/validate/py.typed
