"""What damaged and strange videos become: a code and a sentence, never a shorter clip, a crash or a hang."""

import os
import shutil

import numpy as np
import pytest
from media_clips import lens, write_clip
from media_fuzz import mutate_and_read

from egoclean.config import RectifyConfig
from egoclean.core.windows import window_grid
from egoclean.engines.local import Task, run_tasks
from egoclean.errors import MediaError
from egoclean.media import probe as probe_module
from egoclean.media.decode import check_decoded, decode_frames
from egoclean.media.probe import probe
from egoclean.media.rectify import rectify_video
from egoclean.records import MediaLocation


def refusal(path, tmp_path, intrinsics=None):
    """The error of rectifying a file, and that it left nothing behind."""
    out = tmp_path / "out"
    with pytest.raises(MediaError) as caught:
        rectify_video(MediaLocation(str(path)), intrinsics, RectifyConfig(), out, "clip")
    assert not out.exists() or list(out.iterdir()) == []
    assert "\n" not in str(caught.value)
    return caught.value


def cut(path, to, share):
    data = path.read_bytes()
    to.write_bytes(data[: int(len(data) * share)])
    return to


def flip(data, generator, count, start=0.0, stop=1.0):
    changed = bytearray(data)
    for place in generator.integers(int(len(data) * start), int(len(data) * stop), count):
        changed[place] ^= int(generator.integers(1, 256))
    return bytes(changed)


@pytest.mark.parametrize("content", [b"", b"hello, I am text\n" * 20, b"\0\5\x16\7" + b"\0" * 200])
def test_files_that_are_no_video(tmp_path, content):
    (tmp_path / "x.mp4").write_bytes(content)
    assert refusal(tmp_path / "x.mp4", tmp_path).code == "not_video"


def test_a_folder_a_fifo_and_nothing(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "fifo.mp4")
    assert refusal(tmp_path / "folder.mp4", tmp_path).code == "not_video"
    assert refusal(tmp_path / "fifo.mp4", tmp_path).code == "not_video"
    assert refusal(tmp_path / "gone.mp4", tmp_path).code == "missing"


def test_an_mp4_cut_before_its_table_of_contents(tmp_path):
    write_clip(tmp_path / "a.mp4", faststart=False)
    error = refusal(cut(tmp_path / "a.mp4", tmp_path / "b.mp4", 0.5), tmp_path)
    assert error.code == "truncated_header"
    assert "again" in error.hint


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_video_cut_in_the_middle(tmp_path, codec, suffix):
    write_clip(tmp_path / f"a.{suffix}", codec=codec)
    error = refusal(cut(tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}", 0.7), tmp_path)
    assert error.code == "truncated"
    assert "cut" in error.message


def test_an_archive_that_ends_before_its_video(tmp_path):
    write_clip(tmp_path / "a.mp4")
    size = (tmp_path / "a.mp4").stat().st_size
    with pytest.raises(MediaError, match="ends before the video") as caught:
        probe(MediaLocation(str(tmp_path / "a.mp4"), 100, size))
    assert caught.value.code == "truncated"


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_many_flipped_bytes_end_at_the_first_damage(tmp_path, codec):
    write_clip(tmp_path / "a.mp4", frames=90, codec=codec, size=(320, 180), options={"g": "30", "crf": "18"})
    data = flip((tmp_path / "a.mp4").read_bytes(), np.random.default_rng(3), 400, 0.4, 0.6)
    (tmp_path / "b.mp4").write_bytes(data)
    error = refusal(tmp_path / "b.mp4", tmp_path)
    assert error.code == "decode_error"
    assert error.time_s is not None
    assert 0 < error.time_s < 2.5


def test_zeroed_bytes_are_never_concealed(tmp_path):
    write_clip(tmp_path / "a.mp4", frames=90, size=(320, 180), options={"g": "30", "crf": "18"})
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4096] = bytes(4096)
    (tmp_path / "b.mp4").write_bytes(data)
    assert refusal(tmp_path / "b.mp4", tmp_path).code == "decode_error"


