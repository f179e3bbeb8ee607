# `make` lists the commands. Everything lives inside this folder: .venv, .cache, data.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ZONES ?= Pacific/Kiritimati America/St_Johns
TIMELY := $(addprefix tests/,policy enrollment campaigns/test_delay.py test_clock.py pipeline/planning/test_enroll.py \
	consent intake attribution reports coupons exchange)
MJML := .cache/mjml/PKG-INFO
OFFICIAL := .cache/email-templates/README.md
OFFICIAL_COMMIT := 635cb4207d97e34f4b22084a2f404e1ca0a7dc19
TEST_OF_OFFICIAL := tests/peers/test_foreign_mjml.py::test_each_of_mjmls_own_templates_compiles_and_no_piece_comes_out_otherwise
MAILDEV := .cache/node/node_modules/.bin/maildev
AXE := .cache/node/node_modules/axe-core/axe.min.js
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE   # where it is set, each process of the tests would compile everything anew
.DEFAULT_GOAL := help

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed  ## .venv with everything for development

$(VENV)/.installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/.runs: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Aftercart into $(VENV) (the first time this takes a minute or two: LightFM is compiled) ..."
	@$(BIN)/pip install --quiet --editable .
	@touch $@

demo: $(VENV)/.runs  ## the main job, start to end: orders become mails in a browser inbox (ARGS="--exit" ends by itself)
	@$(BIN)/aftercart demo $(ARGS)

check: format-check lint types contracts test  ## everything that guards a change: format, lint, types, imports, tests

format: install  ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: install
	$(BIN)/ruff format --check .

lint: install
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

contracts: install
	$(BIN)/lint-imports

test: install  ## the whole suite with real parts: SMTP, Redis, PostgreSQL (no system service needed)
	$(BIN)/pytest -q -n 4 --dist worksteal $(ARGS)

simulate: install  ## 2,000 experiments in which the truth is known: how often the rules of docs/experiments.md err
	$(BIN)/python -m tests.experiments.simulation $(ARGS)

zones: install  ## the rooms that reckon with time, on machines at either end of the calendar (the same result everywhere)
	for zone in $(ZONES); do TZ=$$zone $(BIN)/pytest -q -n 2 $(TIMELY) $(ARGS) || exit 1; done

browser: install $(AXE)  ## checks of the pages in a real browser (needs apt-get install chromium npm)
	$(BIN)/pytest -q -m browser tests/browser

peers: install $(MAILDEV) $(MJML) official  ## checks with servers nobody here wrote (needs apt-get install rabbitmq-server postfix npm)
	$(BIN)/pytest -q -m peers tests/peers $$(test -f $(OFFICIAL) || echo --deselect $(TEST_OF_OFFICIAL))

$(MAILDEV):
	@npm install --silent --no-audit --no-fund --prefix .cache/node maildev@2.2.1

$(MJML):
	@mkdir -p .cache/mjml
	@$(BIN)/pip download --quiet --no-deps --no-binary :all: --dest .cache/mjml mjml==0.12.0
	@tar xzf .cache/mjml/mjml-0.12.0.tar.gz --strip-components 1 --directory .cache/mjml && touch $@

official:  # MJML's own templates (MIT); where github.com is out of reach nothing is said of them
	@test -f $(OFFICIAL) || $(MAKE) --silent $(OFFICIAL) || echo "MJML's own templates could not be fetched: no test of them"

$(OFFICIAL):
	@mkdir -p .cache/email-templates
	@curl --fail --silent --show-error --location --max-time 60 --output .cache/email-templates.tar.gz \
	  https://codeload.github.com/mjmlio/email-templates/tar.gz/$(OFFICIAL_COMMIT)
	@tar xzf .cache/email-templates.tar.gz --strip-components 1 --directory .cache/email-templates && touch $@

$(AXE):
	@npm install --silent --no-audit --no-fund --prefix .cache/node axe-core@4.11.0

chaos: install  ## everything breaks at random, for some minutes; ARGS="--seed 7 --effort 0.2 --only kill"
	$(BIN)/python -m tests.chaos $(ARGS)

flood: install  ## 150,000 mails due at the same instant: how fast they drain, and in how much memory
	$(BIN)/python -m tests.chaos.flood $(ARGS)

hammer: install  ## eight processes send to the same hundred people: no cap may break; ARGS="--due 6000 --seconds 60"
	$(BIN)/python -m tests.hammer $(ARGS)

bench: $(VENV)/.installed  ## speed and memory, each beside its floor
	$(BIN)/aftercart bench $(ARGS)

.PHONY: help install official demo check format format-check lint types contracts test simulate zones browser peers chaos flood hammer bench
