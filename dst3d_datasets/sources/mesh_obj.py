"""Wavefront OBJ: polygons, relative indices, groups of materials, vertex colours.

Read by us and not by trimesh, which (5.2) resolves negative indices from the end of the file instead of from the line
they stand on, drops the texture of a group as soon as one of its faces has none, and reads only the first `mtllib`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import ModelRefused, Reason
from ..nouns import Material
from .mesh_files import Files, shown
from .mesh_mtl import MtlLook, read_mtl
from .mesh_polygons import triangulate
from .mesh_types import Bounds, Floats, Integers, RawPart, linear_of_srgb

_KEYWORDS = frozenset(b"v vt vn vp f fo l p g o s usemtl mtllib mg lod bevel c_interp d_interp cstype".split())


@dataclass(slots=True)
class _Lines:
    """The file's lines sorted by kind."""

    v: list[bytes] = field(default_factory=list)
    vt: list[bytes] = field(default_factory=list)
    vn: list[bytes] = field(default_factory=list)
    f: list[bytes] = field(default_factory=list)
    relative: list[tuple[int, int, int, int]] = field(default_factory=list)  # face, and the v, vt, vn lines before it
    materials: list[tuple[int, str]] = field(default_factory=list)  # first face, name
    libraries: list[str] = field(default_factory=list)
    known: int = 0
    unknown: int = 0


def read_obj(data: bytes, files: Files, bounds: Bounds) -> tuple[list[RawPart], list[str]]:
    """One part a material, in the file's frame and in double precision; and warnings.

    Raises:
        ModelRefused, ValueError: see `mesh.load`.
    """
    lines = _sorted_lines(data, bounds)
    if lines.unknown and not lines.known:
        raise ModelRefused(Reason.NOT_A_MODEL, "a text without one line of OBJ")
    if not lines.f:
        raise ModelRefused(Reason.NO_FACES, "the OBJ has no faces")
    warnings: dict[str, None] = {}
    looks = _looks(lines.libraries, files, bounds, warnings)
    points, colours = _points(lines.v)
    uvs, normals = _rows(lines.vt, 2), _rows(lines.vn, 3)
    references, sizes = _references(lines, (len(points), len(uvs), len(normals)))
    triangles, owner = triangulate(references[:, 0], sizes, points)
    if len(triangles) > bounds.max_faces:
        raise ModelRefused(Reason.TOO_MANY_FACES, f"{len(triangles)} faces; the limit is {bounds.max_faces}")
    starts = np.array([start for start, _ in lines.materials], dtype=np.int64)
    group = np.searchsorted(starts, owner, side="right") - 1
    names = [name for _, name in lines.materials]
    parts = []
    for name in dict.fromkeys(["", *names]):
        rows = [index for index, other in enumerate(names) if other == name]
        chosen = np.isin(group, rows) if name else np.isin(group, [-1, *rows])
        if not chosen.any():
            continue
        look = looks.get(name)
        if look is None:
            look = MtlLook(Material())
            if name and lines.libraries:
                warnings[f"material {shown(name)} is not defined; a neutral grey is used"] = None
        parts.append(_part(references[triangles[chosen]], points, colours, uvs, normals, look))
    return parts, list(warnings)


def _sorted_lines(data: bytes, bounds: Bounds) -> _Lines:
    lines = _Lines()
    v, vt, vn, f = lines.v, lines.vt, lines.vn, lines.f
    if b"\\\n" in data or b"\\\r\n" in data:
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    for line in data.splitlines():
        words = line.split(None, 1)
        if len(words) < 2 or words[0][:1] == b"#":
            lines.known += line[:1] == b"#"
            continue
        kind, rest = words
        if b"#" in rest and kind in (b"v", b"vt", b"vn", b"f"):
            rest = rest.partition(b"#")[0]
        if kind == b"v":
            v.append(rest)
        elif kind == b"f" or kind == b"fo":
            if b"-" in rest:
                lines.relative.append((len(f), len(v), len(vt), len(vn)))
            f.append(rest)
        elif kind == b"vn":
            vn.append(rest)
        elif kind == b"vt":
            vt.append(rest)
        elif kind == b"usemtl":
            lines.materials.append((len(f), rest.decode("utf-8", "replace").strip()))
        elif kind == b"mtllib":
            lines.libraries.append(rest.decode("utf-8", "replace").strip())
        elif kind not in _KEYWORDS:
            lines.unknown += 1
            continue
        lines.known += 1
    if len(f) > bounds.max_faces:
        raise ModelRefused(Reason.TOO_MANY_FACES, f"{len(f)} faces; the limit is {bounds.max_faces}")
    return lines


