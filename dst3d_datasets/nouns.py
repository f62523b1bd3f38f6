"""The nouns of the chain, as frozen dataclasses: every field with its shape, frame, unit and dtype.

Frames (defined in `camera`):

* *canonical*: the object's own frame; z up, front facing -y, box centre at the origin, longest box side 1.
* *camera*: OpenCV axes; x right, y down, z forward; same unit.
* *pixels*: x right, y down, pixel centres at +0.5, so an image of width W spans [0, W].
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

REFERENCE_FOCAL = 35.0 / 32.0  # the reference's 35 mm lens on its 32 mm sensor: 560 px at 512 px

AlphaMode = Literal["opaque", "mask", "blend"]
Provenance = Literal["catalogue", "source", "estimated"]


def slug(text: str, limit: int = 32) -> str:
    """Reduce any text to `[a-z0-9_-]+`, unique by a digest wherever something was lost.

    >>> slug("93face00"), slug("My Car (2).glb")
    ('93face00', 'my_car_2_glb-776b9165')
    """
    clean = re.sub(r"[^a-z0-9_-]+", "_", text.lower()).strip("_")[:limit] or "x"
    if clean == text:
        return clean
    return f"{clean}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """One row of a catalogue: which CAD model, of which class, how it is aligned, and whose it is.

    Pure data: nothing has been opened yet.
    """

    source: str  # name of the source in the recipe, `[a-z0-9_-]{1,16}`, e.g. "shapenet"
    model_id: str  # the id inside that source
    class_name: str  # e.g. "airliner"
    synset: str = ""  # WordNet id, e.g. "n02690373"; empty when the class has none
    class_index: int = -1  # ImageNet-1k order; -1 outside it
    distance: float = 1.5  # camera distance in units of the longest box side
    azimuth: float = 0.0  # degrees; turns the model about z (3D-DST's catalogue column)
    elevation: float = 0.0  # degrees; turns the model about x (3D-DST's catalogue column)
    alignment: tuple[float, ...] = ()  # 3x3 rotation by rows, raw z-up to canonical frame; empty: the two columns above
    exact: bool = True  # whether the alignment was given in the canonical frame; see `camera.is_exact`
    strength: int = 1  # 1 good, 2 only approximates the class
    sampling: int = 1  # the reference's view sampling strategy, 1-5
    symmetry: int | None = None  # order of rotation symmetry about z: 1 none, 2, 4, ..., 0 round; None: nobody said
    symmetry_source: Provenance = "source"  # who said it
    licence: str = "unknown"  # SPDX where one exists
    author: str = "unknown"
    url: str = ""
    title: str = ""
    keywords: tuple[str, ...] = ()
    content: str = ""  # sha256 of the file where ids do not pin it (folders); part of the shard's identity

    @property
    def class_id(self) -> str:
        """What groups models into a class: the synset, or a slug of the name outside WordNet."""
        return self.synset or slug(self.class_name, limit=12)

    @property
    def uid(self) -> str:
        """The name every seed of this model is derived from."""
        return f"{self.class_id}/{self.source}/{self.model_id}"

    def key(self, view: int) -> str:
        """The key of one sample: `[a-z0-9_-]+`, no dot, unique over the data set.

        The limits keep `<key>.normal.png` within the 100 characters that a plain tar header has for a name.
        """
        return f"{self.class_id}-{self.source}-{slug(self.model_id, limit=32)}-{view:05d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A catalogue row that no source has."""

    synset: str
    model_id: str
    reason: str  # a value of errors.Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Surface of one part, in glTF's metallic-roughness terms."""

    base_colour: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 1.0)  # linear RGBA, 0-1; multiplies the texture
    texture: NDArray[np.uint8] | None = None  # (h, w, 4), sRGB-encoded RGB and straight alpha; row 0 is the top
    alpha_mode: AlphaMode = "opaque"
    alpha_cutoff: float = 0.5  # used by "mask"
    metallic: float = 0.0
    roughness: float = 0.8
    unlit: bool = False  # colour is shown as it is (KHR_materials_unlit)
    wrap: Literal["repeat", "clamp", "mirror"] = "repeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A triangle mesh with one material. No face culling is ever applied: both sides are seen."""

    vertices: NDArray[np.float32]  # (V, 3), canonical frame
    faces: NDArray[np.int32]  # (F, 3), indices into vertices
    normals: NDArray[np.float32]  # (V, 3), unit, canonical frame; split vertices make hard edges
    uv: NDArray[np.float32] | None = None  # (V, 2), OBJ convention: (0, 0) is the bottom left of the texture
    colours: NDArray[np.float32] | None = None  # (V, 4), linear RGBA, 0-1; multiplies the material's colour
    material: Material = field(default_factory=Material)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry:
    """Rotations about a vertical axis that turn a model onto itself: an order n stands for the n turns by 360 / n.

    1 is no symmetry, and 0 a body of revolution, which every turn keeps.
    """

    look: int  # order that keeps the shape and its colours
    shape: int  # order that keeps the shape: 0, or a multiple of `look`
    axis: tuple[float, float]  # x, y of the axis in the canonical frame; only that of an odd order may leave the origin
    source: Provenance  # where `look` is from


