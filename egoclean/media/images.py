"""Reading and writing still images as RGB arrays, and playing lists of them as a video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from egoclean.config import RectifyConfig
from egoclean.errors import MediaError
from egoclean.media.encode import EncodeOptions, VideoWriter
from egoclean.media.opening import shown_name
from egoclean.media.planes import ByteArray, empty_frame
from egoclean.store.atomic import atomic_path, write_bytes

LARGEST_IMAGE_BYTES = 256 * 1024 * 1024
JPEG_QUALITY = 85
CROPS = ("center", "squash", "pad")


def read_image(path: str | Path) -> ByteArray:
    """Return an image file as RGB, shape ``(h, w, 3)``, as stored: orientation tags are not applied.

    Raises
    ------
    MediaError : ``missing`` or ``not_image``.
    """
    name = shown_name(str(path))
    try:
        if Path(path).stat().st_size > LARGEST_IMAGE_BYTES:
            raise MediaError(f"{name} is larger than {LARGEST_IMAGE_BYTES} bytes.", code="too_large")
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"{name} cannot be read ({reason}).", "Check the path.", code="missing") from error
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        decoded = None
    if decoded is None:
        message = f"{name} is not an image that can be read ({len(data)} bytes)."
        raise MediaError(message, "Replace the file or take it out of the manifest.", code="not_image")
    return _swapped(decoded)


def read_record(paths: Sequence[str | Path], size_px: int, crop: str) -> ByteArray:
    """Return the images of one frame record made square, shape ``(n, size_px, size_px, 3)``, RGB.

    Raises
    ------
    MediaError : as :func:`read_image`.
    """
    return np.stack([square(read_image(path), size_px, crop) for path in paths])


def square(picture: ByteArray, size_px: int, crop: str) -> ByteArray:
    """Return ``picture`` as a square of ``size_px``, without aliasing.

    ``center`` keeps the middle square, ``squash`` the whole picture with its aspect lost, ``pad`` the whole picture
    with black above and below, or at the sides.

    Raises
    ------
    ValueError : for another ``crop``.
    """
    height, width = picture.shape[:2]
    box, (inner_width, inner_height) = placement(width, height, size_px, crop)
    inner = resized(picture[box], inner_width, inner_height)
    return inner if inner.shape[:2] == (size_px, size_px) else centred(inner, size_px)


def placement(width: int, height: int, size_px: int, crop: str) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """Return which rows and columns of a picture go into a square of ``size_px``, and how wide and high they become.

    Rows and columns begin at even numbers, so that a colour plane of half the size can be cut alike.

    Raises
    ------
    ValueError : for another ``crop`` than those of :func:`square`.
    """
    if crop not in CROPS:
        raise ValueError(f"crop must be one of {', '.join(CROPS)}; found {crop!r}")
    if crop == "center":
        side = min(height, width)
        top, left = (height - side) // 4 * 2, (width - side) // 4 * 2
        return (slice(top, top + side), slice(left, left + side)), (size_px, size_px)
    whole = (slice(0, height), slice(0, width))
    if crop == "squash":
        return whole, (size_px, size_px)
    longest = max(height, width)
    return whole, (max(1, round(width * size_px / longest)), max(1, round(height * size_px / longest)))


def centred(picture: ByteArray, size_px: int) -> ByteArray:
    """Return an RGB picture in the middle of a black square."""
    height, width = picture.shape[:2]
    square_picture = np.zeros((size_px, size_px, picture.shape[2]), np.uint8)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    square_picture[top : top + height, left : left + width] = picture
    return square_picture


def narrowed(picture: ByteArray, width_px: int) -> ByteArray:
    """Return ``picture`` scaled to ``width_px``, its aspect kept; a picture that is not wider stays as it is."""
    height, width = picture.shape[:2]
    return picture if width <= width_px else resized(picture, width_px, max(1, round(height * width_px / width)))


def jpeg_bytes(picture: ByteArray, quality: int = JPEG_QUALITY) -> bytes:
    """Return an RGB picture as a JPEG file."""
    return _encoded(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


def png_bytes(picture: ByteArray) -> bytes:
    """Return an RGB picture as a PNG file."""
    return _encoded(picture, ".png", [])


def write_jpeg(path: Path, picture: ByteArray, quality: int = JPEG_QUALITY) -> None:
    """Write an RGB picture as JPEG, complete or not at all."""
    write_bytes(path, jpeg_bytes(picture, quality))


def sprite_sheet(pictures: Sequence[ByteArray], width_px: int) -> ByteArray:
    """Return pictures of one size beside each other, each ``width_px`` wide: shape ``(h, n * width_px, 3)``."""
    height = max(1, round(pictures[0].shape[0] * width_px / pictures[0].shape[1]))
    return np.hstack([resized(picture, width_px, height) for picture in pictures])


def write_png(path: Path, picture: ByteArray) -> None:
    """Write an RGB picture as PNG, complete or not at all."""
    write_bytes(path, png_bytes(picture))


def write_image_view(
    paths: Sequence[str | Path],
    path: Path,
    config: RectifyConfig,
    *,
    rate: Fraction,
    progress: Callable[[int, int], None] | None = None,
    picture_count: int = 0,
) -> list[ByteArray]:
    """Write the images as a video for playing, frame ``i`` at ``i / rate`` seconds.

    Returns ``picture_count`` of its frames (fewer of a shorter list) as RGB, spread evenly.

    The size is the first image's, at most ``config.view_max_lines`` high; images of another size are fitted into it
    with black around them.

    Raises
    ------
    MediaError : as :func:`read_image`; ``empty`` without paths.
    """
    if not paths:
        raise MediaError("There are no images to play.", code="empty")
    first = read_image(paths[0])
    width, height = view_size(first.shape[1], first.shape[0], config.view_max_lines)
    options = EncodeOptions(config.view_crf, config.view_preset, config.view_keyframe_s)
    wanted = {len(paths) * (2 * part + 1) // (2 * picture_count) for part in range(picture_count)}
    pictures = []
    with atomic_path(path) as temporary, VideoWriter(temporary, width, height, 1 / rate, rate, options) as writer:
        for index, image_path in enumerate(paths):
            picture = first if index == 0 else read_image(image_path)
            shown = _fitted(picture, width, height)
            writer.write(_rgb_frame(shown), index)
            if index in wanted:
                pictures.append(shown)
            if progress is not None:
                progress(index + 1, len(paths))
    return pictures


def view_size(width: int, height: int, max_lines: int) -> tuple[int, int]:
    """Return the even size of a view of ``width`` x ``height`` pictures, at most ``max_lines`` high, never larger."""
    lines = min(max_lines // 2 * 2, height // 2 * 2)
    across = max(2, round(width * lines / height / 2) * 2)
    return min(across, max(2, width // 2 * 2)), max(2, lines)


def _fitted(picture: ByteArray, width: int, height: int) -> ByteArray:
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner_width = min(width, max(1, round(picture.shape[1] * scale)))
    inner_height = min(height, max(1, round(picture.shape[0] * scale)))
    if abs(inner_width - width) <= 2 and abs(inner_height - height) <= 2:
        return resized(picture, width, height)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    canvas[top : top + inner_height, left : left + inner_width] = resized(picture, inner_width, inner_height)
    return canvas


def _rgb_frame(picture: ByteArray) -> Any:
    height, width = picture.shape[:2]
    frame, planes = empty_frame(width, height)
    stacked = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
    flat = np.asarray(stacked, np.uint8).reshape(-1)
    start = 0
    for plane in planes:
        count = plane.shape[0] * plane.shape[1]
        plane[...] = flat[start : start + count].reshape(plane.shape)
        start += count
    return frame


def resized(picture: ByteArray, width: int, height: int) -> ByteArray:
    """Return ``picture`` at another size, averaging where it shrinks."""
    if picture.shape[:2] == (height, width):
        return np.ascontiguousarray(picture)
    shrinking = picture.shape[0] > height or picture.shape[1] > width
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    result: Any = cv2.resize(picture, (width, height), interpolation=method)
    return result  # type: ignore[no-any-return]


def _swapped(picture: NDArray[Any]) -> ByteArray:
    return np.ascontiguousarray(picture[..., ::-1])


def _encoded(picture: ByteArray, suffix: str, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, _swapped(picture), options)
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} cannot be written as {suffix}")
    return bytes(data)
