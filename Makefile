# Every target makes the environment it needs from uv.lock; the second time that is free.

SHELL := /bin/bash
PYTHON ?= python3
AS_OF ?= $(shell cat seeds/sample/as_of)
EXTRAS := $(if $(shell command -v java),--extra spark)
BIN := .venv/bin
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: night test dev lint docs

night: $(BIN)/.synced
	kizuna night --company seeds/sample --as-of $(AS_OF)

test: $(BIN)/.synced-dev
	pytest

dev: $(BIN)/.synced
	kizuna dev

lint: $(BIN)/.synced-dev
	ruff check . && ruff format --check . && sqlfluff lint dbt_project/models

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
