# Two kinds of environment: .venv holds this project, installed editable, and what its checks need;
# .servers/<version> holds one real Gradio server. Both are made when first needed.

PYTHON ?= python3
BIN := .venv/bin
MINUTES ?= 30
CORES ?= $(shell nproc)
# Most tests wait for a server most of the time, so there are more of them at once than cores.
WORKERS ?= $(shell expr 2 '*' $(CORES))
PACKAGES := gradio_sansio gradio_sansio_sync gradio_sansio_anyio gradio_sansio_trio gradio_sansio_system gradio_sansio_progress gradio_sansio_cli

# Without it pyright looks for a newer release of itself at each run.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help terminal demo test check bench faults soak docs servers newest-server versions dist clean

help:
	@echo "make demo    call a real Gradio app in three styles; SOURCE=<url or user/space> calls that one instead"
	@echo "make test    the whole suite: the core with its coverage, the adapters, real servers, the built wheel"
	@echo "make servers build the older servers too, so that make test tries them (.ci/run does)"
	@echo "make versions  try every version of Gradio, and write docs/versions.md"
	@echo "make fuzz    fuzz the core, guided by coverage, for SECONDS=600 in all"
	@echo "make mutants plant faults in the core, each of which its tests must catch"
	@echo "make trust   all of these at length, and the page docs/trust.md of what was counted; takes hours"
	@echo "make check   linter, formatter, both type checkers, type completeness"
	@echo "make bench   measure, next to the official clients: writes docs/benchmarks.md and the table of the README"
	@echo "make faults  the whole fault matrix: every adapter, phase and fault, four versions of Gradio; writes docs/faults.md"
	@echo "make soak    random work with random faults; MINUTES=30"
	@echo "make docs    build the documentation as a site, in site/"
	@echo "make terminal  record the command line at work; writes docs/terminal.md"
	@echo "make dist    build what is released, and check its metadata"
	@echo "make clean   remove the environments and everything else that was made"

demo: .venv/made $(if $(SOURCE),,newest-server)
	@$(BIN)/python -m examples.demo $(if $(SOURCE),'$(SOURCE)')

test: .venv/made newest-server
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(CORES) --dist worksteal tests/core
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/pytest -n $(WORKERS) --dist loadscope --ignore=tests/core

# --verifytypes looks where the first `python` on the path has its packages.
check: .venv/made
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	@for package in $(PACKAGES); do \
		echo "pyright --verifytypes $$package"; \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --verifytypes $$package > .venv/types.txt || { cat .venv/types.txt; exit 1; }; \
	done

bench: .venv/made newest-server
	$(BIN)/python -m benchmarks

faults: .venv/made servers
	FAULTS=all FAULTS_PAGE=docs/faults.md $(BIN)/pytest -n $(WORKERS) --dist loadscope tests/live/test_faults.py

soak: .venv/made newest-server
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

terminal: .venv/made newest-server
	$(BIN)/python -m docs.terminal

docs: .venv-docs/made
	.venv-docs/bin/python -m docs.states --check
	.venv-docs/bin/python -m docs.limits --check
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build
	@echo "the site is in site/: open site/index.html"

# Besides the tools in Python, what pages need in a browser: from npm, so that none loads it from elsewhere.
.venv-docs/made: pyproject.toml
	$(PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	mkdir .venv-docs/npm
	cd .venv-docs/npm && npm pack --silent mermaid@11.17.2 iframe-worker@1.0.4
	cd .venv-docs/npm && tar -xzOf mermaid-11.17.2.tgz package/dist/mermaid.min.js > mermaid.js
	cd .venv-docs/npm && tar -xzOf iframe-worker-1.0.4.tgz package/shim/index.js > iframe-worker.js
	@touch $@

.PHONY: fuzz mutants trust
SECONDS ?= 600
fuzz: .venv/made
	@$(BIN)/python -c 'import atheris' 2> /dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m fuzz --seconds $(SECONDS)

mutants: .venv/made
	$(BIN)/python -m tests.mutations

# Each run adds to the figures, so that parts can be run by themselves; `make clean` forgets them.
FIGURES := .figures/trust.jsonl
LONG := HYPOTHESIS_PROFILE=long TRUST_FIGURES=$(CURDIR)/$(FIGURES)
trust: .venv/made
	@mkdir -p .figures
	$(LONG) $(BIN)/pytest --timeout 7200 tests/core tests/live/test_diffs.py
	$(LONG) $(MAKE) fuzz SECONDS=3600
	$(LONG) $(MAKE) mutants
	$(BIN)/python -m docs.trust $(FIGURES)

servers:
	@$(PYTHON) tests/servers/environments.py

versions: .venv/made servers
	VERSIONS_PAGE=docs/versions.md $(BIN)/pytest -n $(WORKERS) --dist loadscope tests/live/test_versions.py tests/live/test_random_cancels.py

newest-server:
	@$(PYTHON) tests/servers/environments.py --newest

.venv/made: pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

dist: .venv/made
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

clean:
	rm -rf .venv .servers .figures fuzz/corpus fuzz/crashes .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist .bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
