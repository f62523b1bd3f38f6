"""PASCAL3D+'s .mat files: whole and the same, however many threads write them."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("scipy", reason="scipy writes .mat files")
from dst3d_datasets.export.pascal3d import mat_bytes


@pytest.fixture
def threads_change_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_mat_files_written_by_threads_at_once_are_whole(threads_change_often):
    """scipy's writers share one tag: without a lock about one file in four had another's lengths."""
    things = [{"record": {f"f{field}": {"a": "x" * (n % 50), "b": 1.0} for field in range(20)}} for n in range(64)]
    alone = [mat_bytes(each) for each in things]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert list(pool.map(mat_bytes, things)) == alone