def _rows(lines: list[bytes], width: int) -> Floats:
    """The first `width` numbers of each line, (n, width); missing ones are 0."""
    if not lines:
        return np.zeros((0, width))
    counts = {len(line.split()) for line in lines[:: max(1, len(lines) // 64)]}
    if len(counts) == 1 and (found := counts.pop()) >= width:
        values = np.array(b" ".join(lines).split(), dtype=np.float64)
        if len(values) == found * len(lines) and all(len(line.split()) == found for line in lines):
            return values.reshape(-1, found)[:, :width]
    padded = [(line.split() + [b"0"] * width)[:width] for line in lines]
    return np.array(padded, dtype=np.float64)


def _points(lines: list[bytes]) -> tuple[Floats, Floats | None]:
    """Positions (n, 3) and, from `v x y z r g b` lines, linear RGBA (n, 4)."""
    if not lines or len(lines[0].split()) < 6:
        return _rows(lines, 3), None
    both = _rows(lines, 6)
    srgb = both[:, 3:6] / (255.0 if both[:, 3:6].max(initial=0.0) > 1.0 else 1.0)
    return both[:, :3], np.concatenate([linear_of_srgb(srgb), np.ones((len(both), 1))], axis=1)


def _references(lines: _Lines, totals: tuple[int, int, int]) -> tuple[Integers, Integers]:
    """All corners as rows (v, vt, vn), counted from 0 and -1 where not given; and the corners of each face."""
    references, sizes = _numbers(b"\n".join(lines.f) + b"\n")
    ends = np.cumsum(sizes)
    for face, *before in lines.relative:
        corners = slice(int(ends[face] - sizes[face]), int(ends[face]))
        block = references[corners]
        references[corners] = np.where(block < 0, block + np.array(before) + 1, block)
        if (references[corners] < 0).any():
            raise ValueError(f"face {face + 1} counts back beyond the first vertex")
    references -= 1
    for column, (what, total) in enumerate(zip(("vertex", "texture coordinate", "normal"), totals, strict=True)):
        top = int(references[:, column].max(initial=-1))
        if top >= total:
            raise ValueError(f"a face names {what} {top + 1} of {total}")
    if len(references) and int(references[:, 0].min()) < 0:
        raise ValueError("a face has a corner without a vertex")
    return references, sizes


def _numbers(text: bytes) -> tuple[Integers, Integers]:
    """The references as written, (C, 3) with 0 where not given, and the corners of each line."""
    letters = np.frombuffer(text, dtype=np.uint8)
    blank = letters <= 32
    starts = np.flatnonzero(~blank & np.concatenate([[True], blank[:-1]]))
    line_of = np.cumsum(letters == 10)
    sizes = np.bincount(line_of[starts], minlength=int(line_of[-1])) if len(starts) else np.zeros(int(line_of[-1]))
    slash = np.concatenate([[0], np.cumsum(letters == 47)])
    counts = np.diff(slash[np.append(starts, len(letters))])
    references = np.zeros((len(starts), 3), dtype=np.int64)
    after = letters[np.flatnonzero(letters == 47) + 1]
    if len(starts) and counts.min() == counts.max() <= 2 and not (after <= 32).any():
        flat = np.array(text.replace(b"//", b"/0/").replace(b"/", b" ").split(), dtype=np.int64)
        references[:, : int(counts[0]) + 1] = flat.reshape(len(starts), -1)
    else:
        for row, token in enumerate(text.split()):
            for column, word in enumerate(token.split(b"/")[:3]):
                references[row, column] = int(word) if word else 0
    return references, sizes.astype(np.int64)


def _looks(libraries: list[str], files: Files, bounds: Bounds, warnings: dict[str, None]) -> dict[str, MtlLook]:
    """The materials of all libraries; a missing library is a warning. A name with blanks is tried whole, then split."""
    looks: dict[str, MtlLook] = {}
    images: dict[str, object] = {}
    for line in dict.fromkeys(libraries):
        for name in (line, *(line.split() if " " in line else ())):
            try:
                data = files.read(name, bounds.max_bytes)
            except FileNotFoundError:
                continue
            looks.update(read_mtl(data, files, bounds, warnings, images))
            if name == line:
                break
        else:
            if not looks:
                warnings[f"material file {shown(line)} is missing; a neutral grey is used"] = None
    return looks


def _part(
    corners: Integers, points: Floats, colours: Floats | None, uvs: Floats, normals: Floats, look: MtlLook
) -> RawPart:
    """One part from corners (F, 3, 3): a vertex for each different (v, vt, vn)."""
    flat = corners.reshape(-1, 3).copy()
    material = look.material
    textured = material.texture is not None and bool((flat[:, 1] >= 0).any())
    lit = bool((flat[:, 2] >= 0).all()) and len(flat) > 0
    if not textured:
        flat[:, 1] = -1
    if not lit:
        flat[:, 2] = -1
    base = np.array([len(points), len(uvs), len(normals)], dtype=np.int64) + 1
    key = ((flat[:, 0] + 1) * base[1] + flat[:, 1] + 1) * base[2] + flat[:, 2] + 1
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    chosen = flat[first]
    uv = None
    if textured:
        raw = np.where(chosen[:, 1:2] >= 0, uvs[np.maximum(chosen[:, 1], 0)], 0.0)
        uv = raw * np.array(look.uv_scale) + np.array(look.uv_offset)
    elif material.texture is not None:
        material = look.without_texture()
    return RawPart(
        vertices=points[chosen[:, 0]],
        faces=inverse.reshape(-1, 3).astype(np.int64),
        normals=normals[chosen[:, 2]] if lit else None,
        uv=uv,
        colours=None if colours is None else colours[chosen[:, 0]],
        material=material,
    )
