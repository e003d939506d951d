"""A stranger's file of tensors holds tensors that are all there, described in few bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from dpg_bench.errors import BadInputError
from dpg_bench.hub.tensor_file import read_tensor_file


@pytest.mark.parametrize("tensor", [torch.ones(2).to_sparse(), torch.ones(2, device="meta")])
def test_tensors_that_are_not_all_there_are_refused(tmp_path: Path, tensor: torch.Tensor) -> None:
    for content in ({"a": tensor}, {"model": {"a": tensor}}):
        torch.save(content, tmp_path / "x.bin")
        with pytest.raises(BadInputError, match=r"x\.bin: 'a' is sparse.*Ask again"):
            read_tensor_file(tmp_path / "x.bin", remedy="Ask again.")


def test_a_description_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"N" * (1 << 26) + b"N.")
    with pytest.raises(BadInputError, match="in 67108866 bytes"):
        read_tensor_file(tmp_path / "x.bin", remedy="")
