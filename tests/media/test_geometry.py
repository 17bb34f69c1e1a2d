"""Pictures rendered through known lenses and rectified: lines are straight and squares are where they belong."""

import numpy as np
import pytest

from egoclean.config import RectifyConfig
from egoclean.core.fisheye import distorted_angle, monotone_limit_rad
from egoclean.core.rectification import choose_camera, inside, source_positions
from egoclean.media.planes import empty_frame
from egoclean.media.remap import PlaneRemapper
from egoclean.records import CameraModel, Intrinsics

FISHEYE = CameraModel.FISHEYE
LENSES = {
    "card": Intrinsics(FISHEYE, 1920, 1080, 1030.59, 1032.82, 966.69, 539.69, -0.1166, -0.0236, 0.0694, -0.0463),
    "card_100k": Intrinsics(FISHEYE, 456, 256, 137.98, 138.23, 232.17, 125.37, 0.3948, 0.1798, -0.2753, 0.0793),
    "gen_4": Intrinsics(FISHEYE, 1920, 1080, 699.19, 699.60, 976.75, 565.79, -0.0180, 0.0617, -0.0527, 0.0190),
    "equidistant": Intrinsics(FISHEYE, 1280, 960, 500.0, 500.0, 639.5, 479.5),
    "folding": Intrinsics(FISHEYE, 960, 540, 560.0, 560.0, 478.0, 271.0, -0.2, -0.05, 0.02, -0.02),
}
LINE_WIDTH = 0.006
SPACING = 0.2


def plane_positions(lens):
    """Where each pixel of the lens's picture meets the plane at distance 1: x and y, NaN where it meets it nowhere."""
    table = np.linspace(0, min(monotone_limit_rad(lens.coefficients), 1.4), 20_000)
    v, u = np.mgrid[0 : lens.image_height, 0 : lens.image_width]
    u, v = (u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy
    radius = np.hypot(u, v)
    reach = np.interp(radius, distorted_angle(table, lens.coefficients), np.tan(table), right=np.nan)
    scale = np.divide(reach, radius, out=np.ones_like(radius), where=radius > 0)
    return u * scale, v * scale


def rectified(lens, luma, config):
    target, _ = choose_camera(lens, config)
    _, into = empty_frame(target.image_width, target.image_height)
    chroma = np.full(((lens.image_height + 1) // 2, (lens.image_width + 1) // 2), 128, np.uint8)
    PlaneRemapper(lens, target, 0)((luma, chroma, chroma), into)
    columns, rows = (np.arange(size, dtype=float) for size in (target.image_width, target.image_height))
    return target, into[0].astype(float), inside(*source_positions(lens, target, columns, rows), lens)


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("name", LENSES)
def test_lines_come_out_straight_and_where_they_belong(name, upright):
    lens = LENSES[name]
    position = plane_positions(lens)[0 if upright else 1]
    distance = np.abs((position / SPACING + 0.5) % 1 - 0.5) * SPACING
    luma = np.nan_to_num(30 + 200 * np.exp(-((distance / LINE_WIDTH) ** 2)), nan=30).astype(np.uint8)
    target, picture, valid = rectified(lens, luma, RectifyConfig())
    focal, centre = (target.fx, target.cx) if upright else (target.fy, target.cy)
    if upright:
        picture, valid = picture.T, valid.T
    half = max(4, round(2.5 * LINE_WIDTH * focal))
    measured = 0
    for level in np.arange(-1.0, 1.01, SPACING):
        row = level * focal + centre
        top = round(row) - half
        if top < 0 or top + 2 * half + 1 > len(picture):
            continue
        band, seen = picture[top : top + 2 * half + 1], valid[top : top + 2 * half + 1].all(axis=0)
        seen &= band.min(axis=0) < 90
        if seen.sum() < picture.shape[1] // 3:
            continue
        weights = np.clip(band[:, seen] - 60, 0, None)
        rows = (weights * np.arange(top, top + 2 * half + 1)[:, None]).sum(axis=0) / weights.sum(axis=0)
        columns = np.flatnonzero(seen)
        bent = rows - np.polynomial.Polynomial.fit(columns, rows, 1)(columns)
        assert np.sqrt(np.mean(bent**2)) < 0.25, level
        assert np.sqrt(np.mean((rows - row) ** 2)) < 0.25, level
        measured += 1
    assert measured >= 3


@pytest.mark.parametrize("name", LENSES)
def test_a_checkerboard_keeps_its_squares(name):
    lens = LENSES[name]
    x, y = plane_positions(lens)
    light = (np.floor(np.nan_to_num(x) / SPACING) + np.floor(np.nan_to_num(y) / SPACING)) % 2
    target, picture, valid = rectified(lens, (30 + 200 * light).astype(np.uint8), RectifyConfig())
    rows, columns = np.mgrid[0 : target.image_height, 0 : target.image_width]
    u, v = (columns - target.cx) / target.fx / SPACING, (rows - target.cy) / target.fy / SPACING
    from_edge = np.minimum(np.abs(u - np.round(u)), np.abs(v - np.round(v))) * SPACING * target.fx
    expected = 30 + 200 * ((np.floor(u) + np.floor(v)) % 2)
    certain = valid & (from_edge > 4)
    assert certain.sum() > 0.3 * valid.sum()
    assert np.mean(np.abs(picture - expected)[certain] < 20) > 0.999
