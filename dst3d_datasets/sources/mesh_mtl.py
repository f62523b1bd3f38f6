"""Wavefront MTL: colours, one texture, and its options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..nouns import Material
from .mesh_files import Files, shown
from .mesh_images import bound_total, decode
from .mesh_types import Bounds, linear_of_srgb

# How many numbers follow an option of a map_ line (-o, -s and -t take one to three).
_OPTIONS = {"-blendu": 1, "-blendv": 1, "-boost": 1, "-mm": 2, "-texres": 1, "-clamp": 1, "-bm": 1, "-imfchan": 1}
_TRIPLES = ("-o", "-s", "-t")


@dataclass(frozen=True, slots=True)
class MtlLook:
    """A material, and how its texture's coordinates are scaled and moved (`-s`, `-o`)."""

    material: Material
    uv_scale: tuple[float, float] = (1.0, 1.0)
    uv_offset: tuple[float, float] = (0.0, 0.0)
    plain: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 1.0)  # linear; the colour without the texture

    def without_texture(self) -> Material:
        """The material for faces that have no texture coordinates."""
        return replace(self.material, texture=None, base_colour=self.plain)


def read_mtl(
    data: bytes, files: Files, bounds: Bounds, warnings: dict[str, None], images: dict[str, Any]
) -> dict[str, MtlLook]:
    """Materials by name. Textures that are missing or damaged are noted in `warnings` and left out."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").replace("\\\n", " ").splitlines():
        words = (
            line.split("#", 1)[0].split(None, 1) if not line.strip().lower().startswith("map_") else line.split(None, 1)
        )
        if len(words) < 2:
            continue
        key, rest = words[0].lower(), words[1].strip()
        if key == "newmtl":
            current = found.setdefault(rest, {})
        else:
            current.setdefault(key, rest)
    return {name: _look(fields, files, bounds, warnings, images) for name, fields in found.items()}


def _look(
    fields: dict[str, str], files: Files, bounds: Bounds, warnings: dict[str, None], images: dict[str, Any]
) -> MtlLook:
    colour, opacity = _colour(fields), _opacity(fields, warnings)
    shine = _number(fields.get("ns", ""), 10.0)
    material = Material(
        base_colour=(*colour, opacity),
        alpha_mode="blend" if opacity < 1.0 else "opaque",
        # Blender's importer: a Phong exponent of 1000 is a mirror.
        roughness=1.0 - min(max(shine, 0.0) / 1000.0, 1.0) ** 0.5,
        metallic=0.0,
    )
    neutral = "map_kd" in fields and ("kd" not in fields or max(colour) == 0.0)
    bare = (0.8, 0.8, 0.8, opacity) if neutral else material.base_colour
    plain = MtlLook(replace(material, base_colour=bare), plain=bare)
    if "map_kd" not in fields:
        return plain
    name, options = _map(fields["map_kd"])
    image = _image(name, files, bounds, warnings, images)
    if image is None:
        return plain
    if "map_d" in fields:
        image, material = _with_mask(image, material, _map(fields["map_d"])[0], files, bounds, warnings, images)
    if max(colour) == 0.0:
        # Several exporters write Kd 0 0 0 beside a texture and mean the texture alone.
        material = replace(material, base_colour=(1.0, 1.0, 1.0, opacity))
    wrap: Literal["clamp", "repeat"] = "clamp" if options.get("-clamp") == ["on"] else "repeat"
    scale, offset = options.get("-s", []), options.get("-o", [])
    return MtlLook(
        replace(material, texture=image, wrap=wrap),
        uv_scale=(_at(scale, 0, 1.0), _at(scale, 1, 1.0)),
        uv_offset=(_at(offset, 0, 0.0), _at(offset, 1, 0.0)),
        plain=plain.plain,
    )


def _colour(fields: dict[str, str]) -> tuple[float, float, float]:
    """Kd, which is sRGB, as linear RGB; without it white under a texture and a neutral grey alone."""
    words = fields.get("kd", "").split()
    try:
        values = [float(word) for word in words[:3]]
    except ValueError:
        values = []
    if not values or not np.isfinite(values).all():
        grey = 1.0 if "map_kd" in fields else 0.8
        return grey, grey, grey
    red, green, blue = (values * 3)[:3] if len(values) < 3 else values
    linear = linear_of_srgb(np.array([red, green, blue]))
    return float(linear[0]), float(linear[1]), float(linear[2])


def _opacity(fields: dict[str, str], warnings: dict[str, None]) -> float:
    """`d`, else 1 - `Tr`; exporters disagree on the sense of Tr, so Tr 1 alone is taken as opaque."""
    if "d" in fields:
        return min(max(_number(fields["d"].replace("-halo", " "), 1.0), 0.0), 1.0)
    opacity = 1.0 - min(max(_number(fields.get("tr", ""), 0.0), 0.0), 1.0)
    if opacity == 0.0:
        warnings["a material with Tr 1 and no d is taken as opaque"] = None
        return 1.0
    return opacity


def _number(text: str, default: float) -> float:
    try:
        value = float(text.split()[0])
    except (IndexError, ValueError):
        return default
    return value if np.isfinite(value) else default


def _at(values: list[str], index: int, default: float) -> float:
    return _number(values[index], default) if index < len(values) else default


def _map(text: str) -> tuple[str, dict[str, list[str]]]:
    """A map_ line's file name (which may hold blanks) and its options."""
    options: dict[str, list[str]] = {}
    words = text.split()
    while words and words[0].lower() in (*_OPTIONS, *_TRIPLES):
        name = words.pop(0).lower()
        most = _OPTIONS.get(name, 3)
        values: list[str] = []
        while words and len(values) < most and (name in _OPTIONS or _is_number(words[0])):
            values.append(words.pop(0))
        options[name] = values
    return (" ".join(words) if options else text.strip()), options


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _image(
    name: str, files: Files, bounds: Bounds, warnings: dict[str, None], images: dict[str, Any]
) -> NDArray[np.uint8] | None:
    """The pixels of a texture, read once; None, with a warning, where it is missing or damaged."""
    if name not in images:
        images[name] = None
        try:
            images[name] = decode(files.read(name, bounds.max_bytes), bounds.max_texture_pixels, shown(name))
        except FileNotFoundError:
            warnings[f"texture {shown(name)} is missing"] = None
        except ValueError as error:
            warnings[f"texture cannot be read: {error}"] = None
        bound_total(images.values(), bounds.max_texture_pixels)
    image: NDArray[np.uint8] | None = images[name]
    return image


def _with_mask(
    image: NDArray[np.uint8],
    material: Material,
    name: str,
    files: Files,
    bounds: Bounds,
    warnings: dict[str, None],
    images: dict[str, Any],
) -> tuple[NDArray[np.uint8], Material]:
    """`map_d` as the texture's alpha: the mask's own alpha where it has any, else its grey."""
    mask = _image(name, files, bounds, warnings, images)
    if mask is None:
        return image, material
    alpha = mask[..., 3] if int(mask[..., 3].min()) < 255 else mask[..., :3].mean(axis=2).astype(np.uint8)
    rows = np.arange(image.shape[0]) * alpha.shape[0] // image.shape[0]
    columns = np.arange(image.shape[1]) * alpha.shape[1] // image.shape[1]
    image = image.copy()
    image[..., 3] = alpha[np.ix_(rows, columns)]
    return image, replace(material, alpha_mode="mask")
