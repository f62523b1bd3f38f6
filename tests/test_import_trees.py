"""Importing trees of every form, whole, in part, broken and hostile; going on; and what becomes of them then."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _reference_tree import (
    CAR,
    MUG,
    SIZE,
    Files,
    Shot,
    as_folder,
    as_split_zip,
    as_tar,
    as_zip,
    files_of,
    png,
    recipe,
    samples,
)

from dst3d_datasets.cli import main
from dst3d_datasets.errors import EXIT_FAILED, EXIT_USAGE, ModelRefused, UsageError
from dst3d_datasets.reference.build import import_tree
from dst3d_datasets.reference.tree import open_tree, survey
from dst3d_datasets.release import make_release

MUG_TOP, CAR_TOP = (f"train/{who[0]}/{who[1]}" for who in (MUG, CAR))


@pytest.fixture(scope="module")
def files() -> Files:
    """Two classes, four views each."""
    shots = [Shot(-90.0, 70.0), Shot(15.0, 60.0), Shot(100.0, 85.0), Shot(215.0, 95.0)]
    return {**files_of(MUG, shots), **files_of(CAR, shots)}


def rows(run: Path) -> list[Any]:
    """All samples, less what names the tree."""
    return [({**label, "generator_revision": ""}, {**members, "json": b""}) for label, members in samples(run)]


def skips(tree: Path, run: Path, **options: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in import_tree(tree, run, recipe(), **options).skipped:
        found[row.reason] = found.get(row.reason, 0) + row.num_views
    return found


def test_every_form_of_a_tree_gives_the_same_samples(files: Files, tmp_path: Path) -> None:
    """Folder, tar, tar.gz, zip, split zip, an archive a class, and annotations apart from pictures."""
    forms = {"folder": as_folder(files, tmp_path / "tree"), "tar": as_tar(files, tmp_path / "a.tar")}
    forms |= {"tar.gz": as_tar(files, tmp_path / "b.tar.gz"), "zip": as_zip(files, tmp_path / "c.zip")}
    forms["split zip"] = as_split_zip(files, tmp_path / "d.zip", 4)
    by_class = tmp_path / "by_class" / "train"
    by_class.mkdir(parents=True)
    for synset in (MUG[0], CAR[0]):
        own = {n.removeprefix(f"train/{synset}/"): d for n, d in files.items() if n.startswith(f"train/{synset}/")}
        as_zip(own, by_class / f"{synset}.zip")
    forms["an archive a class"] = by_class
    apart = tmp_path / "apart"
    as_folder({name: data for name, data in files.items() if "/annotation/" not in name}, apart)
    as_tar({name: data for name, data in files.items() if "/annotation/" in name}, apart / "annotations.tar")
    forms["annotations apart"] = apart
    whole = None
    for number, (form, path) in enumerate(forms.items()):
        report = import_tree(path, tmp_path / f"run{number}", recipe())
        assert (report.num_samples, report.skipped) == (8, []), form
        found = rows(tmp_path / f"run{number}")
        whole = whole or found
        assert found == whole, form


def test_info_zips_own_split_archives_are_read(files: Files, tmp_path: Path) -> None:
    if shutil.which("zip") is None:
        pytest.skip("needs Info-ZIP's zip")
    as_folder(files, tmp_path / "DST")
    subprocess.run(["zip", "-q", "-r", "-s", "64k", "t.zip", "DST"], cwd=tmp_path, check=True)
    assert (tmp_path / "t.z02").exists()
    assert import_tree(tmp_path / "t.zip", tmp_path / "run", recipe()).num_samples == 8
    (tmp_path / "t.z01").rename(tmp_path / "elsewhere.z01")
    with pytest.raises(UsageError, match=r"the part t\.z01 is missing"):
        open_tree(tmp_path / "t.zip")
    with pytest.raises(UsageError, match="name its last part"):
        open_tree(tmp_path / "t.z02")


def test_large_split_archives_have_an_end_of_their_own(files: Files, tmp_path: Path) -> None:
    """The zip64 end, which says in which part the directory begins."""
    as_split_zip(files, tmp_path / "t.zip", 2)
    first, last = (tmp_path / "t.z01").read_bytes(), (tmp_path / "t.zip").read_bytes()
    at = last.rfind(b"PK\5\6")
    _, part, _, count, _, length, begin, _ = struct.unpack("<4s4H2LH", last[at:])
    long = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, part, part, count, count, length, begin)
    long += struct.pack("<4sLQL", b"PK\6\7", part, at, 2)
    most = (1 << 16) - 1, (1 << 32) - 1
    short = struct.pack("<4s4H2LH", b"PK\5\6", part, part, most[0], most[0], most[1], most[1], 0)
    (tmp_path / "t.zip").write_bytes(last[:at] + long + short)
    assert len(first) > 0
    assert survey(open_tree(tmp_path / "t.zip"))["train"]["files"]["image_dst"] == 8


def test_what_is_missing_is_left_out_and_counted(files: Files, tmp_path: Path) -> None:
    some = dict(files)
    for name in (f"{MUG_TOP}/annotation/000.npy", f"{MUG_TOP}/image_render/001.png", f"{CAR_TOP}/depth/000.exr"):
        del some[name]  # no pose; proven by its depth; proven by its render
    for name in (f"{CAR_TOP}/image_render/001.png", f"{CAR_TOP}/depth/001.exr", f"{CAR_TOP}/image_dst/003_00.png"):
        del some[name]  # nothing proves it; there is no picture, so nothing is missed
    del some[f"train/{CAR[0]}/prompts.json"]
    some["train/n02123045/unknown/image_dst/000_00.png"] = some[f"{CAR_TOP}/image_dst/000_00.png"]
    some["train/readme.txt"] = b""
    tree = as_folder(some, tmp_path / "tree")
    assert skips(tree, tmp_path / "run") == {"no_pose": 1, "unproven": 1}
    assert {(label["class_name"], label["view"]): label["prompt"] for label, _ in samples(tmp_path / "run")} == {
        **{("coffee mug", view): f"view {view} sample 0 of {MUG[1]}" for view in (1, 2, 3)},
        **{("sports car", view): "" for view in (0, 2)},
    }
    release = make_release(tmp_path / "run", tmp_path / "release")
    assert release.manifest["skipped"] == {
        "missing": {"models": 1, "samples": 0},
        "no_pose": {"models": 1, "samples": 1},
        "unproven": {"models": 1, "samples": 1},
    }
    assert skips(tree, tmp_path / "trusting", unproven=True) == {"no_pose": 1}


def test_without_annotations_nothing_is_made(files: Files, tmp_path: Path) -> None:
    tree = as_folder({name: data for name, data in files.items() if "/annotation/" not in name}, tmp_path / "tree")
    assert skips(tree, tmp_path / "run") == {"no_pose": 8}
    assert list(samples(tmp_path / "run")) == []


def test_broken_and_hostile_members_cost_only_their_own_views(files: Files, tmp_path: Path) -> None:
    bomb = png(np.zeros((8, 8, 3), np.uint8)).replace(struct.pack(">2I", 8, 8), struct.pack(">2I", 60_000, 60_000))
    header = bomb[12:29]
    bomb = bomb.replace(bomb[29:33], struct.pack(">I", zlib.crc32(header)))
    some = files | {
        f"{MUG_TOP}/annotation/000.npy": files[f"{MUG_TOP}/annotation/000.npy"][:128] + b"cos\nsystem\n(S'x'\ntR.",
        f"{MUG_TOP}/annotation/001.npy": b"",
        f"{MUG_TOP}/image_dst/002_00.png": files[f"{MUG_TOP}/image_dst/002_00.png"][:200],
        f"{MUG_TOP}/image_dst/003_00.png": bomb,
        f"{CAR_TOP}/image_render/000.png": b"<html>",
        f"{CAR_TOP}/image_dst/001_00.png": png(np.zeros((SIZE, 2 * SIZE, 3), np.uint8)),
        f"{CAR_TOP}/image_render/002.png": bomb,
        f"train/{MUG[0]}/prompts.json": b"[" * 100_000,
        f"train/{CAR[0]}/prompts.json": json.dumps({CAR[1]: {"003_00": ["no", "text"]}}).encode(),
    }
    tree = as_folder(some, tmp_path / "tree")
    found = skips(tree, tmp_path / "run")
    assert found == {"hostile_pickle": 1, "unreadable": 3, "too_large": 2, "unsupported": 1}
    ((label, _),) = samples(tmp_path / "run")
    assert (label["cad_id"], label["view"], label["prompt"]) == (CAR[1], 3, "")


def test_links_and_paths_out_of_a_tree_are_not_followed(files: Files, tmp_path: Path) -> None:
    (tmp_path / "secret.npy").write_bytes(files[f"{MUG_TOP}/annotation/000.npy"])
    tree = as_folder(files, tmp_path / "tree")
    (tree / f"{MUG_TOP}/annotation/000.npy").unlink()
    (tree / f"{MUG_TOP}/annotation/000.npy").symlink_to(tmp_path / "secret.npy")
    assert skips(tree, tmp_path / "run") == {"hostile_path": 1}
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            if name == f"{MUG_TOP}/annotation/000.npy":
                info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.npy")
                archive.addfile(info)
                info.name = f"../{name}"
                info.type, info.size = tarfile.REGTYPE, len(data)
                archive.addfile(info, io.BytesIO(data))
                continue
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert skips(tmp_path / "t.tar", tmp_path / "run_tar") == {"no_pose": 1}
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as packed:
        for name, data in files.items():
            packed.writestr(f"../{name}" if name == f"{MUG_TOP}/annotation/000.npy" else name, data)
    assert skips(tmp_path / "t.zip", tmp_path / "run_zip") == {"no_pose": 1}


@pytest.mark.parametrize("cut", [0.2, 0.6])
def test_cut_archives(files: Files, tmp_path: Path, cut: float) -> None:
    """What came whole before the break of a tar is used; a zip without its directory is refused."""
    for name in ("t.tar", "t.tar.gz"):
        whole = as_tar(files, tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: int(len(whole) * cut)])
        tree = open_tree(tmp_path / name)
        assert 0 < sum(sum(found["files"].values()) for found in survey(tree).values()) < 32
    whole = as_zip(files, tmp_path / "t.zip").read_bytes()
    (tmp_path / "t.zip").write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(ModelRefused, match="not a whole zip"):
        open_tree(tmp_path / "t.zip")


def test_an_import_goes_on_where_it_stopped(files: Files, tmp_path: Path) -> None:
    tree = as_folder(files, tmp_path / "tree")

    def stop(kind: str, **data: Any) -> None:
        if kind == "shard":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_tree(tree, tmp_path / "run", recipe(), on_event=stop)
    parts = [import_tree(tree, tmp_path / "run", recipe(), part=part, parts=2) for part in (0, 1)]
    assert sum(part.num_done_before for part in parts) == 1
    import_tree(tree, tmp_path / "at_once", recipe())
    assert rows(tmp_path / "run") == rows(tmp_path / "at_once")
    (tree / f"{MUG_TOP}/image_dst/000_00.png").write_bytes(b"another")
    with pytest.raises(UsageError, match="holds another run"):
        import_tree(tree, tmp_path / "run", recipe())


def test_damaged_shards_are_imported_again(files: Files, tmp_path: Path, capsys: Any) -> None:
    """`verify` cannot draw the pictures: it withdraws the shard, says what to do, and that does it."""
    tree, run = as_folder(files, tmp_path / "tree"), tmp_path / "run"
    import_tree(tree, run, recipe())
    before = rows(run)
    tar = sorted(run.rglob("*.tar"))[0]
    tar.write_bytes(b"x" + tar.read_bytes()[1:])
    assert main(["status", str(run)]) == 0
    assert main(["verify", str(run)]) == EXIT_USAGE
    assert "run `dst3d import`" in capsys.readouterr().err
    report = import_tree(tree, run, recipe())
    assert (report.num_made, report.num_shards) == (1, 4)
    assert rows(run) == before


def test_choices_are_asked_for(files: Files, tmp_path: Path) -> None:
    shots = [Shot(30.0, 70.0)]
    both = files_of(MUG, shots) | files_of(CAR, shots, split="val")
    both |= {name.replace("image_dst", "image_llama"): data for name, data in both.items() if "image_dst" in name}
    tree = as_folder(both, tmp_path / "tree")
    with pytest.raises(UsageError, match="train, val; choose with --split"):
        import_tree(tree, tmp_path / "run", recipe())
    with pytest.raises(UsageError, match="image_dst, image_llama; choose with --pictures"):
        import_tree(tree, tmp_path / "run", recipe(), split="val")
    with pytest.raises(UsageError, match="no split 'test'"):
        import_tree(tree, tmp_path / "run", recipe(), split="test")
    import_tree(tree, tmp_path / "run", recipe(), split="val", pictures="image_llama")
    release = make_release(tmp_path / "run", tmp_path / "release")
    assert release.splits == {"val": 1}
    import_tree(tree / "train", tmp_path / "named", recipe(), split="extra", pictures="image_dst")
    assert make_release(tmp_path / "named", tmp_path / "named_release").splits == {"extra": 1}
    with pytest.raises(UsageError, match="nothing that the 3D-DST reference code writes"):
        open_tree(tmp_path / "run")
    with pytest.raises(UsageError, match="no such folder"):
        open_tree(tmp_path / "nowhere")


def test_from_the_command_line_to_a_release(files: Files, tmp_path: Path, capsys: Any) -> None:
    archive, text = as_split_zip(files, tmp_path / "dst.zip"), tmp_path / "sources.yaml"
    text.write_text("sources: [{kind: primitives}]\nshards: {samples: 3}\n")
    assert main(["import", str(archive), "--dry-run", "--json", "--recipe", str(text)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["splits"]["train"]["files"] == {"annotation": 8, "depth": 8, "image_dst": 8, "image_render": 8}
    assert (told["import"]["pictures"], told["import"]["num_models"], told["import"]["missing"]) == (8, 2, [])
    assert main(["import", str(archive), "--dry-run"]) == 0
    assert "2 classes, 2 models" in capsys.readouterr().out
    run, release = str(tmp_path / "run"), str(tmp_path / "release")
    assert main(["import", str(archive), "--out", run]) == EXIT_USAGE
    assert "--recipe is missing" in capsys.readouterr().err
    assert main(["import", str(archive), "--out", run, "--recipe", str(text)]) == 0
    assert "8 samples" in capsys.readouterr().out
    assert main(["verify", run, "-q"]) == 0
    assert main(["release", run, "--out", release, "-q"]) == 0
    card = (tmp_path / "release" / "README.md").read_text()
    assert "**Imported.**" in card
    assert "The pictures cannot: their seeds were not kept." in card
    assert "raw CAD frame" in card
    capsys.readouterr()
    assert main(["build", f"{run}/recipe.yaml", "--out", str(tmp_path / "again"), "--workers", "1"]) == EXIT_USAGE
    assert "run `dst3d import`" in capsys.readouterr().err
    nothing = as_folder({n: d for n, d in files.items() if "/annotation/" not in n}, tmp_path / "bare")
    words = ["import", str(nothing), "--out", str(tmp_path / "none"), "--recipe", str(text)]
    assert main(words) == EXIT_FAILED
    assert "no_pose" in capsys.readouterr().out
