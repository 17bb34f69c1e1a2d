import numpy as np
import pytest

from egoclean.core.fisheye import project, unproject
from egoclean.demo import scenery
from egoclean.demo.lenses import LENSES, model_camera, scaled
from egoclean.demo.style import workplace_style
from egoclean.media import canvas


@pytest.mark.parametrize("camera", [*LENSES, model_camera(96)])
def test_points_land_where_the_lens_model_says(camera):
    rng = np.random.default_rng(0)
    points = rng.normal((0, 0, 1.2), 1, (400, 3))
    points = points[points[:, 2] > 0.05]
    expected = project(points, camera)
    seen = ~np.isnan(expected[:, 0])
    assert seen.sum() > 50
    np.testing.assert_allclose(canvas.Lens(camera).pixels(points)[seen], expected[seen], atol=1e-6)


@pytest.mark.parametrize("camera", [LENSES[1], scaled(LENSES[0], 320, 180), model_camera(128)])
def test_a_surface_is_sampled_where_exact_rays_meet_it(camera):
    texture = np.zeros((400, 400, 3), np.uint8)
    texture[..., 0] = np.arange(400)[None, :] // 2
    texture[..., 1] = np.arange(400)[:, None] // 2
    lens = canvas.Lens(camera)
    coarse = (lens.rays[:, :2] * 120 + 200).astype(np.float32).reshape(lens.rows, lens.columns, 2)
    seen = lens.enlarged(lens.surface(texture, coarse))
    assert seen.shape == (camera.image_height, camera.image_width, 3)
    rng = np.random.default_rng(1)
    columns = rng.integers(camera.image_width // 4, 3 * camera.image_width // 4, 200)
    rows = rng.integers(camera.image_height // 4, 3 * camera.image_height // 4, 200)
    exact = unproject(np.stack([columns, rows], axis=-1).astype(float), camera)[:, :2] * 120 + 200
    np.testing.assert_allclose(seen[rows, columns, :2], exact / 2, atol=2.5)


def test_room_rays_end_on_the_walls():
    rng = np.random.default_rng(2)
    hits = scenery.room_hit(np.array([0.4, -0.1, -0.6]), rng.normal(size=(500, 3)))
    gap = np.minimum(np.abs(hits - scenery.ROOM_LOW), np.abs(hits - scenery.ROOM_HIGH)).min(axis=1)
    assert gap.max() < 1e-6
    assert ((hits > scenery.ROOM_LOW - 1e-6) & (hits < scenery.ROOM_HIGH + 1e-6)).all()


def test_the_room_picture_shows_the_back_wall_ahead_and_the_floor_below():
    style = workplace_style(3)
    room = scenery.paint_room(style, 200)
    floor = scenery.panorama_pixels(np.array([[0.9, scenery.ROOM_HIGH[1], -0.2]]), 200)[0].round().astype(int)
    assert np.abs(room[floor[1], floor[0]].astype(int) - style.floor).max() < 60
    assert (room.reshape(-1, 3).max(axis=1) > 0).mean() > 0.9


def test_polygons_behind_the_camera_are_cut_and_not_lost():
    view = canvas.View(canvas.Lens(model_camera(64)), np.zeros(3), canvas.rotation_of(0, 0))
    crossing = np.array([(-1.0, 0.5, -1.0), (1.0, 0.5, -1.0), (1.0, 0.5, 3.0), (-1.0, 0.5, 3.0)])
    assert len(view.outline(crossing)) >= 3
    assert len(view.outline(crossing * (1, 1, -1) - (0, 0, 5))) == 0


def test_noise_repeats_with_its_seed():
    flat = np.full((40, 60, 3), 100, np.uint8)
    first, again = (canvas.Noise(np.random.default_rng(4), 60, 40, 3.0).add(flat.copy(), 7) for _ in range(2))
    assert np.array_equal(first, again)
    assert 1.0 < first.astype(float).std() < 8.0
