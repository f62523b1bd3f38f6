"""Whether a label is true: the CAD model, seen from where the annotation says, against what the reference rendered."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ModelRefused, Reason

LEAST = 0.99  # agreement of two silhouettes
MOST_PIXELS = 4096 * 4096
FAR = 100.0  # longest box sides; Blender writes 1e10 where there is nothing
MOST_OFF = 0.01  # longest box sides, of the depth of a pixel; half floats are off by 0.001
MOST_SHARE = 0.1  # of the pixels whose depth may be off: silhouettes inside the object

Mask = NDArray[np.bool_]


def read_image(data: bytes, name: str) -> NDArray[np.uint8]:
    """A PNG or JPEG as (H, W, 3) RGB or (H, W, 4) RGBA, bounded before a pixel is decoded.

    Raises:
        ModelRefused: it cannot be read, or is too large.
    """
    try:
        with warnings.catch_warnings(), _open(data) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ModelRefused(Reason.TOO_LARGE, f"{name}: {image.width} x {image.height} pixels")
            has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            return np.asarray(image.convert("RGBA" if has_alpha else "RGB"), np.uint8)
    except Image.DecompressionBombError:
        raise ModelRefused(Reason.TOO_LARGE, f"{name}: more pixels than any picture has") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ModelRefused(Reason.UNREADABLE, f"{name}: {str(error)[:100]}") from None


def _open(data: bytes) -> Image.Image:
    warnings.simplefilter("ignore")  # Pillow's own, lower limit
    return Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))


def agreement(mask: Mask, seen: Mask) -> float:
    """Intersection over union of two silhouettes (H, W), where a pixel beside the other's silhouette counts as in it.

    Two renderers draw the same edge half a pixel apart, which is most of a bicycle. One that is 2 pixels off shows.
    """
    union = int((mask | seen).sum())
    if not union:
        return 0.0
    return int(((mask & _grown(seen)) | (seen & _grown(mask))).sum()) / union


def _grown(mask: Mask) -> Mask:
    """A silhouette and the pixels above, below, left and right of it."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def check_alpha(mask: Mask, alpha: NDArray[np.uint8]) -> bool:
    """Compare our silhouette with a render's alpha (H, W).

    Returns:
        Whether that proves anything: an opaque picture (one with a background) does not.

    Raises:
        ModelRefused: they are not of the same object in the same pose.
    """
    if int(alpha.min()) > 0 and not mask.all():
        return False
    found = max(agreement(mask, alpha > least) for least in (127, 12))  # glass lets the background through
    _demand(found, "the render's silhouette")
    return True


def check_depth(mask: Mask, depth: NDArray[np.float32], told: NDArray[np.float32]) -> bool:
    """Compare our silhouette and depth (H, W) with the reference's planar depth in the same unit.

    Returns:
        Whether that proves anything: not where the file shows a surface at every pixel.

    Raises:
        ModelRefused: they are not of the same object in the same pose.
    """
    seen = np.isfinite(told) & (told < FAR) & (told > 0.0)
    if seen.all() and not mask.all():
        return False
    _demand(agreement(mask, seen), "the silhouette of the reference's depth")
    both = mask & seen
    off = float((np.abs(depth[both] - told[both]) > MOST_OFF).mean()) if both.any() else 1.0
    if off > MOST_SHARE:
        raise ModelRefused(
            Reason.CONTRADICTION, f"{off:.0%} of the pixels are more than {MOST_OFF:g} from the reference's depth"
        )
    return True


def _demand(found: float, what: str) -> None:
    if found < LEAST:
        raise ModelRefused(
            Reason.CONTRADICTION,
            f"seen from where the annotation says, the CAD model covers {found:.1%} of {what} (at least {LEAST:.0%}): "
            "another model, another import of it, or another camera",
        )
