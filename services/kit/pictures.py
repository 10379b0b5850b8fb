"""Photos as stored: typed by content and re-encoded, so that nothing else remains in them."""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

from PIL import Image, ImageOps

from casework.errors import Reason, field_error

MOST = 9
"""Photos of a report."""
MEDIA_TYPE = "image/jpeg"
_FORMATS = ("JPEG", "PNG", "WEBP")
_PIXELS = 50_000_000
_LONGEST, _SMALL = 2560, 320


class Picture(NamedTuple):
    """A re-encoded photo with its thumbnail."""

    content: bytes
    thumbnail: bytes
    width: int
    height: int


def encoded_anew(content: bytes) -> Picture:
    """Return a photo without place, camera or hidden data; FILE_REFUSED if it is not a photo."""
    whole = _fitting(upright(content), _LONGEST)
    return Picture(_jpeg(whole), _jpeg(_fitting(whole, _SMALL)), whole.width, whole.height)


def upright(content: bytes) -> Image.Image:
    """Return the pixels of a photo, turned upright; FILE_REFUSED if it is not a photo."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
                if opened.width * opened.height > _PIXELS:
                    raise field_error("content", Reason.FILE_REFUSED, "more than 50 megapixels")
                # Turned upright: the metadata with the orientation is removed with the rest.
                return ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise field_error("content", Reason.FILE_REFUSED, ", ".join(_FORMATS)) from None


def _fitting(image: Image.Image, longest: int) -> Image.Image:
    """Return a copy of the pixels alone, with no side longer than this."""
    scaled = ImageOps.contain(image, (longest, longest)) if max(image.size) > longest else image
    bare = Image.new("RGB", scaled.size)
    bare.paste(scaled)
    return bare


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()
