"""From one picture of a tree, its annotation and its CAD model to a sample with our label."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import images, schema
from ..camera import camera_of
from ..errors import ModelRefused, Reason
from ..label import make_label
from ..nouns import Buffers, CadModel, Lights, Prompt, Sample, View
from ..recipe import Recipe
from ..tools import Tools
from .annotation import raw_camera
from .exr import read_depth
from .frame import canonical_view
from .pickled import MOST_BYTES, read_annotation
from .plan import MOST_PICTURE_BYTES, Wanted
from .proof import check_alpha, check_depth, read_image
from .tree import ANNOTATION, DEPTH, MOST_SAMPLES, RENDER, Tree, TreeModel

MOST_PROMPT_BYTES = 2**28
UNKNOWN_SEED = -1

Box = tuple[NDArray[np.float64], float]


@dataclass(frozen=True, slots=True)
class Seen:
    """A view that is proven: what all its pictures share."""

    number: int  # of the view in the tree
    view: View
    buffers: Buffers
    members: list[tuple[str, bytes]]  # the controls
    label: dict[str, Any]  # but for key, view, words and generator


@dataclass
class Importer:
    """Makes samples of a tree; keeps the last view and the last class's words.

    Args:
        recipe: from `plan.import_recipe`.
        tree: the tree.
        want: what of it.
    """

    recipe: Recipe
    tree: Tree
    want: Wanted
    tools: Tools
    counts: Counter[str] = field(default_factory=Counter)
    _seen: tuple[str, Seen | ModelRefused] | None = None
    _words: tuple[str, dict[str, Any]] | None = None

    def sample(self, model: CadModel, box: Box, found: TreeModel, number: int) -> Sample:
        """One sample.

        Args:
            model: the CAD model, aligned, its symmetry known.
            box: `frame.raw_box` of it.
            found: its files.
            number: of the sample in the plan.

        Raises:
            ModelRefused: with a reason from the fixed list.
        """
        view, sample = divmod(number, MOST_SAMPLES) if self.want.many else (number, 0)
        picture = self._picture(found, view, sample)
        seen = self._view(model, box, found, view)
        prompt = self._prompt(found, view, sample)
        key, generator = model.ref.key(number), self.tools.generator
        label = seen.label | {
            "key": key,
            "view": number,
            "prompt": prompt,
            "generator": generator.name,
            "generator_revision": generator.revision,
        }
        members = [
            *seen.members,
            ("jpg", images.encode_jpg(picture, self.recipe.shards.jpeg_quality)),
            ("json", schema.encode(label)),
            ("cls", str(model.ref.class_index).encode()),
            ("txt", prompt.encode()),
        ]
        return Sample(key=key, members=tuple(sorted(members)))

    def _read(self, found: TreeModel, kind: str, view: int, limit: int) -> tuple[bytes, str] | None:
        at = found.find(kind, view)
        if at is None:
            return None
        return self.tree.places[at[0]].read(at[1], limit, at[1].rpartition("/")[0].rpartition("/")[0]), at[1]

    def _picture(self, found: TreeModel, view: int, sample: int) -> NDArray[np.uint8]:
        place, name = found.find(self.want.pictures, view, sample) or (0, "")
        inside = name.rpartition("/")[0].rpartition("/")[0]
        picture = read_image(self.tree.places[place].read(name, MOST_PICTURE_BYTES, inside), name)
        height, width = picture.shape[:2]
        if (width, height) != (self.want.size, self.want.size):
            raise ModelRefused(Reason.UNSUPPORTED, f"{name}: {width} x {height} pixels; the first had {self.want.size}")
        return np.ascontiguousarray(picture[..., :3])

    def _view(self, model: CadModel, box: Box, found: TreeModel, view: int) -> Seen:
        """The view, proven; once for all its pictures."""
        name = f"{model.ref.uid} {view}"
        if self._seen is None or self._seen[0] != name:
            try:
                self._seen = name, self._proven(model, box, found, view)
            except ModelRefused as error:
                self._seen = name, error
        result = self._seen[1]
        if isinstance(result, ModelRefused):
            raise ModelRefused(result.reason, result.detail)
        return result

    def _proven(self, model: CadModel, box: Box, found: TreeModel, number: int) -> Seen:
        read = self._read(found, ANNOTATION, number, MOST_BYTES)
        if read is None:
            raise ModelRefused(Reason.NO_POSE, f"view {number:03d} has no annotation")
        view = canonical_view(model, raw_camera(read_annotation(*read)), number, box)
        camera = camera_of(view, self.want.size, self.want.size)
        buffers = next(iter(self.tools.renderer.render(model, [camera], [Lights()])))
        if not buffers.mask.any():
            raise ModelRefused(Reason.INVISIBLE, f"view {number:03d} shows not one pixel of the CAD model")
        render = self._render(found, number)
        if self._is_proven(model, view, buffers, render, found, box[1]):
            self.counts["proven"] += 1
        elif self.want.unproven:
            self.counts["unproven"] += 1
        else:
            raise ModelRefused(Reason.UNPROVEN, f"view {number:03d} has no render or depth with a silhouette")
        if render is not None and render.shape[:2] == buffers.mask.shape:
            alpha = render[..., 3] if render.shape[2] == 4 else np.full(buffers.mask.shape, 255, np.uint8)
            colour = np.ascontiguousarray(render[..., :3])
            buffers = replace(buffers, colour=colour, alpha=np.ascontiguousarray(alpha))
        controls = self.tools.make_controls(buffers, camera, self.recipe.controls)
        bbox, visible = self.tools.box_and_visible(model, camera, self.tools.renderer)
        label = make_label(
            key="",
            model=model,
            view=view,
            camera=camera,
            controls=controls,
            prompt=Prompt(text=""),
            seed=UNKNOWN_SEED,
            bbox=bbox,
            visible_fraction=visible,
        )
        return Seen(number, view, buffers, images.encode_controls(controls, self.recipe.shards.jpeg_quality), label)

    def _render(self, found: TreeModel, number: int) -> NDArray[np.uint8] | None:
        read = self._read(found, RENDER, number, MOST_PICTURE_BYTES)
        return None if read is None else read_image(*read)

    def _is_proven(
        self,
        model: CadModel,
        view: View,
        buffers: Buffers,
        render: NDArray[np.uint8] | None,
        found: TreeModel,
        longest: float,
    ) -> bool:
        """Whether the render's alpha or the depth shows this model in this pose; where both are there, both must.

        Raises:
            ModelRefused: one of them shows something else, or the only one that could prove it cannot be read.
        """
        by_alpha = False
        if render is not None and render.shape[2] == 4:
            height, width = render.shape[:2]
            mask = buffers.mask
            if mask.shape != (height, width):
                mask = self.tools.renderer.silhouette(model, camera_of(view, width, height))
            by_alpha = check_alpha(mask, render[..., 3])
        try:
            read = self._read(found, DEPTH, view.index, MOST_PICTURE_BYTES)
            told = None if read is None else read_depth(*read) * np.float32(longest)
        except ModelRefused:
            if by_alpha:
                return True
            raise
        if told is None or told.shape != buffers.mask.shape:
            return by_alpha
        return check_depth(buffers.mask, buffers.depth, told) or by_alpha

    def _prompt(self, found: TreeModel, view: int, sample: int) -> str:
        """The words of a picture; empty where nobody says them."""
        name = f"{found.split}/{found.synset}"
        if self._words is None or self._words[0] != name:
            self._words = name, self._words_of(found)
        of_model = self._words[1].get(found.model_id)
        words = of_model.get(f"{view:03d}_{sample:02d}") if isinstance(of_model, dict) else None
        if not isinstance(words, str):
            self.counts["prompt_unknown"] += 1
            return ""
        return words.encode("utf-8", "replace").decode()  # half a surrogate pair is no text

    def _words_of(self, found: TreeModel) -> dict[str, Any]:
        at = self.tree.words.get((found.split, found.synset))
        if at is None:
            return {}
        try:
            words = json.loads(self.tree.places[at[0]].read(at[1], MOST_PROMPT_BYTES))
        except (ModelRefused, ValueError, RecursionError):
            self.counts["prompts_unreadable"] += 1
            return {}
        return words if isinstance(words, dict) else {}
