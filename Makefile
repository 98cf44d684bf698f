# Every target sets up what it needs in .venv. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUILT := _build/.built
PAGES := $(shell find book -not -name __pycache__ -not -path '*/__pycache__/*' \
	-not -path '*/.ipynb_checkpoints*' -not -path '*.egg-info*')
# An address that can be clicked, whatever the folder is called.
OPEN = Open $$($(BIN)/python -c 'from pathlib import Path; \
	print(Path("$(1)/html/index.html").absolute().as_uri())')

.PHONY: help book solutions pdf lite test bare lab grade bench-grading refresh bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

# The environment, made again when the pins change.
$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 15))' \
	  || echo "This Python is newer than 3.14, with which the book was last tried; it may work"
	@echo "Setting up $(VENV): about two minutes, once"
	@$(PYTHON) -m venv --clear $(VENV) \
	  || { echo "On Debian: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt -e .
	@touch $(READY)

book: $(BUILT) ## build the site in _build/html
	@echo "The book is built. $(call OPEN,_build)"

# Always from nothing: an incremental build hides old warnings.
$(BUILT): $(READY) _config.yml _toc.yml lab.py CHANGELOG.md $(PAGES)
	rm -rf _build
	$(BIN)/jupyter-book build . -n -W --keep-going
	@touch $(BUILT)

solutions: $(READY) ## build the instructors' edition in _solutions/html
	$(BIN)/python -m tools.solutions
	@echo "Solutions are in it. $(call OPEN,_solutions)"

pdf: $(BUILT) ## print the book to _build/pooling-book.pdf; needs chromium
	$(BIN)/python -m tools.pdf

lite: $(BUILT) ## add notebooks that run in the browser; needs npm
	$(BIN)/python -m tools.lite
	@echo "A kernel needs a server: python3 -m http.server --directory _build/html"

test: $(READY) ## run all tests
	$(BIN)/python -m ruff check .
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --no-loadscope-reorder

bare: ## make book and make test as on a machine that has nothing more
	tools/bare.sh

lab: $(READY) ## open your copy of the notebooks, in work/, in JupyterLab
	$(BIN)/python lab.py

grade: $(READY) ## grade what is in course/submitted
	@$(BIN)/python -m grading || [ $$? -eq 1 ] # 1: some wait for a person

bench-grading: $(READY) ## submissions per minute, here and by other graders
	$(BIN)/python -m grading.bench

refresh: $(READY) ## after editing a lesson or a solution: export, execute, release
	$(BIN)/python -m tools.refresh

bench: $(READY) ## time the package against its peers, as ratios
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench
	@echo "For more peers: $(BIN)/python -m pip install -r requirements-bench.txt"

lock: $(READY) ## resolve the versions in constraints.txt anew
	$(BIN)/python -m pip install --quiet uv
	grep -v '^-c' requirements.txt | $(BIN)/python -m uv pip compile - --universal \
	  --python-version 3.11 --no-header --no-annotate --output-file constraints.txt
	for version in 3.11 3.12 3.13 3.14; do $(BIN)/python -m uv pip compile --quiet \
	  --no-build --python-version $$version requirements.txt >/dev/null || exit 1; done

clean: ## remove what make made; never work/ or course/, which people made
	rm -rf _build _solutions $(VENV) .venv-lite book/*.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