def test_missing_frames_are_an_error_and_an_open_start_a_warning(tmp_path):
    location = MediaLocation("a.mp4")
    expected = np.arange(100) * 512
    assert check_decoded(expected, expected, location) == []
    (problem,) = check_decoded(expected[3:], expected, location)
    assert problem.code == "count_mismatch"
    (problem,) = check_decoded(np.delete(expected, 50), expected, location)
    assert problem.code == "count_mismatch"
    for broken in (np.delete(expected, [50, 51]), expected[:-1], expected[:0]):
        with pytest.raises(MediaError) as caught:
            check_decoded(broken, expected, location)
        assert caught.value.code == "decode_error"


def test_audio_only(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert refusal(tmp_path / "a.mp4", tmp_path).code == "no_video"


@pytest.mark.parametrize("frames", [1, 63])
def test_a_clip_shorter_than_a_window_is_whole_and_has_none(tmp_path, frames):
    location = write_clip(tmp_path / "a.mp4", frames=frames)
    result = rectify_video(location, lens(96, 64), RectifyConfig(), tmp_path, "c")
    assert len(result.pts) == frames
    assert window_grid(result.pts, result.header.time_base, 64, 1.0) == ([], [])


def test_giants_are_refused_before_a_frame_is_decoded(tmp_path, monkeypatch):
    long = write_clip(tmp_path / "long.mp4", pts=[0, 15360 * 3600 * 13])
    assert refusal(long.path, tmp_path).code == "too_large"
    monkeypatch.setattr(probe_module, "LARGEST_PICTURE_PX", 1000)
    monkeypatch.setattr(probe_module, "_first_frame_facts", None)
    assert refusal(write_clip(tmp_path / "wide.mp4").path, tmp_path).code == "too_large"


def test_metadata_that_is_not_text(tmp_path):
    write_clip(tmp_path / "a.mp4", metadata={"title": "REPLACEME"})
    data = (tmp_path / "a.mp4").read_bytes()
    assert b"REPLACEME" in data
    (tmp_path / "b.mp4").write_bytes(data.replace(b"REPLACEME", b"\xff\xfe\xc3\x28\xa0\xa1\xe2\x28\xa1"))
    assert probe(MediaLocation(str(tmp_path / "b.mp4"))).header.packet_count == 30


@pytest.mark.parametrize(
    "name", ["a b.mp4", "new\nline.mp4", "😀.mp4", ";$(touch x).mp4", "x" * 251 + ".mp4", "-i.mp4"]
)
def test_any_name_works_and_is_shown_on_one_line(tmp_path, name):
    write_clip(tmp_path / "plain.mp4", frames=2)
    shutil.copy(tmp_path / "plain.mp4", tmp_path / name)
    assert len(list(decode_frames(MediaLocation(str(tmp_path / name))))) == 2
    (tmp_path / name).write_bytes(b"text")
    assert refusal(tmp_path / name, tmp_path).code == "not_video"


def test_pictures_that_change_their_size(tmp_path):
    parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
    for part, size, start in zip(parts, ((96, 64), (160, 96)), (0, 30), strict=True):
        write_clip(part, size=size, pts=[512 * (start + i) for i in range(30)])
    (tmp_path / "c.ts").write_bytes(parts[0].read_bytes() + parts[1].read_bytes())
    assert refusal(tmp_path / "c.ts", tmp_path).code in {"size_changed", "decode_error"}


@pytest.mark.fault
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_no_mutated_file_crashes_hangs_or_passes_short(tmp_path, codec):
    count = int(os.environ.get("EGOCLEAN_FUZZ_FILES", "60"))
    write_clip(tmp_path / "a.mp4", frames=45, codec=codec, options={"g": "15"})
    chunks = np.array_split(np.arange(count), 4)
    tasks = [Task(str(n), (str(tmp_path / "a.mp4"), seeds.tolist())) for n, seeds in enumerate(chunks)]
    outcomes = []
    for result in run_tasks(mutate_and_read, tasks, 2, timeout_s=240):
        assert result.error is None, result.error
        outcomes += result.value
    assert len(outcomes) == count
    assert [outcome for outcome in outcomes if outcome[1] == "short"] == []
    assert {outcome[1] for outcome in outcomes} >= {"whole", "refused"}