@dataclass(frozen=True, slots=True, kw_only=True)
class CadModel:
    """A loaded model in the canonical frame."""

    ref: ModelRef
    parts: tuple[Part, ...]
    size: tuple[float, float, float]  # extents of the box along x, y, z; the longest is 1
    warnings: tuple[str, ...] = ()  # what was repaired or ignored while loading
    symmetry: Symmetry | None = None  # None: not looked for yet; `symmetry.symmetry_of` does

    @property
    def num_faces(self) -> int:
        """Triangles of all parts together."""
        return sum(len(part.faces) for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the camera stands, in PASCAL3D+ terms, and its lens; see `camera.camera_of` for the formula."""

    index: int  # number of the view within its model
    azimuth: float  # degrees in [0, 360); 0 looks at the front
    elevation: float  # degrees in [-90, 90]; positive looks from above
    theta: float  # degrees in [-180, 180); in-plane rotation
    distance: float  # camera centre to object centre, in units of the longest box side
    focal: float = REFERENCE_FOCAL  # focal length in units of the image's longer side
    principal: tuple[float, float] = (0.0, 0.0)  # principal point from the image's centre: right, down; same unit
    visible: float = 1.0  # below 1: the share of the silhouette that truncation is to leave in the image, at least
    towards: float = 0.0  # degrees; where the rest leaves: 0 to the right, 90 downwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera: pixel ~ K (R x + t) for a point x of the canonical frame."""

    K: NDArray[np.float64]  # (3, 3), pixels
    R: NDArray[np.float64]  # (3, 3), canonical to camera (OpenCV axes)
    t: NDArray[np.float64]  # (3,), camera frame, units of the longest box side
    width: int  # pixels
    height: int  # pixels


Environment = tuple[tuple[float, float, float], ...]  # 9 RGB coefficients; see `Lights.environment`


def hemisphere(sky: tuple[float, float, float], ground: tuple[float, float, float]) -> Environment:
    """The environment whose light runs linearly in the normal's z, from `ground` (facing down) to `sky` (up)."""
    zero = (0.0, 0.0, 0.0)
    mean = tuple((up + down) / 2.0 / 0.28209479 for up, down in zip(sky, ground, strict=True))
    slope = tuple((up - down) / 2.0 / 0.48860251 for up, down in zip(sky, ground, strict=True))
    return mean, zero, slope, *(zero,) * 6  # type: ignore[return-value]


_STUDIO = hemisphere((0.55, 0.58, 0.62), (0.28, 0.26, 0.24))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panorama:
    """What surrounds an object and lights it, infinitely far away; see `generate.pictures.look` for the directions."""

    name: str  # of the file in its folder, or of the procedural one
    pixels: NDArray[np.uint8]  # (h, 2 h, 3), sRGB, equirectangular, exposed and tone-mapped as the object is


DIRECT = 0.30  # share of a directional light's colour that a white surface facing it sends back (about 1 / pi)
AMBIENT = 0.62  # the same for the environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Lights:
    """A key and a fill light, directional, within light from all around. Canonical frame, linear RGB.

    A white matt surface sends back DIRECT x colour x cosine of each lamp, and AMBIENT x environment.
    """

    key_direction: tuple[float, float, float] = (-0.45, -0.70, 0.55)  # unit, from the object towards the light
    key_colour: tuple[float, float, float] = (2.2, 2.15, 2.05)
    fill_direction: tuple[float, float, float] = (0.80, -0.35, 0.25)
    fill_colour: tuple[float, float, float] = (0.55, 0.58, 0.65)
    # (9, 3): irradiance / pi by the normal, in real spherical harmonics (l, m) = (0, 0), (1, -1), (1, 0), (1, 1),
    # (2, -2), ..., (2, 2) without the Condon-Shortley sign; see `render.environment`
    environment: Environment = _STUDIO
    panorama: Panorama | None = None  # what the light was taken from, for whoever draws the background
    turn: float = 0.0  # degrees, clockwise from above: the panorama's middle lies towards (sin turn, cos turn, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffers:
    """What a renderer sees of one model from one camera. One sample a pixel, at the pixel centre, but for colour."""

    colour: NDArray[np.uint8]  # (H, W, 3), sRGB, antialiased, straight (not multiplied by alpha)
    alpha: NDArray[np.uint8]  # (H, W), antialiased coverage times opacity (glass), 0-255; what `colour` is laid on with
    mask: NDArray[np.bool_]  # (H, W), True where the pixel centre's ray hits the object
    depth: NDArray[np.float32]  # (H, W), z in the camera frame (not distance along the ray); 0 outside the mask
    normal: NDArray[np.float32]  # (H, W, 3), unit, camera frame (OpenCV axes), facing the camera; 0 outside the mask
    part: NDArray[np.int32]  # (H, W), index into CadModel.parts; -1 outside the mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The pictures a generator may be steered by, all of one size and made from the same buffers."""

    render: NDArray[np.uint8]  # (H, W, 3), sRGB: the colour over the control background
    edge: NDArray[np.uint8]  # (H, W), 0 or 255: Canny of `render`, and the outline where Canny misses it
    line: NDArray[np.uint8]  # (H, W), 0 or 255: outlines, creases and part borders, one pixel wide, from geometry alone
    mask: NDArray[np.uint8]  # (H, W), 0 or 255
    part: NDArray[np.uint16]  # (H, W): 1 + index into CadModel.parts (65535 for all beyond); 0 is background
    depth: NDArray[np.uint16]  # (H, W); z = depth_offset + depth_scale * value where value > 0; 0 is background
    normal: NDArray[
        np.uint8
    ]  # (H, W, 3); 127.5 * (n + 1) with axes (right, up, towards the camera); 0 outside the mask
    depth_scale: float
    depth_offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Words for the generator."""

    text: str
    negative: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """All that is needed to make one picture."""

    key: str
    ref: ModelRef
    view: View
    camera: Camera
    lights: Lights
    buffers: Buffers
    controls: Controls
    prompt: Prompt
    seed: int  # 0 <= seed < 2**63, derived from names
    label: dict[str, Any]  # the JSON label, complete but for what the generator adds
    surface: NDArray[np.float32] | None = None  # (N, 3), canonical frame: all over the model, to throw its shadow


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One finished row: its key and the members of its tar record in their final order."""

    key: str
    members: tuple[tuple[str, bytes], ...]  # (extension without the leading dot, content), sorted by extension
