"""Frames of windows: the same pictures however many threads decode and resize them."""

import numpy as np
import pytest

from egoclean.errors import MediaError
from egoclean.media.frames import read_frames


@pytest.fixture(scope="module")
def video(tmp_path_factory, make_video):
    return make_video(tmp_path_factory.mktemp("frames") / "clip.mp4", 50, (96, 64))


WINDOWS = [np.arange(0, 16), np.arange(8, 40, 4), np.arange(4, 12), np.array([49, 3, 3])]


@pytest.mark.parametrize("crop", ["center", "pad"])
def test_threads_change_no_picture(video, crop):
    alone = list(read_frames(video, WINDOWS[:3], 32, crop))
    together = list(read_frames(video, WINDOWS[:3], 32, crop, threads=3))
    assert [item.shape for item in alone] == [(16, 32, 32, 3), (8, 32, 32, 3), (8, 32, 32, 3)]
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert not np.array_equal(alone[0][0], alone[0][-1])


@pytest.mark.parametrize("threads", [1, 3])
def test_windows_may_be_in_any_order_and_leave_early(video, threads):
    (last,) = read_frames(video, WINDOWS[3:], 32, threads=threads)
    assert np.array_equal(last[1], last[2])
    frames = read_frames(video, WINDOWS, 32, threads=threads)
    assert next(frames).shape == (16, 32, 32, 3)
    frames.close()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_video_that_ends_too_soon_is_refused(video, threads):
    with pytest.raises(MediaError, match="ends before frame 60"):
        list(read_frames(video, [np.array([60])], 32, threads=threads))
