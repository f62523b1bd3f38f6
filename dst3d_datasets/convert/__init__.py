"""Our camera and label in other systems' words, and back.

Ours, in short (`camera` has it in full): a point x of the canonical frame (z up, front at -y, longest box side 1) is
seen at pixel `K (R x + t)`, with OpenCV camera axes (x right, y down, z forward), and the image of width W spans
[0, W], so that pixel centres lie at +0.5. Every function names the other system's definition and where it is written;
every pair is tested by that system's own projection formula.

>>> from dst3d_datasets.camera import camera_of
>>> from dst3d_datasets.nouns import View
>>> camera = camera_of(View(index=0, azimuth=30.0, elevation=10.0, theta=0.0, distance=2.0), 640, 480)
>>> from_opencv(to_opencv(camera), 640, 480).K[0].tolist()
[700.0, 0.0, 320.0]
"""

from __future__ import annotations

from .blender import BlenderCamera, from_blender, to_blender
from .bop import from_bop, from_bop_depth, from_bop_symmetries, to_bop, to_bop_depth, to_bop_symmetries
from .coco import from_coco, from_coco_box, from_coco_segmentation, to_coco, to_coco_box, to_coco_segmentation
from .imagenet3d import from_imagenet3d, reduced_azimuth, to_imagenet3d
from .label import camera_of_label, pose_fields
from .opencv import OpenCVCamera, from_opencv, rotation_vector, rotation_vector_matrix, to_opencv
from .opengl import OpenGLCamera, from_opengl, to_opengl
from .pascal3d import Viewpoint, from_pascal3d, from_voc_box, to_pascal3d, to_voc_box
from .pytorch3d import PyTorch3DCamera, from_pytorch3d, to_pytorch3d

__all__ = [
    "BlenderCamera",
    "OpenCVCamera",
    "OpenGLCamera",
    "PyTorch3DCamera",
    "Viewpoint",
    "camera_of_label",
    "from_blender",
    "from_bop",
    "from_bop_depth",
    "from_bop_symmetries",
    "from_coco",
    "from_coco_box",
    "from_coco_segmentation",
    "from_imagenet3d",
    "from_opencv",
    "from_opengl",
    "from_pascal3d",
    "from_pytorch3d",
    "from_voc_box",
    "pose_fields",
    "reduced_azimuth",
    "rotation_vector",
    "rotation_vector_matrix",
    "to_blender",
    "to_bop",
    "to_bop_depth",
    "to_bop_symmetries",
    "to_coco",
    "to_coco_box",
    "to_coco_segmentation",
    "to_imagenet3d",
    "to_opencv",
    "to_opengl",
    "to_pascal3d",
    "to_pytorch3d",
    "to_voc_box",
]
