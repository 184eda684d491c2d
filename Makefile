# Everything a developer or a curious school types. Needs GNU make and Python 3.11 to 3.13, no root.
# The environment is built from uv.lock into .venv, by a uv that is bootstrapped into it from PyPI.

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
UV := $(BIN)/uv
BRIDGE := $(BIN)/sferum-bridge

# Stamps: the environment to run, and the one to develop and test (which can run as well).
RUN := .venv/.ready-to-run
DEV := .venv/.ready-to-develop

# Where the demo lives, and the roster it imports (the school already there, else invented people).
FOLDER ?= .demo
ROSTER ?=
# How long the long walk is.
STEPS ?= 1000000
# Tests at a time: one more than cores, as many a test waits for processes it has started.
JOBS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)))

# Paths, texts and output are UTF-8 whatever LANG says; no interpreter is ever downloaded.
export PYTHONUTF8 := 1
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON_PREFERENCE := only-system
export UV_NO_PROGRESS := 1
# Schools sit behind proxies with certificates of their own: trust what the machine trusts.
export UV_SYSTEM_CERTS := 1
unexport VIRTUAL_ENV UV_PROJECT_ENVIRONMENT
# Compiled modules are kept, whatever the surroundings say: a process starts in a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset demo-check test check bench contour contour-walk torture september import-kills apart fuzz walk config clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUN) ## A whole school on this machine (ROSTER=file.xlsx imports that one; Ctrl-C stops)
	@$(BRIDGE) demo up --folder "$(FOLDER)" $(if $(ROSTER),--roster "$(ROSTER)")

demo-reset: $(RUN) ## Delete the demo's school
	@$(BRIDGE) demo reset --folder "$(FOLDER)"

demo-check: $(DEV) ## Play the story with a client that is not ours, in a school of its own
	@$(BRIDGE) demo check

test: $(DEV) ## Unit and integration tests on SQLite and PostgreSQL, then demo-check
	$(BIN)/pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder
	@$(MAKE) --no-print-directory demo-check

check: $(DEV) ## Linters, types, the arrows between packages, the lock file
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(UV) lock --check

contour: $(DEV) ## Attack the contour in every way: room versions 10 to 12, both databases, and a worker (needs Redis)
	for variant in 10,sqlite 11,postgres 12,sqlite 12,postgres 12,postgres,worker; do \
		echo "Room version, database, processes: $$variant"; \
		SFERUM_CONTOUR=$$variant SFERUM_CONTOUR_FAULTS=all $(BIN)/pytest tests/contour || exit 1; \
	done

contour-walk: STEPS = 100000
contour-walk: PARTS = 2
contour-walk: $(DEV) ## Let everybody try everything against the contour, STEPS times (an hour), and look
	SFERUM_WALK_STEPS=$(STEPS) SFERUM_WALK_PARTS=$(PARTS) $(BIN)/pytest -s -n $(PARTS) tests/contour/test_contour_walk.py -k opens

torture: TORTURE = 210,10080,20
torture: $(DEV) ## Kill the bridge 210 times under 10,080 messages over 20 chats (40 minutes), and count
	SFERUM_TORTURE=$(TORTURE) $(BIN)/pytest -s tests/torture/test_torture.py

september: SEPTEMBER = 85,30,200
september: $(DEV) ## Import 2,550 pupils while 200 parents confirm and all goes wrong
	SFERUM_SEPTEMBER=$(SEPTEMBER) $(BIN)/pytest -s tests/torture/test_september.py

import-kills: KILLS = 50,11,12
import-kills: $(DEV) ## Kill the bridge 50 times during an import, on both databases, and look who is where
	SFERUM_IMPORT_KILLS=$(KILLS) $(BIN)/pytest -s tests/integration/test_rooms_kills.py

apart: $(DEV) ## Two bridges of two schools on one PostgreSQL server, and one of them killed
	SFERUM_APART=1 $(BIN)/pytest tests/integration/test_bridges_apart.py

fuzz: MORE = 20
fuzz: $(DEV) ## Break what VK, people, the homeserver and roster files say, MORE times as often as `make test` (0: in all ways)
	SFERUM_FUZZ=$(MORE) $(BIN)/pytest --timeout 0 -n $(JOBS) $(wildcard tests/unit/test_fuzz_*.py)

walk: $(DEV) ## Let everybody say everything to the bot, STEPS times (hours), and check after each
	SFERUM_STEPS=$(STEPS) $(BIN)/pytest -s -n $(JOBS) tests/unit/test_kinship_machine.py

bench: $(DEV) ## Measure; writes benchmarks/results.json and benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

config: $(DEV) ## Generate the example files anew from the code that reads them
	$(BIN)/python -m scripts.generate

clean: ## Delete the environment and what tools left behind (not the demo)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	find sferum_bridge tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is: $$($(PYTHON) --version 2>&1)." \
			"Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Building the environment in .venv; the first time this takes a few minutes."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# --inexact leaves the tools for development where they are, and uv itself.
$(RUN): pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --inexact --extra homeserver --no-default-groups
	@touch $@

$(DEV): pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --inexact --extra homeserver --group dev
	@touch $@ $(RUN)
