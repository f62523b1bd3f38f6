"""The light of every view of a recipe: a studio, or panoramas that are read once and kept."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np

from ..nouns import Lights
from ..pictures import HDR_SUFFIXES, SUFFIXES, Floats, Folder, read_panorama
from ..recipe.rendering import Render
from ..seeds import uniform
from .lights import lights_of

KEPT_BYTES = 512 << 20  # of panoramas kept in memory: 85 of them at 512 px
_PIXELS_PER_PIXEL = (
    4  # a panorama is kept this many times as wide as the render: as soft as what a lens near a thing sees
)


class Lighting:
    """Gives each view its light, by the view's seed.

    With `light: environment` a view gets one panorama of the folder, or one of `environment_skies` without a folder,
    turned about z. Panoramas stay in memory as lights and an 8-bit picture; beyond `KEPT_BYTES` the ones not used for
    longest are let go, so with a folder that is larger many views have to read theirs again: 2k files are large enough.

    Args:
        options: the recipe's `render`.

    Raises:
        PictureError: the folder cannot be used (at the first use).
    """

    def __init__(self, options: Render) -> None:
        self._mode = options.light
        self._width = _PIXELS_PER_PIXEL * options.size
        self._place = options.panoramas
        self._listed: Folder | None = None
        self._kept: OrderedDict[str, Lights] = OrderedDict()
        self._bytes = 0

    @property
    def inputs(self) -> str:
        """A digest of the panoramas' names and sizes; empty without a folder."""
        return self._folder.digest if self._place else ""

    @property
    def _folder(self) -> Folder:
        if self._listed is None:
            self._listed = Folder(self._place, SUFFIXES + HDR_SUFFIXES, "render.panoramas")
        return self._listed

    def lights_of(self, seed: int) -> Lights:
        """The lights of the view with this seed.

        Raises:
            PictureError: no usable panorama was found.
        """
        if self._mode != "environment":
            return lights_of(seed, self._mode)
        from .environment_light import turned

        own = self._of_folder(seed) if self._place else self._of_sky(seed)
        return turned(own, 360.0 * uniform(seed, "environment", "turn"))

    def counts(self) -> dict[str, int]:
        """`bad_picture`: panoramas found unusable since the last call."""
        return {} if self._listed is None else self._listed.counts()

    def _of_sky(self, seed: int) -> Lights:
        from .environment_light import lights_from
        from .environment_skies import COUNT, sky

        number = int(uniform(seed, "environment", "sky") * COUNT)
        kept = self._recall(str(number))
        if kept is None:
            name, radiance = sky(number)
            kept = self._keep(str(number), lights_from(radiance, name))
        return kept

    def _of_folder(self, seed: int) -> Lights:
        def read(path: Path) -> Lights:
            return self._recall(str(path)) or self._keep(str(path), self._read(path))

        return self._folder.first_usable(read, seed, "environment")

    def _read(self, path: Path) -> Lights:
        from .environment_light import lights_from
        from .texture import srgb_decode

        picture = read_panorama(path, self._width)
        if picture.dtype == np.uint8:
            table = srgb_decode(np.arange(256) / 255.0).astype(np.float32)
            picture = table[picture]
        light: Floats = np.asarray(picture, dtype=np.float32)
        return lights_from(light, path.relative_to(self._folder.root).as_posix())

    def _recall(self, name: str) -> Lights | None:
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def _keep(self, name: str, lights: Lights) -> Lights:
        self._kept[name] = lights
        self._bytes += _bytes(lights)
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= _bytes(self._kept.popitem(last=False)[1])
        return lights


def _bytes(lights: Lights) -> int:
    return 0 if lights.panorama is None else lights.panorama.pixels.nbytes
