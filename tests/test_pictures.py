"""Folders of strangers' pictures: what is listed, what is refused before it is decoded, what a panorama becomes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from dst3d_datasets.pictures import HDR_SUFFIXES, SUFFIXES, Folder, PictureError, read_panorama

ALL = SUFFIXES + HDR_SUFFIXES


def write_hdr(path: Path, light: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), np.asarray(light[..., ::-1], np.float32))
    return path


def test_listing_candidates_digest_and_counts(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "sub/a.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    folder = Folder(str(tmp_path), SUFFIXES, "some.option")
    assert folder.names == ["b.png", "sub/a.JPG"]
    tried: list[Path] = []

    def read(path: Path) -> str:
        tried.append(path)
        if path.name == "a.JPG":
            raise ValueError("no good")
        return path.name

    assert {folder.first_usable(read, "light", seed) for seed in range(30)} == {"b.png"}
    assert [path.name for path in tried].count("a.JPG") == 1
    assert folder.counts() == {"bad_picture": 1}
    assert folder.counts() == {}
    firsts = [Folder(str(tmp_path), SUFFIXES, "x").first_usable(lambda path: path.name, "light", i) for i in range(30)]
    assert set(firsts) == {"b.png", "a.JPG"}
    (tmp_path / "b.png").unlink()
    with pytest.raises(PictureError, match=r"some\.option.*in a row cannot be used.*no good"):
        Folder(str(tmp_path), SUFFIXES, "some.option").first_usable(read, "light", 1)
    (tmp_path / "b.png").write_bytes(b"x")
    before = folder.digest
    (tmp_path / "b.png").write_bytes(b"xy")
    assert Folder(str(tmp_path), SUFFIXES, "some.option").digest != before
    with pytest.raises(PictureError, match=r"some\.option: there is no folder"):
        Folder(str(tmp_path / "none"), SUFFIXES, "some.option")


def test_hdr_light_is_linear_finite_and_whole(tmp_path: Path) -> None:
    light = np.random.default_rng(0).uniform(0.0, 60.0, (16, 32, 3)).astype(np.float32)
    found = read_panorama(write_hdr(tmp_path / "a.hdr", light), 4096)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, light, rtol=0.02, atol=0.3)  # Radiance shares one exponent by three channels
    half = read_panorama(tmp_path / "a.hdr", 16)
    np.testing.assert_allclose(half, found.reshape(8, 2, 16, 2, 3).mean((1, 3)), rtol=1e-5)
    assert read_panorama(tmp_path / "a.hdr", 31).shape == (8, 16, 3)


@pytest.mark.parametrize("size", ["-Y 100000 +X 200000", "-Y 999999999 +X 999999999", "-Y 0 +X 0", "+Y 16 +X 32", ""])
def test_sizes_are_bounded_before_decoding(tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.hdr").write_bytes(f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n{size}\n".encode() + b"\0" * 100)
    monkeypatch.setattr(cv2, "imread", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match=r"too many|does not tell a size"):
        read_panorama(tmp_path / "a.hdr", 4096)


def test_exr_is_refused_by_name(tmp_path: Path) -> None:
    Image.new("RGB", (64, 32)).save(tmp_path / "a.png")
    (tmp_path / "b.exr").write_bytes(b"\x76\x2f\x31\x01")
    with pytest.raises(PictureError, match=r"b\.exr.*make it \.hdr"):
        Folder(str(tmp_path), ALL, "render.panoramas")
    assert Folder(str(tmp_path), SUFFIXES, "generator.folder").names == ["a.png"]


@pytest.mark.parametrize(
    "content", [b"", b"#?RADIANCE\n\n-Y 16 +X 32\n", b"#?RADIANCE\n\n-Y 16 +X 32\nnot pixels", b"GIF"]
)
def test_broken_files_are_value_errors(tmp_path: Path, content: bytes) -> None:
    for name in ("a.hdr", "a.jpg"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.hdr|a\.jpg|header"):
            read_panorama(tmp_path / name, 4096)


def test_bytes_are_hammered_without_a_crash(tmp_path: Path) -> None:
    light = np.random.default_rng(0).uniform(0.0, 2.0, (16, 32, 3)).astype(np.float32)
    good = write_hdr(tmp_path / "a.hdr", light).read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(200):
        bad = bytearray(good)
        for place in rng.integers(0, len(bad), 6):
            bad[place] = rng.integers(256)
        (tmp_path / "b.hdr").write_bytes(bytes(bad[: rng.integers(1, len(bad))]))
        try:
            found = read_panorama(tmp_path / "b.hdr", 4096)
        except ValueError:
            continue
        assert np.isfinite(found).all()
        assert found.min() >= 0


def test_only_two_to_one(tmp_path: Path) -> None:
    Image.new("RGB", (64, 32)).save(tmp_path / "a.png")
    assert read_panorama(tmp_path / "a.png", 4096).shape == (32, 64, 3)
    Image.new("RGB", (64, 64)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match="2:1"):
        read_panorama(tmp_path / "b.png", 4096)
