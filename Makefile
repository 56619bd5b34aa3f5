# `make demo` and `make test` set up what they need by themselves. `make help` lists the rest.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV_VERSION := 0.13.9
HELM   ?= helm
TEST   := $(BIN)/python -m pytest -q --tb=short

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## Release a real model three times on this machine, and watch it being judged
	@$(BIN)/headrace demo

.PHONY: test
test: unit properties processes ## All tests but those of `make e2e`

.PHONY: unit
unit: setup ## The tests that need no process and no network (a minute)
	@$(TEST) tests/unit -n 2 --cov --cov-report=html

.PHONY: properties
properties: setup ## Long searches for what breaks a rule
	@$(TEST) tests/properties -n 2

.PHONY: processes
processes: kubernetes ## The tests with real processes and a real API server
	@$(TEST) components tests/local tests/cluster --durations=10 \
	    -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: setup
setup: ## Make both environments and find Prometheus; says so if there is nothing to do
	@PYTHON="$(PYTHON)" VENV="$(VENV)" UV_VERSION="$(UV_VERSION)" sh scripts/setup

.PHONY: kubernetes
kubernetes: setup ## Build the API server for the tests (minutes, once)
	@$(BIN)/python -m tests.cluster.programs

.PHONY: cluster
cluster: kubernetes ## Build what `make e2e` needs besides (minutes, once)
	@$(BIN)/python -m tests.e2e

.PHONY: e2e
e2e: setup ## Real pods behind a real gateway, in kind, or else in a Kubernetes without Docker
	@$(BIN)/python -m tests.e2e $(TEST) tests/e2e --durations=10

.PHONY: kind
kind: setup ## A cluster of kind with all that Headrace works with, and the flights example rolled out
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/kind
	@PYTHON="$(BIN)/python" sh scripts/flights

.PHONY: lint
lint: setup ## ruff, mypy --strict, and the layers
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

.PHONY: format
format: setup ## Format the code and sort the imports
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

.PHONY: golden
golden: setup ## Write the generated files anew: component.yaml, pipeline.yaml, the CRD, manifests/examples, helm/
	@$(BIN)/python -m headrace.pipelines.compile
	@$(BIN)/python -m headrace.render.crd manifests/crd/modelrollouts.yaml
	@$(BIN)/python -m headrace.render.examples manifests/examples
	@$(BIN)/python -m headrace.render.helm helm

.PHONY: bases
bases: setup ## Write manifests/rbac and manifests/controller anew from the chart; needs helm
	@$(HELM) template headrace helm/headrace --namespace headrace-system \
	    --set crds.install=false --kube-version 1.36.0 \
	    | $(BIN)/python -m headrace.render.helm.bases manifests

.PHONY: bench
bench: setup ## Measure, side by side with what one would use instead
	@$(BIN)/python bench/decisions.py
	@$(BIN)/python bench/judgement.py
	@$(BIN)/python bench/metrics.py
	@$(BIN)/python bench/bandit.py
	@$(BIN)/python -m bench.controller --rollouts 50
	@$(BIN)/python -m bench.pipeline
	@$(BIN)/python -m bench.demo

.PHONY: lock
lock: setup ## Resolve the lock files anew
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --extra dev setup.cfg \
	    -o requirements/toolkit.txt --no-emit-index-url --no-header --generate-hashes --upgrade
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --extra controller --extra tracing setup.cfg \
	    -c requirements/toolkit.txt -o requirements/controller.txt \
	    --no-emit-index-url --no-header --generate-hashes
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 setup.cfg \
	    --extra pipelines --extra registry --extra controller \
	    -c requirements/toolkit.txt -o requirements/components.txt \
	    --no-emit-index-url --no-header --generate-hashes
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 requirements/serving.in \
	    -o requirements/serving.txt --no-emit-index-url --no-header --generate-hashes --upgrade
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 requirements/go.in \
	    -o requirements/go.txt --no-emit-index-url --no-header --generate-hashes --upgrade

.PHONY: clean
clean: ## Remove what was made here: environments, runs, caches
	rm -rf $(VENV) $(VENV)-serving .headrace .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
