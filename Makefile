PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN = .venv/bin
STAMP = .venv/installed

MINUTES ?= 3

# many programs are started, and without bytecode each of them would compile everything anew
unexport PYTHONDONTWRITEBYTECODE

# kill -9 loses nothing that was written, so the many files of tests need not reach a disk
PYTEST = if [ -w /dev/shm ]; then export PYTEST_DEBUG_TEMPROOT=/dev/shm; fi; \
  $(BIN)/python -m pytest -q -o tmp_path_retention_policy=failed

.PHONY: help setup demo serve test test-long soak bench lint lock clean

help:
	@echo "make setup      create .venv with the locked dependencies"
	@echo "make demo       publish a campaign on the sandbox, killed once in the middle, and count"
	@echo "make serve      work on the installation that AUTOMATOR_HOME names, until Ctrl-C"
	@echo "make test       the whole suite, with a sample of the crash scenarios"
	@echo "make test-long  every crash scenario, and the soak"
	@echo "make soak       twenty bots, faults and kills for MINUTES=3, then the books are compared; SEED=N again"
	@echo "make bench      what the record costs, beside unaudited clients"
	@echo "make lint       ruff and mypy"
	@echo "make lock       write requirements.lock anew from pyproject.toml"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	@$(BIN)/automator demo

serve: $(STAMP)
	@$(BIN)/automator serve

test: $(STAMP)
	@$(PYTEST) -n 3 --dist loadfile -m "not long and not peer"

test-long: $(STAMP)
	@$(PYTEST) -n 3 --dist worksteal -m "long or peer"

soak: $(STAMP)
	@export AUTOMATOR_SOAK_MINUTES=$(MINUTES) AUTOMATOR_SOAK_SEED=$(SEED); $(PYTEST) tests/soak

bench: $(STAMP)
	@$(BIN)/python -m benchmarks

lint: $(STAMP)
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy

# pip-tools is needed only for this
lock:
	@$(BIN)/python -m pip install -q "pip-tools>=7.6,<8"
	@$(BIN)/pip-compile -q --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --strip-extras --allow-unsafe --extra test --extra lint --extra peers \
	  --build-deps-for editable --build-deps-for wheel -o requirements.lock.new pyproject.toml
	@{ echo '# Every dependency, pinned with hashes. `make lock` writes this file anew.'; cat requirements.lock.new; } > requirements.lock
	@rm requirements.lock.new

clean:
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
