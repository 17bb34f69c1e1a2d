"""Calibrations: what is accepted, what is refused by the name of its field, and scaling."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core.fisheye import project
from egoclean.core.intrinsics import intrinsics_to_dict, parse_intrinsics, parse_intrinsics_text, scale_intrinsics
from egoclean.errors import EgocleanError, IntrinsicsError
from egoclean.records import CameraModel, Intrinsics

CARD = {
    "model": "fisheye",
    "image_width": 1920,
    "image_height": 1080,
    "fx": 1030.59,
    "fy": 1032.82,
    "cx": 966.69,
    "cy": 539.69,
    "k1": -0.1166,
    "k2": -0.0236,
    "k3": 0.0694,
    "k4": -0.0463,
}


def test_the_card_parses_and_model_may_be_missing():
    with_model = parse_intrinsics(CARD, "card")
    without = parse_intrinsics({key: value for key, value in CARD.items() if key != "model"}, "card")
    assert with_model == without
    assert with_model.model is CameraModel.FISHEYE
    assert with_model.coefficients == (-0.1166, -0.0236, 0.0694, -0.0463)


@pytest.mark.parametrize("key", [key for key in CARD if key != "model"])
@pytest.mark.parametrize("bad", ["missing", float("nan"), float("inf"), "12", True, None, [1], 10**400])
def test_every_field_is_named_when_it_is_bad(key, bad):
    data = dict(CARD)
    if bad == "missing":
        del data[key]
    else:
        data[key] = bad
    with pytest.raises(IntrinsicsError, match=rf"worker: .*\b{key}\b"):
        parse_intrinsics(data, "worker")


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("fx", 0),
        ("fy", -1032.8),
        ("cx", -1),
        ("cx", 1921),
        ("cy", 5000),
        ("image_width", 0),
        ("image_width", 1920.5),
        ("image_height", -1080),
        ("image_height", 10**9),
        ("model", "omnidirectional"),
        ("model", 7),
    ],
)
def test_impossible_values_are_named(key, bad):
    with pytest.raises(IntrinsicsError, match=rf"{key} must be .*, found"):
        parse_intrinsics(CARD | {key: bad}, "worker")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps(CARD)[:-1] + ', "fx": 3.0}', "'fx' stands there twice"),
        (json.dumps(CARD | {"fx": float("nan")}), "fx must be a finite number, found nan"),
        (json.dumps(CARD).replace("1030.59", "1e999"), "fx must be a finite number, found inf"),
        (json.dumps(CARD).replace("1030.59", "9" * 5000), "not a readable JSON document|fx must be"),
        ("[" * 100_000, "not a readable JSON document"),
        ('{"a":' * 100_000, "not a readable JSON document"),
        ("", "not a readable JSON document"),
        ("[1, 2]", "expected a JSON object, found a list"),
        ("3", "expected a JSON object, found 3"),
    ],
)
def test_bad_documents_are_refused_with_a_sentence(text, words):
    with pytest.raises(IntrinsicsError, match=words):
        parse_intrinsics_text(text, "intrinsics.json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(CARD)), json_values), json_values)
def test_any_json_gives_a_calibration_or_a_sentence(changes, whole):
    for data in (CARD | changes, whole):
        try:
            assert isinstance(parse_intrinsics(data, "x"), Intrinsics)
        except EgocleanError:
            continue


def test_pinhole_needs_no_coefficients_and_refuses_others():
    pinhole = {key: value for key, value in CARD.items() if not key.startswith("k")} | {"model": "pinhole"}
    assert parse_intrinsics(pinhole, "x").model is CameraModel.PINHOLE
    with pytest.raises(IntrinsicsError, match="k2 must be zero"):
        parse_intrinsics(pinhole | {"k2": 0.1}, "x")


def test_scaling_moves_every_projected_point_with_the_picture():
    camera = parse_intrinsics(CARD, "card")
    small = scale_intrinsics(camera, 456, 256)
    assert small.coefficients == camera.coefficients
    rays = np.random.default_rng(0).normal(size=(100, 3)) * [0.5, 0.3, 0] + [0, 0, 1]
    expected = (project(rays, camera) + 0.5) * [456 / 1920, 256 / 1080] - 0.5
    np.testing.assert_allclose(project(rays, small), expected, atol=1e-9)
    assert scale_intrinsics(camera, 1920, 1080) is camera


@pytest.mark.parametrize("size", [(1440, 1080), (1080, 1920), (1920, 1058)])
def test_another_aspect_is_refused(size):
    with pytest.raises(IntrinsicsError, match="another aspect"):
        scale_intrinsics(parse_intrinsics(CARD, "card"), *size)


def test_written_calibrations_read_back_equal():
    source = parse_intrinsics(CARD, "card")
    camera = Intrinsics(CameraModel.PINHOLE, 1920, 1080, 700.0, 700.0, 959.5, 539.5)
    written = json.loads(json.dumps(intrinsics_to_dict(camera, source)))
    assert written["model"] == "pinhole"
    assert parse_intrinsics(written, "x") == camera
    assert parse_intrinsics(written["source_calibration"], "x") == source
