# Two commands for a fresh machine: `make talk` and `make test`. Each does all of its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: talk test check fast pure lint clean help

help:
	@echo "make talk   have a conversation (ARGS='--verbose' passes arguments to viva talk)"
	@echo "make test   pass all tests"
	@echo "make check  lint, types, import direction, fast tests"

talk: $(VENV)/.talk
	@scripts/talk.sh $(BIN)/viva $(ARGS)

test: $(VENV)/.test
	@$(BIN)/viva models fetch
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.test lint fast pure

lint:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fast:
	@$(BIN)/python -m pytest -q -m "not models and not sound and not slow" $(ARGS)

# the pure rooms are covered whole, branches too, by their own tests
pure:
	@$(BIN)/python -m pytest -q -p no:randomly tests/events tests/session --cov=vivavoce.events --cov=vivavoce.session \
		--cov-branch --cov-report= --cov-fail-under=100
	@$(BIN)/python -m pytest -q -p no:randomly tests/engine/test_turns.py tests/engine/test_protocol*.py \
		--cov=vivavoce.engine.protocol --cov=vivavoce.engine.turns --cov-branch --cov-report= --cov-fail-under=100

# libportaudio2: the sound card; python3-venv: Debian's Python has no ensurepip without it
$(VENV)/bin/python:
	@scripts/system-packages.sh libportaudio2 python3-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Viva Voce needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@{ $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q --disable-pip-version-check -U pip; } || \
		{ rm -rf $(VENV); echo "The virtual environment could not be made: see above (Debian: apt-get install python3-venv)."; exit 1; }

$(VENV)/.talk: $(VENV)/bin/python pyproject.toml
	@scripts/system-packages.sh libportaudio2
	@echo "Installing Viva Voce and its offline engine into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[all]'
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	@scripts/system-packages.sh libportaudio2 pulseaudio pulseaudio-utils libasound2-plugins
	@echo "Installing Viva Voce and what its tests need into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[all,dev]'
	@touch $@ $(VENV)/.talk

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
