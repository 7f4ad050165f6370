# The developer's commands. They use .venv where there is one.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.DEFAULT_GOAL := help
.PHONY: help check format types test slow doctest coverage generate docs bench peers clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 14

check:  ## ruff, formatting, types, and the generated parts of the docs
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	@$(MAKE) --no-print-directory types
	$(PYTHON) docs/generate.py --check

format:  ## let ruff format the code and mend what it can
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

types:  ## mypy --strict on the package, through a link that bears the package's name
	mkdir -p .types && ln -sfn "$(CURDIR)" .types/spikeport
	MYPYPATH=.types $(PYTHON) -m mypy -p spikeport

test:  ## the tests, without the slow ones
	$(PYTHON) -m pytest

slow:  ## the slow tests: whole models on whole data sets
	$(PYTHON) -m pytest -m slow

# Status 5: there are none. In an editable install the package is this folder, which holds more than the package.
doctest:  ## the examples in the docstrings
	$(PYTHON) -m pytest --doctest-modules --pyargs spikeport \
		--ignore=benchmarks --ignore=docs --ignore=examples --ignore=tests || [ $$? -eq 5 ]

coverage:  ## every test, with the lines that no test runs
	$(PYTHON) -m pytest -m "" --cov

generate:  ## write the generated parts of the docs again
	$(PYTHON) docs/generate.py

docs:  ## build the docs into site/; a warning is an error
	$(PYTHON) docs/generate.py --check
	$(PYTHON) -m sphinx -W --keep-going -q -E -b html docs site

bench:  ## the benchmarks, one after another
	@set -e; for script in $(filter-out benchmarks/peers.py,$(wildcard benchmarks/*.py)); do \
		echo "== $$script"; $(PYTHON) "$$script"; done

ENVIRONMENTS ?= .peers

peers:  ## the speed beside other programs, whose environments it makes in ENVIRONMENTS
	$(PYTHON) benchmarks/peers.py --environments $(ENVIRONMENTS) -o $(ENVIRONMENTS)/peers.json

clean:  ## remove what building and testing left
	rm -rf build dist site spikeport.egg-info .types .coverage htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis
