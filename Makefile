PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SITE = $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

.PHONY: demo test slow bench gpu clean mini mini-texts mini-pictures mini-research

demo: $(VENV)/.installed
	$(BIN)/sixsense demo

test: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -m "not slow and not gpu"

slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

bench: $(VENV)/.installed-dev
	$(BIN)/python bench/pipeline.py
	$(BIN)/python bench/stalled.py
	$(BIN)/python bench/encoders.py
	$(BIN)/python bench/record.py
	$(BIN)/python bench/rig_sensor.py
	$(BIN)/python bench/queries.py
	$(BIN)/python bench/world.py
	$(BIN)/python bench/events.py
	$(BIN)/python bench/rates.py

# Needs no installation: a Python with torch for CUDA, numpy, msgspec, safetensors, opencv, pytest and
# pytest-timeout, which `bench/gpu_ready.py` looks for. It makes its own weights and takes some minutes.
GPU_PYTHON ?= $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))

gpu:
	@$(GPU_PYTHON) bench/gpu_ready.py
	@mkdir -p build/site && ln -sfn "$(CURDIR)" build/site/sixsense
	PYTHONPATH=build/site $(GPU_PYTHON) -m pytest -m gpu -W default tests/gpu
	PYTHONPATH=build/site $(GPU_PYTHON) bench/gpu.py

# Trains the shipped model again from the data sets and teachers in SHARED; stages that are done are kept.
# What learns from texts and what learns from pictures need nothing of each other: each has a core.
SHARED ?= ../shared
# Memory that a step of training frees is kept for the next: giving it back took a sixth of the time (glibc).
KEPT = MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_TOP_PAD_=268435456
TRAIN = OMP_NUM_THREADS=1 $(KEPT) $(BIN)/python -m sixsense.encoders.bind.mini $(SHARED)
MINI = $(TRAIN) build/mini

mini: $(VENV)/.installed-dev
	$(BIN)/pip install --quiet --editable '.[train]'
	$(MAKE) --jobs 2 mini-texts mini-pictures
	$(MINI)
	OMP_NUM_THREADS=1 $(BIN)/python -m sixsense.fusion.calibrate build/mini/mini.safetensors

mini-texts:
	$(MINI) words sentences text sounds audio motions imu

mini-pictures:
	$(MINI) views vision thermal depth

# The same with data whose terms forbid products: for comparison, never to be shipped.
mini-research: $(VENV)/.installed-dev
	$(BIN)/pip install --quiet --editable '.[train]'
	$(TRAIN) build/mini-research --research

clean:
	rm -rf $(VENV) build *.egg-info

# The link lets type checkers and editors see the package as users import it.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@echo "installing sixsense and what it needs into $(VENV); the first time takes some minutes"
	$(BIN)/pip install --quiet --editable .
	ln -sfn "$$(pwd)" "$(SITE)/sixsense"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@
