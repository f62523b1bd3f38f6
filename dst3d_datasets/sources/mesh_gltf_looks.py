"""glTF materials as ours: base colour, its texture, and how the texture's coordinates are to be turned."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelRefused, Reason
from ..nouns import Material
from .mesh_gltf_data import Document, whole
from .mesh_images import bound_total, decode
from .mesh_types import Floats

_WRAPS: dict[int, Literal["repeat", "clamp", "mirror"]] = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_ALPHA: dict[str, Literal["opaque", "mask", "blend"]] = {"OPAQUE": "opaque", "MASK": "mask", "BLEND": "blend"}


@dataclass(frozen=True, slots=True)
class Look:
    """A material, and the UV set and transform (KHR_texture_transform) of its texture."""

    material: Material
    uv_set: int = 0
    uv_matrix: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # rows of a (2, 3) affine map, glTF's v pointing down

    def uv(self, raw: Floats) -> Floats:
        """glTF coordinates (V, 2) to ours: transformed, and v counted from the bottom."""
        a, b, c, d, e, f = self.uv_matrix
        u, v = raw[:, 0], raw[:, 1]
        return np.stack([a * u + b * v + c, 1.0 - (d * u + e * v + f)], axis=1)


class Looks:
    """The materials of one document, each made once (so that parts which share one can be merged)."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._looks: dict[int | None, Look] = {}
        self._images: dict[int, NDArray[np.uint8] | None] = {}

    def of(self, index: Any) -> Look:
        """The look of material `index`; None is a primitive without a material."""
        number = None if index is None else whole(index, "primitive.material")
        if number not in self._looks:
            plain = Look(Material())
            self._looks[number] = plain if number is None else self._make(self._document.item("materials", number))
        return self._looks[number]

    def _make(self, spec: dict[str, Any]) -> Look:
        extensions = spec.get("extensions", {})
        pbr = spec.get("pbrMetallicRoughness", {})
        colour, info = pbr.get("baseColorFactor", [1.0] * 4), pbr.get("baseColorTexture")
        metallic, roughness = self._metal(pbr)
        unlit = "KHR_materials_unlit" in extensions
        if "KHR_materials_pbrSpecularGlossiness" in extensions:
            gloss = extensions["KHR_materials_pbrSpecularGlossiness"]
            colour, info = gloss.get("diffuseFactor", [1.0] * 4), gloss.get("diffuseTexture")
            metallic, roughness = 0.0, 1.0 - float(gloss.get("glossinessFactor", 1.0))
        glow = [float(level) for level in spec.get("emissiveFactor", [0.0] * 3)]
        if max(map(float, colour[:3])) < 0.01 and max(glow) > 0.0:
            # Black that glows is how unlit scans are exported: what glows is their colour.
            colour, info, unlit = [*glow, colour[3]], spec.get("emissiveTexture"), True
        material = Material(
            base_colour=_rgba(colour),
            alpha_mode=_ALPHA[spec.get("alphaMode", "OPAQUE")],
            alpha_cutoff=float(spec.get("alphaCutoff", 0.5)),
            metallic=min(max(metallic, 0.0), 1.0),
            roughness=min(max(roughness, 0.0), 1.0),
            unlit=unlit,
        )
        return self._textured(material, info) if info is not None else Look(material)

    def _textured(self, material: Material, info: dict[str, Any]) -> Look:
        texture = self._document.item("textures", info["index"])
        image = self._image(texture)
        if image is None:
            return Look(material)
        sampler = self._document.item("samplers", texture["sampler"]) if "sampler" in texture else {}
        across, down = (_WRAPS[sampler.get(name, 10497)] for name in ("wrapS", "wrapT"))
        if across != down:
            self._document.warn(f"texture wraps {across} across and {down} down; {across} is used for both")
        uv_set = whole(info.get("texCoord", 0), "texCoord")
        transform = info.get("extensions", {}).get("KHR_texture_transform", {})
        return Look(
            replace(material, texture=image, wrap=across),
            whole(transform.get("texCoord", uv_set), "texCoord"),
            _uv_matrix(transform),
        )

    def _metal(self, pbr: dict[str, Any]) -> tuple[float, float]:
        """Metallic and roughness: the factors (1 where absent), times the mean of their texture, as ours has none."""
        metallic, roughness = float(pbr.get("metallicFactor", 1.0)), float(pbr.get("roughnessFactor", 1.0))
        info = pbr.get("metallicRoughnessTexture")
        if info is None:
            return metallic, roughness
        try:
            image = self._image(self._document.item("textures", info["index"]))
        except ModelRefused as error:
            if error.reason is not Reason.UNSUPPORTED:
                raise
            image = None
        if image is None:
            self._document.warn("a metallic-roughness texture could not be read; the surface is taken as not metallic")
            return 0.0, roughness
        return metallic * float(image[::4, ::4, 2].mean()) / 255.0, roughness * float(image[::4, ::4, 1].mean()) / 255.0

    def _image(self, texture: dict[str, Any]) -> NDArray[np.uint8] | None:
        """The pixels of a texture; None, with a warning, where its file is missing or damaged."""
        extensions = texture.get("extensions", {})
        source = extensions.get("EXT_texture_webp", {}).get("source", texture.get("source"))
        if source is None:
            if extensions:
                raise ModelRefused(Reason.UNSUPPORTED, f"a texture that only {', '.join(sorted(extensions))} can read")
            return None
        number = whole(source, "texture.source")
        if number not in self._images:
            self._images[number] = self._decoded(number)
            bound_total(self._images.values(), self._document.bounds.max_texture_pixels)
        return self._images[number]

    def _decoded(self, number: int) -> NDArray[np.uint8] | None:
        document, spec = self._document, self._document.item("images", number)
        try:
            data = bytes(document.view(spec["bufferView"])[0]) if "bufferView" in spec else document.uri(spec["uri"])
            return decode(data, document.bounds.max_texture_pixels, f"image {number}")
        except FileNotFoundError as error:
            document.warn(f"texture file {error} is missing")
        except ValueError as error:
            document.warn(f"texture cannot be read: {error}")
        return None


def _rgba(values: Any) -> tuple[float, float, float, float]:
    red, green, blue, alpha = (min(max(float(value), 0.0), 1.0) for value in values)
    return red, green, blue, alpha


def _uv_matrix(transform: dict[str, Any]) -> tuple[float, ...]:
    """KHR_texture_transform: scale, then rotation (counter-clockwise, v pointing down), then offset."""
    angle = float(transform.get("rotation", 0.0))
    (sx, sy), (ox, oy) = transform.get("scale", (1.0, 1.0)), transform.get("offset", (0.0, 0.0))
    c, s = math.cos(angle), math.sin(angle)
    return (c * sx, s * sy, float(ox), -s * sx, c * sy, float(oy))
