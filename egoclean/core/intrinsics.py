"""Camera calibrations from files: checked at the door, scaled to a video's size, written back with their origin."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from egoclean.errors import IntrinsicsError
from egoclean.records import CameraModel, Intrinsics

ASPECT_TOLERANCE = 0.01
"""Greatest relative difference of aspect between a video and its calibration."""

SIZE_LIMIT_PX = 65_535
"""Greatest side of a calibrated picture."""

_LENS_KEYS = ("fx", "fy", "cx", "cy")
_COEFFICIENT_KEYS = ("k1", "k2", "k3", "k4")
_SIZE_KEYS = ("image_width", "image_height")
_KEYS_HINT = "Give flat keys fx, fy, cx, cy, k1, k2, k3, k4, image_width, image_height and, optionally, model."


def parse_intrinsics_text(text: str, where: str) -> Intrinsics:
    """Return the calibration in a JSON document, every field checked as :func:`parse_intrinsics` does.

    ``where`` names the document in errors.

    Raises
    ------
    IntrinsicsError : when the text is not JSON, repeats a key, nests without end, or fails a check.
    """

    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            raise IntrinsicsError(f"{where}: the key {repeated!r} stands there twice.", "Keep one of the two.")
        return result

    try:
        data = json.loads(text, object_pairs_hook=refuse_repeats)
    except (ValueError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else str(error)
        raise IntrinsicsError(f"{where}: not a readable JSON document ({reason}).", _KEYS_HINT) from None
    return parse_intrinsics(data, where)


def parse_intrinsics(data: object, where: str) -> Intrinsics:
    """Return the calibration in ``data``, a mapping with flat keys as datasets and egoclean write them.

    ``model`` is ``fisheye`` when missing; ``pinhole`` and ``cylindrical`` need no coefficients, and theirs must be
    zero. Other keys are ignored. ``where`` names the origin of the data in errors.

    Raises
    ------
    IntrinsicsError : for anything but a mapping, and for a key that is missing, not a finite number, a focal length
        that is not above zero, a size that is not a whole number of pixels, or a centre outside the picture. The
        message names the field.
    """
    if not isinstance(data, Mapping):
        raise IntrinsicsError(f"{where}: expected a JSON object, found {_shown(data)}.", _KEYS_HINT)
    model = _model(data.get("model", CameraModel.FISHEYE.value), where)
    width, height = (_size(data, key, where) for key in _SIZE_KEYS)
    lens = {key: _number(data, key, where) for key in _LENS_KEYS}
    needs_coefficients = model is CameraModel.FISHEYE
    coefficients = {
        key: _number(data, key, where) if needs_coefficients or key in data else 0.0 for key in _COEFFICIENT_KEYS
    }
    for key in ("fx", "fy"):
        if lens[key] <= 0:
            _refuse(where, key, "a focal length above zero", lens[key])
    for key, size in (("cx", width), ("cy", height)):
        if not 0 <= lens[key] <= size:
            _refuse(where, key, f"a centre inside the picture, from 0 to {size}", lens[key])
    if not needs_coefficients:
        for key in _COEFFICIENT_KEYS:
            if coefficients[key] != 0:
                _refuse(where, key, f"zero for the model {model.value!r}", coefficients[key])
    return Intrinsics(model=model, image_width=width, image_height=height, **lens, **coefficients)


def scale_intrinsics(intrinsics: Intrinsics, width: int, height: int) -> Intrinsics:
    """Return the same lens for pictures resized to ``width`` x ``height``: K is scaled per axis, k1..k4 stay.

    A picture's left edge stays its left edge: with the centre of the first pixel at 0, ``cx`` becomes
    ``(cx + 0.5) width / image_width - 0.5``.

    Raises
    ------
    IntrinsicsError : when the aspect differs by more than :data:`ASPECT_TOLERANCE`: then the picture was cropped or
        another camera made it, and no scaling of the calibration fits it.
    """
    if (width, height) == (intrinsics.image_width, intrinsics.image_height):
        return intrinsics
    across, down = width / intrinsics.image_width, height / intrinsics.image_height
    if abs(across / down - 1) > ASPECT_TOLERANCE:
        raise IntrinsicsError(
            f"The video is {width}x{height} but image_width and image_height of its calibration are "
            f"{intrinsics.image_width}x{intrinsics.image_height}, another aspect.",
            "Give the calibration of this camera at this aspect.",
        )
    return dataclasses.replace(
        intrinsics,
        image_width=width,
        image_height=height,
        fx=intrinsics.fx * across,
        fy=intrinsics.fy * down,
        cx=(intrinsics.cx + 0.5) * across - 0.5,
        cy=(intrinsics.cy + 0.5) * down - 0.5,
    )


def intrinsics_to_dict(camera: Intrinsics, source: Intrinsics | None = None) -> dict[str, Any]:
    """Return ``camera`` as the flat keys of an intrinsics file, with ``source_calibration`` inside when given.

    :func:`parse_intrinsics` reads it back equal. The coefficients are written for every model, zero where the model
    has none, so that readers which expect the keys find them.
    """
    result: dict[str, Any] = {"model": camera.model.value}
    for key in (*_SIZE_KEYS, *_LENS_KEYS, *_COEFFICIENT_KEYS):
        result[key] = getattr(camera, key)
    if source is not None:
        result["source_calibration"] = intrinsics_to_dict(source)
    return result


def _model(value: object, where: str) -> CameraModel:
    names = [model.value for model in CameraModel]
    if not isinstance(value, str) or value.lower() not in names:
        _refuse(where, "model", f"one of {', '.join(names)}", value)
    return CameraModel(value.lower())


def _number(data: Mapping[Any, Any], key: str, where: str) -> float:
    value = data[key] if key in data else _missing(where, key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
        _refuse(where, key, "a finite number", value)
    return float(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _size(data: Mapping[Any, Any], key: str, where: str) -> int:
    value = _number(data, key, where)
    if value != int(value) or not 1 <= value <= SIZE_LIMIT_PX:
        _refuse(where, key, f"a whole number of pixels from 1 to {SIZE_LIMIT_PX}", data[key])
    return int(value)


def _missing(where: str, key: str) -> NoReturn:
    raise IntrinsicsError(f"{where}: the key {key} is missing.", _KEYS_HINT)


def _refuse(where: str, key: str, expected: str, found: object) -> NoReturn:
    raise IntrinsicsError(f"{where}: {key} must be {expected}, found {_shown(found)}.", "Correct the calibration file.")


def _shown(value: object) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        return "an object" if isinstance(value, Mapping) else "a list"
    try:
        text = repr(value)
    except ValueError:
        return "a number of very many digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
