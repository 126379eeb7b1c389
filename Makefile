# Each command sets itself up in .venv: Python >= 3.11 and make are all that a fresh machine needs.
# Another Python than the first one found: make PYTHON=/path/to/python3 test

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# The workers of pytest-xdist share the cores already: BLAS's own threads beside them would only be in the way.  The
# demo's matrices are so small that a second thread gains nothing, and beside another program it costs a lot.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadgroup
DEMO := runs/demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-nightly test-gpu mutants torture trust lint results bench docs docs-check install clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r command meaning; do printf '  %-20s%s\n' "$$command" "$$meaning"; done

demo: .venv/.package ## train a DCGAN on drawn digits and show where its pictures are (about 3 minutes)
	@$(ONE_THREAD) $(BIN)/minigen train dcgan --data glyphs --steps 2500 --batch-size 32 --lr-generator 8e-4 \
	    --lr-discriminator 8e-4 --generator-width 32 --discriminator-width 32 --evaluate-every 0 --sample-every 200 \
	    --out $(DEMO) --overwrite
	@$(ONE_THREAD) $(BIN)/minigen sample $(DEMO) --n 64 --out $(DEMO)/digits.png
	@echo
	@echo "Look at the digits it draws: $(CURDIR)/$(DEMO)/digits.png"

test: lint ## check everything: style, types, and the default tests (under 10 minutes)
	@$(PYTEST)

test-nightly: .venv/.tests .venv/.docs ## run the long tests too, with many more examples of each property; then trust
	@$(PIP) install --group docs-check
	@HYPOTHESIS_PROFILE=nightly $(PYTEST) -m ''
	@$(MAKE) --no-print-directory trust

test-gpu: .venv/.tests ## on a machine with a GPU: run its tests, measure, write docs/gpu.md (you install CuPy and PyTorch)
	@$(BIN)/python -m benchmarks.gpu --check
	@$(ONE_THREAD) MINIGEN_REQUIRE=gpu $(BIN)/python -m pytest -m '' tests/test_functions.py tests/test_devices.py \
	    tests/test_standin.py tests/test_kernels.py tests/test_gpu.py -k 'device or standin or kernels or gpu or library'
	@$(BIN)/python -m benchmarks.gpu

mutants: .venv/.tests ## change the code in small ways and count how often the tests notice (about an hour)
	@$(PIP) install --group mutants
	@$(BIN)/python -m benchmarks.mutants

trust: .venv/.tests ## measure again what docs/trust.md says: 10,000 checks, the planted faults (about 15 minutes)
	@$(ONE_THREAD) $(BIN)/python -m benchmarks.trust

torture: .venv/.tests ## measure again what docs/reliability.md says: kills, full disks, hostile files (about 15 minutes)
	@$(ONE_THREAD) $(BIN)/python -m benchmarks.torture
	@cd tests && $(ONE_THREAD) ../$(BIN)/python -m torture.hand_ins --count 500

lint: .venv/.tests ## check style and types only
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

results: .venv/.tests ## measure what docs/results.md has not yet (hours; you install PyTorch: .venv/bin/pip install torch)
	@$(BIN)/python -m benchmarks.results

bench: .venv/.tests ## measure again what docs/speed.md says (20 minutes; you install PyTorch: .venv/bin/pip install torch)
	@$(BIN)/python -m benchmarks.speed --json benchmarks/speed.json
	@$(BIN)/python -m benchmarks.overhead --json benchmarks/overhead.json
	@$(BIN)/python -m benchmarks.speed_page

docs: .venv/.docs ## build the site in docs/_build/html, all chapters executed (a second build is quick)
	@$(ONE_THREAD) $(BIN)/python -m sphinx -W --keep-going -n -q docs docs/_build/html
	@echo "Open $(CURDIR)/docs/_build/html/index.html"

docs-check: docs .venv/.tests ## open every page of the site in a browser (Chromium must be on this machine)
	@$(PIP) install --group docs-check
	@MINIGEN_SITE=docs/_build/html $(BIN)/python -m pytest -m '' tests/test_site.py tests/test_site_browser.py

install: .venv/.tests ## set up .venv with minigen and its tests' tools, nothing else

clean: ## remove .venv, caches and builds; keep what was trained
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Three stamps say what is in .venv already; a change of pyproject.toml makes all of them old.
.venv/.package: pyproject.toml
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "make: no Python >= 3.11 with the module venv was found (on Debian: apt install python3-venv)." >&2; \
	    echo "make: name one by hand: make PYTHON=/path/to/python3 ..." >&2; \
	    exit 1; \
	fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    echo "Setting up .venv with $$($$found --version): once, about a minute"; \
	    $$found -m venv --clear .venv; \
	fi
	@$(PIP) install 'pip>=25.1'
	@$(PIP) install --editable .
	@touch $@

.venv/.tests: .venv/.package
	@$(PIP) install --group test
	@touch $@

.venv/.docs: .venv/.package
	@$(PIP) install --group docs
	@touch $@
