from __future__ import annotations

import pytest

from egoclean.sources.layout import LayoutIds, is_wanted, layout_ids


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "factory_001/workers/worker_001/factory001_worker001_part00.tar",
            LayoutIds("factory_001", "worker_001", 0),
        ),
        (
            "x/factory_001/workers/worker_001/factory001_worker001_part00.tar#factory001_worker001_00001.mp4",
            LayoutIds("factory_001", "worker_001", 0),
        ),
        ("data/factory014/worker007/part012.tar", LayoutIds("factory_014", "worker_007", 12)),
        ("factory002_worker009_part003.tar", LayoutIds("factory_002", "worker_009", 3)),
        ("Factory-3/WORKER_4/clip.mp4", LayoutIds("Factory_3".lower(), "worker_4", None)),
        ("factory_2_notes/clip.mp4", LayoutIds(None, None, None)),
        ("videos/kitchen.mp4", LayoutIds(None, None, None)),
        ("departure01.tar", LayoutIds(None, None, None)),
    ],
)
def test_ids_are_read_from_both_layouts(path, expected):
    assert layout_ids(path) == expected


def test_the_innermost_id_wins():
    assert layout_ids("factory_001/copies/factory_002/worker_003/a.mp4").factory == "factory_002"


@pytest.mark.parametrize("wanted", ["1", "001", "factory_001", "factory001", "factory_1"])
def test_a_filter_names_a_factory_in_any_spelling(wanted):
    assert is_wanted("factory_001", wanted)
    assert not is_wanted("factory_011", wanted)
    assert not is_wanted(None, wanted)


def test_no_filter_passes_all():
    assert is_wanted(None, None)
    assert is_wanted("factory_001", None)
