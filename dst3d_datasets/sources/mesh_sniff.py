"""What a file's first bytes say it is, whatever its name."""

from __future__ import annotations

from ..errors import ModelRefused, Reason

_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    b"BLENDER": "a Blender file",
    b"Kaydara FBX": "an FBX file",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "a zstandard archive",
    b"\x7fELF": "a program",
}
_UNSUPPORTED = (
    "blend",
    "fbx",
    "dae",
    "3ds",
    "usd",
    "usdz",
    "usda",
    "usdc",
    "abc",
    "x3d",
    "wrl",
    "3mf",
    "max",
    "ma",
    "mb",
)


def kind_of(data: bytes, suffix: str) -> str:
    """The format to read `data` as: gltf (GLB included), obj, ply, stl or off.

    Args:
        data: the file's bytes.
        suffix: what the name says, without a dot.

    Raises:
        ModelRefused: nothing in it, something that is no model, or a format that is not read.
    """
    if suffix in _UNSUPPORTED:
        raise ModelRefused(Reason.UNSUPPORTED, f".{suffix} files are not read; convert the model to glb")
    if not data:
        raise ModelRefused(Reason.UNREADABLE, "the file is empty (0 bytes): an interrupted download?")
    _refuse_other_things(data)
    if data[:4] == b"glTF":
        return "gltf"
    if data.startswith(b"ply") and data[3:4] in b"\r\n ":
        return "ply"
    if suffix in ("glb", "gltf"):
        if _is_json(data):
            return "gltf"
        if _is_text(data):
            raise ModelRefused(Reason.NOT_A_MODEL, f"a text saved as .{suffix}")
        raise ModelRefused(Reason.UNREADABLE, f"the file does not begin as a .{suffix} does")
    if suffix in ("obj", "ply", "stl", "off"):
        if suffix == "obj" and not _is_text(data):
            raise ModelRefused(Reason.UNREADABLE, "an OBJ is a text, and this file is not")
        if suffix != "obj" and _is_text(data) and not _begins_as(data, suffix):
            raise ModelRefused(Reason.NOT_A_MODEL, f"a text saved as .{suffix}")
        return suffix
    raise ModelRefused(
        Reason.UNSUPPORTED, f"no reader for {f'.{suffix} files' if suffix else 'a file without a suffix'}"
    )


def _refuse_other_things(data: bytes) -> None:
    for magic, what in _MAGIC.items():
        if data.startswith(magic):
            raise ModelRefused(Reason.NOT_A_MODEL, f"{what} saved under a model's name")
    head = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"version https://git-lfs", b"version https://hawser")):
        raise ModelRefused(Reason.NOT_A_MODEL, "a Git LFS pointer, not the file it stands for; run: git lfs pull")
    if len(data) < 2048 and b"annex/objects/" in head:
        raise ModelRefused(Reason.NOT_A_MODEL, "a git-annex pointer, not the file it stands for")
    if head.startswith((b"<!doctype", b"<html", b"<head", b"<body")) or (head[:1] == b"<" and b"<html" in head):
        raise ModelRefused(Reason.NOT_A_MODEL, "an HTML page saved under a model's name: a failed download?")
    if head.startswith((b"<?xml", b"<error", b"<!--")):
        raise ModelRefused(Reason.NOT_A_MODEL, "an XML document saved under a model's name")


def _is_json(data: bytes) -> bool:
    return data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def _is_text(data: bytes) -> bool:
    """No zero byte and hardly a control character in the first 4096 bytes."""
    head = data[:4096]
    return sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in head) * 100 <= len(head) and b"\0" not in head


def _begins_as(data: bytes, suffix: str) -> bool:
    head = data[:512].lstrip().lower()
    return {"ply": head.startswith(b"ply"), "stl": head.startswith(b"solid"), "off": b"off" in head}[suffix]
