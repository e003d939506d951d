PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo miniature test lint types unit nightly nightly-tests fuzz audit test-lowest docs figures score-can-tell bench-env clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dpg-bench needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which to use: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(STAMP)

demo: install
	$(BIN)/dpgbench run --model mini-sd15 --suite miniature --limit 64 --devices cpu,cpu --out runs/demo-sd15
	$(BIN)/dpgbench run --model mini-ella-sd15 --suite miniature --limit 64 --devices cpu,cpu --out runs/demo-ella-sd15
	$(BIN)/dpgbench score runs/demo-sd15 --judge mini-mplug
	$(BIN)/dpgbench score runs/demo-ella-sd15 --judge mini-mplug
	$(BIN)/dpgbench compare runs/demo-sd15 runs/demo-ella-sd15
	$(BIN)/dpgbench report runs/demo-sd15 runs/demo-ella-sd15 --out runs/demo.html
	@$(BIN)/python -m dpg_bench.miniature seen runs/demo-sd15 runs/demo-ella-sd15

# The models of the miniature, from their seeds: `make -j2 miniature` on two cores, `make -j3 miniature DEVICE=cuda WORKERS=4`
# on a GPU. With -j, stages that don't need one another are trained side by side.
DEVICE ?= cpu
WORKERS ?= 0
STAGES := runs/miniature
miniature: $(STAGES)/connector/done.json $(STAGES)/final-judge/done.json

$(STAGES)/%/done.json: | $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m dpg_bench.miniature train --out $(STAGES) --stage $* --device $(DEVICE) --workers $(WORKERS)

$(STAGES)/latents/done.json: | $(STAGES)/vae/done.json
$(STAGES)/unet/done.json: | $(STAGES)/latents/done.json
$(STAGES)/pipeline/done.json: | $(STAGES)/tokenizers/done.json $(STAGES)/vae/done.json $(STAGES)/latents/done.json $(STAGES)/unet/done.json
$(STAGES)/t5/done.json: | $(STAGES)/tokenizers/done.json
$(STAGES)/connector/done.json: | $(STAGES)/pipeline/done.json $(STAGES)/t5/done.json $(STAGES)/pairs/done.json
# The judge needs neither, but on two cores it would be begun before both, and the longer row of stages would wait for it.
$(STAGES)/judge/done.json: | $(STAGES)/latents/done.json $(STAGES)/t5/done.json
$(STAGES)/final-judge/done.json: | $(STAGES)/judge/done.json $(STAGES)/vae/done.json $(STAGES)/latents/done.json $(STAGES)/unet/done.json

test: lint types unit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

# Two workers of one thread each: more threads would only wait for each other.
unit: export OMP_NUM_THREADS = 1
unit: install
	$(BIN)/pytest -n 2

# What takes minutes, or installs packages. Each part is run whatever became of the others; one that failed fails the whole.
# With -j2, two parts at a time.
nightly: $(STAMP)-nightly
	$(MAKE) --keep-going nightly-tests fuzz audit test-lowest

$(STAMP)-nightly: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[fuzz]" pip-audit
	@touch $@

nightly-tests: export OMP_NUM_THREADS = 1
nightly-tests: $(STAMP)
	$(BIN)/pytest -m nightly -s

# Every reader for FUZZ_SECONDS, over an hour in all.
FUZZ_SECONDS ?= 60
fuzz: export OMP_NUM_THREADS = 1
fuzz: $(STAMP)-nightly
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

# Whether a pinned package has a known vulnerability: asks the advisory database, so it needs the network.
audit: $(STAMP)-nightly
	$(BIN)/pip-audit -r constraints.txt --no-deps --disable-pip --strict

# Toy models have a cache of their own, as newer libraries write what older ones can't read. Old releases call what newer ones beside them deprecate; that is theirs alone.
OF_OLD := $(addprefix -W ignore::,DeprecationWarning FutureWarning PendingDeprecationWarning)

# The lowest versions of every dependency that pyproject.toml allows, in an environment of its own.
test-lowest:
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct -e ".[dev]"
	DPGBENCH_CACHE=$(CURDIR)/.venv-lowest/cache OMP_NUM_THREADS=1 .venv-lowest/bin/pytest -n 2 $(OF_OLD)

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -q
	@echo "build/site/index.html"

figures: install
	$(BIN)/python docs/making/figures.py

# The page "What the score can tell", from the shipped weights: some minutes of one core.
score-can-tell: export OMP_NUM_THREADS = 1
score-can-tell: install
	$(BIN)/python -m benchmarks.score_can_tell

# The reference's own environment, for benchmarks/judge/vs_modelscope.py and gpu.py.
bench-env: .venv-bench/.installed

.venv-bench/.installed: benchmarks/judge/reference-requirements.txt
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

clean:
	rm -rf $(VENV) .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
