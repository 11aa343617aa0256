# make demo   sets up .venv and fine-tunes the bundled model (opens the monitor on a terminal)
# make test   sets up .venv and runs the test suite: nine to ten minutes on two cores
# make coverage  the same suite with the lines counted that ran in the tests' own process; takes twice as long
# make test-gpu  what only a GPU can show, on the first one: some minutes
# make soak   every kill, failing system call and damage there is, 200 random kills of one run, 1 000 lives, 10^6 records:
#             about an hour on two cores; TUITUNE_SOAK_KILLS and TUITUNE_SOAK_CYCLES make it shorter or longer
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Four at a time, as tests of real processes wait much; the screens' long files first, so that none is last and alone (tests/conftest.py).
FAST := -n 4 --dist loadfile --no-loadscope-reorder -m "not slow and not gpu"

# Hundreds of processes start: what Python compiles of this project is kept for the next one.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test coverage test-slow test-gpu soak lint benchmarks clean

demo: $(VENV)/.ready
	$(BIN)/tuitune demo

test: $(VENV)/.ready-dev
	$(BIN)/pytest -q $(FAST)

coverage: $(VENV)/.ready-dev
	$(BIN)/pytest -q $(FAST) --cov=tuitune --cov-report=term:skip-covered

test-slow: $(VENV)/.ready-dev
	$(BIN)/pytest -q -m "slow and not soak"

test-gpu: $(VENV)/.ready-dev
	$(BIN)/pytest -q -m gpu tests/gpu

soak: $(VENV)/.ready-dev
	$(BIN)/pytest -v -m "soak" tests/soak

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmarks: $(VENV)/.ready-dev
	for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) dist .pytest_cache .ruff_cache .mypy_cache
