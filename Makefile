# make app    set-up, then the app          make test   set-up, then every test
# make setup  the environment in .venv      make lint   ruff and mypy
# make faults the long form of the fault suite (docs/faults.md)
PORT ?= 8501
BIN := .venv/bin
PYTHON ?= $(firstword $(wildcard $(foreach v,3.11 3.12 3.13,/usr/bin/python$(v) /usr/local/bin/python$(v))) python3)

.PHONY: app test faults setup lint

app: setup
	@echo "Memory Signatures: http://localhost:$(PORT)"
	@$(BIN)/streamlit run app/main.py --server.port $(PORT)

test: .venv/dev.done
	@scripts/browser.sh
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest

faults: .venv/dev.done
	@scripts/browser.sh
	@$(BIN)/python -m tests.faults

lint: .venv/dev.done
	@$(BIN)/ruff check .
	@$(BIN)/mypy

setup: .venv/app.done

.venv/app.done: requirements.txt scripts/check.sh
	@scripts/check.sh $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing requirements.txt into .venv (some minutes the first time)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev.done: .venv/app.done requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
