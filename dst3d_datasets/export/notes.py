"""What an export says of itself to those who open its folder."""

from __future__ import annotations

BOP_NOTE = """\
# A BOP data set, written by `dst3d export bop`

BOP-scenewise format (docs/bop_datasets_format.md of bop_toolkit), one object an image, object ids by CAD model:
`objects.json` says which model, class, licence and author an id is, and `scene_keys.json` which sample an image was.

* **Unit.** CAD models have no size of their own: the longest side of every object's box is {millimetres} mm here.
* **Pixels.** cam_K has pixel centres at integers, as OpenCV and `bop_toolkit_lib.misc` have. (The data set's own K has
  them at +0.5.) A renderer that puts the centre of the first pixel at (0.5, 0.5) needs cx + 0.5 and cy + 0.5.
* **Frame.** z up, origin at the centre of the box, the front facing -y.
* **Pictures** are the data set's JPEGs: the split type `pbr` makes bop_toolkit look for .jpg.
* **Depth and masks** are of the object alone, from the renderer and not from the picture: where a generator drew the
  picture, it may have left them. What lies behind has depth 0. `visib_fract` counts what the image's edge cuts off;
  nothing stands before the object, so mask and mask_visib are the same.
* **models/models_info.json** has each object's box and the symmetry of its look. Without the models (`--models`), the
  diameter is the diagonal of the box: an upper bound, and not the largest distance between two vertices.

An evaluation with bop_toolkit needs besides: an entry for this data set in `dataset_params.py`; the models as
`models/obj_ID.ply` (`--models` writes them, without textures) and, for its error measures, resampled and decimated
copies in `models_eval/` (its `remesh_models_for_eval.py`); and a `test` split, for which targets are written.
"""

COCO_NOTE = """\
# A COCO data set, written by `dst3d export coco`

`annotations/instances_SPLIT.json` and the pictures in `SPLIT/`. Boxes and areas are those of the mask: what is seen of
the object. Category ids are ImageNet-1k's index + 1, and above 1000 outside ImageNet. Beside COCO's own keys:

| where | key | what |
|---|---|---|
| image | `key` | the sample's key in the data set |
| image | `K` | 3x3 intrinsics in pixels from the image's corner, as COCO's boxes are: pixel centres lie at +0.5 |
| annotation | `amodal_bbox` | x, y, width, height of the whole projected object; may leave the image |
| annotation | `visible_fraction` | share of the object's silhouette that lies inside the image |
| annotation | `pose` | `R` (3x3) and `t` (3): a point x of the object's frame is seen at K (R x + t), OpenCV's axes |
| annotation | `pose` | `azimuth`, `elevation`, `theta` in degrees and `distance`: the same in PASCAL3D+'s words |
| annotation | `pose` | `size`: box of the object along x, y, z |
| annotation | `pose` | `symmetry`: order about the vertical axis at `symmetry_axis` (x, y); 0: body of revolution |
| annotation | `cad` | number of the model in `objects.json`, which has its licence and author |
| category | `synset` | WordNet id; empty outside WordNet |

The object's frame has z up, its front facing -y, the centre of its box as origin and the longest box side as unit.
"""

PASCAL3D_NOTE = """\
# A PASCAL3D+ data set, written by `dst3d export pascal3d`

`Annotations/CLASS_dst3d/KEY.mat` (a `record` as PASCAL3D+'s), `Images/CLASS_dst3d/KEY.jpg` and
`Image_sets/CLASS_dst3d_SPLIT.txt`. `cad_index` counts the models of a class from 1: `objects.json` says which each is.

* `focal` is 1 and `viewport` is the true focal length in pixels, so that `project_3d.m` gives exactly the pixels in
  which the object was rendered. Code that assumes a viewport of 3000 and ignores the field projects wrongly.
* Points are in the models' frame: z up, front at -y, box centre at the origin, longest box side 1; `distance` is in the
  same unit. `CAD/CLASS.mat` holds vertices and faces in it (with `--models`).
* Pixels and boxes are MATLAB's and VOC's: the centre of the top left pixel is (1, 1); `bbox` is what is seen of the
  object, from the first to the last pixel. `truncated` is 1 where the image's edge cuts the object; nothing is before
  it.
"""
