"""What a record says of the machine, found out without running anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dpg_bench.provenance import git_commit, package_versions

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git = tmp_path / "work" / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text(f"{COMMIT}\n")
    (tmp_path / "work" / "below").mkdir()
    return git


def test_the_commit_is_read_from_the_repository_around_a_folder(repository: Path) -> None:
    assert git_commit(repository.parent / "below") == COMMIT
    (repository / "HEAD").write_text(COMMIT[::-1])
    assert git_commit(repository.parent) == COMMIT[::-1]


def test_a_packed_branch_and_a_worktree_are_understood(repository: Path, tmp_path: Path) -> None:
    (repository / "refs" / "heads" / "main").unlink()
    (repository / "packed-refs").write_text(f"# pack-refs with: peeled\n{COMMIT} refs/heads/main\n")
    assert git_commit(repository.parent) == COMMIT
    own = repository / "worktrees" / "other"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main")
    (own / "commondir").write_text("../..")
    other = tmp_path / "other"
    other.mkdir()
    (other / ".git").write_text(f"gitdir: {own}")
    assert git_commit(other) == COMMIT


def test_a_hostile_repository_runs_nothing_and_hangs_nothing(repository: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    (repository / "config").write_text(f"[core]\n\tfsmonitor = {script}\n\tpager = {script}\n")
    assert git_commit(repository.parent) == COMMIT
    assert not (tmp_path / "ran").exists()
    for head in ("ref: refs/../../../etc/hostname", "ref: /etc/hostname", "nonsense", "x" * 10_000, ""):
        (repository / "HEAD").write_text(head)
        assert git_commit(repository.parent) is None
    (repository / "HEAD").unlink()
    os.mkfifo(repository / "HEAD")
    assert git_commit(repository.parent) is None


def test_outside_of_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None


def test_packages_that_change_pixels_are_recorded_where_they_are_installed() -> None:
    versions = package_versions()
    assert {"torch", "diffusers", "accelerate", "peft"} <= set(versions)
    assert "xformers" not in versions
