# Two commands matter: `make demo` and `make test`. Both set up what they need.

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: help setup peers demo demo-agent test test-all check lint types layers unit interop long rows attack bench soak format docs clean

help:
	@echo "make demo      a whole call with a transfer, on this machine, no phone needed"
	@echo "make demo-agent  the same with a voice agent of livekit-agents, which it installs first"
	@echo "make test      all checks and tests but the long ones"
	@echo "make test-all  the long fuzz, the 20,000 simulated transfers, the SDKs for Node and Go"
	@echo "make rows      each rule taken out of the source: does its test notice?"
	@echo "make attack    strangers at a running exchange: does a call suffer?"
	@echo "make bench     the figures of docs/performance.md"
	@echo "make soak      half an hour of calls: does anything stay behind?"

setup: $(READY)
	@echo "$(VENV) has all that is needed: $(VENV)/bin/hookflash --help"

$(READY): requirements.lock pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh $(VENV)
	@touch $(READY)

peers:
	@sh scripts/peers.sh

demo: $(READY)
	@$(VENV)/bin/hookflash demo

demo-agent: $(READY)
	@$(PY) -m scripts.demo_agent

test: $(READY) peers check unit interop

test-all: $(READY) peers long rows attack

check: lint types layers

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(READY)
	$(VENV)/bin/mypy src tests bench examples scripts

layers: $(READY)
	$(VENV)/bin/lint-imports

# Then coverage is judged, package by package, processes that the tests start included.
unit: $(READY)
	rm -f .coverage .coverage.*
	$(PY) -m pytest -n 2 -m "not interop and not long" --cov=hookflash --cov-branch --cov-report=
	$(VENV)/bin/coverage json -q -o build/coverage.json
	$(PY) -m scripts.package_coverage build/coverage.json

# Only the files that have such tests are read. They mostly wait: three processes for two cores, each
# file in one of them, in this order, the longest wait first. Then, one after another, those that
# need the machine.
SLOW = tests/wire/test_slow.py
INTEROP = $(SLOW) $(filter-out $(SLOW),$(shell grep -rl --include='test_*.py' 'mark\.interop' tests | sort))
QUIET = $(shell grep -rl --include='test_*.py' 'mark\.quiet' $(INTEROP))

interop: $(READY) peers
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --timeout=300 \
		-m "interop and not quiet and not long" $(INTEROP)
	$(PY) -m pytest -m "interop and quiet and not long" --timeout=300 $(QUIET)

long: $(READY)
	$(PY) -m pytest -n 2 -m long --timeout=1800

# Each rule is taken out of the source; the test that holds it must fail.
rows: $(READY)
	$(PY) -m scripts.take_out

# In a network namespace of its own: as root, or where users may have namespaces.
attack: $(READY) peers
	$(PY) -m bench.attack

bench: $(READY) peers
	$(PY) -m bench

MINUTES := 30
soak: $(READY)
	$(PY) -m bench.soak --minutes $(MINUTES)

format: $(READY)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: $(READY)
	$(PY) -m scripts.make_docs

clean:
	rm -rf $(VENV) build .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
