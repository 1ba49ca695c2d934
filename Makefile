# Every target makes the environment it needs from uv.lock; the second time that is free.

SHELL := /bin/bash
PYTHON ?= python3
AS_OF ?= $(shell sed -n 's/.*"last_day": "\([0-9-]*\)".*/\1/p' seeds/sample/planted.json)
EXTRAS := --extra live --extra service $(if $(shell command -v java),--extra spark)
BIN := .venv/bin
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(CURDIR)/$(BIN):$(PATH)
# a night starts several processes: what one of them compiled, the others read
unexport PYTHONDONTWRITEBYTECODE

.PHONY: night test faults dev lint docs live audit

night: $(BIN)/.synced
	kizuna night --company seeds/sample --as-of $(AS_OF)

live: $(BIN)/.synced
	uv sync --frozen --no-dev --inexact --extra live

test: $(BIN)/.synced-dev
	pytest -n 2 --dist loadfile --no-loadscope-reorder

faults: $(BIN)/.synced-dev
	python -m tests.faults

# Asks a registry, so it is no test: is any locked package, by its hash, known to be vulnerable?
audit: $(BIN)/.synced-dev
	uv sync --frozen --inexact $(EXTRAS) --group audit
	uv export --frozen --all-extras --no-emit-project --quiet --output-file $(BIN)/locked.txt
	pip-audit --requirement $(BIN)/locked.txt --require-hashes --disable-pip --strict

dev: $(BIN)/.synced
	kizuna dev

# SQL is linted as the database sees it, rendered: macros included, jinja not.
lint: $(BIN)/.synced-dev
	ruff check . && ruff format --check .
	python -m orchestration.dbt --company seeds/sample --as-of $(AS_OF) -- compile --quiet
	sqlfluff lint --config .sqlfluff --processes 2 seeds/sample/data/work/dev/target/compiled/kizuna/models

docs: $(BIN)/.synced
	kizuna docs

$(BIN)/uv:
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	command -v uv > /dev/null && ln -sf "$$(command -v uv)" $@ || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	touch $@

$(BIN)/.synced: pyproject.toml uv.lock | $(BIN)/uv
	uv sync --frozen --no-dev --inexact
	touch $@

$(BIN)/.synced-dev: pyproject.toml uv.lock | $(BIN)/uv
	uv sync --frozen --inexact $(EXTRAS)
	touch $@ $(BIN)/.synced
