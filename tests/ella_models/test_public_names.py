from __future__ import annotations

import subprocess
import sys

import ella_models


def test_every_public_name_is_there_and_no_other() -> None:
    assert dir(ella_models) == sorted(ella_models.__all__)
    for name in ella_models.__all__:
        assert getattr(ella_models, name) is not None
    assert not hasattr(ella_models, "Nothing")


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, ella_models; print([m for m in ('torch', 'diffusers', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
