# syntax=docker/dockerfile:1
#
#   docker build --build-arg DEVICE=cuda --tag dpg-bench .
#   docker run --rm --gpus all --volume dpg-bench-cache:/cache --volume "$PWD/runs:/bench/runs" dpg-bench run --model sd15
#
# DEVICE is cuda (torch brings CUDA's libraries, the host its driver and the NVIDIA container toolkit) or cpu; then, with
# CPU_TORCH, the index of CPU builds that PyTorch's installation page names, torch takes a quarter of a gigabyte in place
# of several. Weights go to /cache, runs to /bench/runs; both outlive the container.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ARG DEVICE=cuda
ARG CPU_TORCH
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /source
RUN python -m venv /opt/dpg-bench
ENV PATH=/opt/dpg-bench/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    case "$DEVICE" in \
      cpu) pip install -c constraints.txt ${CPU_TORCH:+--extra-index-url "$CPU_TORCH"} torch ;; \
      cuda) pip install -c constraints.txt torch ;; \
      *) echo "DEVICE is '$DEVICE'; it must be cpu or cuda." >&2; exit 2 ;; \
    esac
COPY pyproject.toml README.md LICENSE ./
COPY dpg_bench dpg_bench
COPY ella_models ella_models
COPY prompts prompts
COPY reports reports
COPY weights weights
RUN --mount=type=cache,target=/root/.cache/pip pip install -c constraints.txt ".[full]"

FROM python:${PYTHON}-slim-bookworm
RUN useradd --create-home --uid 1000 dpgbench \
    && mkdir --parents /cache /bench/runs \
    && chmod 1777 /cache /bench /bench/runs
COPY --from=build /opt/dpg-bench /opt/dpg-bench
ENV PATH=/opt/dpg-bench/bin:$PATH \
    DPGBENCH_CACHE=/cache/dpg-bench \
    HF_HOME=/cache/huggingface \
    MODELSCOPE_CACHE=/cache/modelscope \
    XDG_CACHE_HOME=/cache \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
WORKDIR /bench
VOLUME ["/cache", "/bench/runs"]
ENTRYPOINT ["dpgbench"]
CMD ["--help"]
