# make app    set-up, then the app          make test   set-up, then linters and every test
# make setup  the environment in .venv      make quick  the tests without processes and whole pages
# make lint   ruff and mypy                 make faults the long form of the fault suite (docs/faults.md)
# make constraints   constraints.txt anew, after a change of a requirements file
# make site   the documents as a site, in build/site
PORT ?= 8501
BIN := .venv/bin
PYTHON ?= $(firstword $(wildcard $(foreach v,3.11 3.12 3.13,/usr/bin/python$(v) /usr/local/bin/python$(v))) python3)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PACKAGE := pyproject.toml setup.py requirements.txt constraints.txt

.PHONY: app test quick faults setup lint constraints site

app: setup
	@echo "Memory Signatures: http://localhost:$(PORT)"
	@$(BIN)/streamlit run app/main.py --server.port $(PORT)

test: lint
	@scripts/browser.sh
	@$(BIN)/python -m pytest -n 2 --dist loadfile

quick: .venv/dev.done
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

faults: .venv/dev.done
	@scripts/browser.sh
	@$(BIN)/python -m tests.faults

lint: .venv/dev.done
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

constraints: .venv/app.done
	@$(BIN)/python scripts/constraints.py

site: .venv/dev.done
	@$(BIN)/mkdocs build --quiet --strict
	@echo "The documents: build/site/index.html"

setup: .venv/app.done

.venv/app.done: $(PACKAGE) scripts/check.sh
	@scripts/check.sh $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the program into .venv (some minutes the first time)."
	@$(INSTALL) -e .
	@touch $@

.venv/dev.done: .venv/app.done requirements-dev.txt
	@$(INSTALL) -e ".[test]"
	@touch $@
