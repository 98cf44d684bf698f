# Every target sets up what it needs in .venv. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUILT := _build/.built
PAGES := $(shell find book -not -name __pycache__ -not -path '*/__pycache__/*' \
	-not -path '*/.ipynb_checkpoints*' -not -path '*.egg-info*')

.PHONY: help book solutions pdf lite test lab grade bench-grading refresh bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

# The environment, made again when the pins change.
$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed; say which: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV): about two minutes, once"
	@$(PYTHON) -m venv --clear $(VENV) \
	  || { echo "On Debian: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt -e .
	@touch $(READY)

book: $(BUILT) ## build the site in _build/html
	@echo "The book is built. Open file://$(CURDIR)/_build/html/index.html"

# Always from nothing: an incremental build hides old warnings.
$(BUILT): $(READY) _config.yml _toc.yml lab.py CHANGELOG.md $(PAGES)
	rm -rf _build
	$(BIN)/jupyter-book build . -n -W --keep-going
	@touch $(BUILT)

solutions: $(READY) ## build the instructors' edition in _solutions/html
	$(BIN)/python -m tools.solutions
	@echo "Solutions are in it. Open file://$(CURDIR)/_solutions/html/index.html"

pdf: $(BUILT) ## print the book to _build/pooling-book.pdf; needs chromium
	$(BIN)/python -m tools.pdf

lite: $(BUILT) ## add notebooks that run in the browser; needs npm
	$(BIN)/python -m tools.lite
	@echo "A kernel needs a server: python3 -m http.server --directory _build/html"

test: $(READY) ## run all tests
	$(BIN)/ruff check .
	$(BIN)/python -m pytest

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
	@echo "For more peers: $(BIN)/pip install -r requirements-bench.txt"

lock: $(READY) ## resolve the versions in constraints.txt anew
	$(BIN)/python -m pip install --quiet uv
	grep -v '^-c' requirements.txt | $(BIN)/uv pip compile - --universal \
	  --python-version 3.11 --no-header --no-annotate --output-file constraints.txt

clean: ## remove what make made; never work/ or course/, which people made
	rm -rf _build _solutions $(VENV) .venv-lite book/*.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
