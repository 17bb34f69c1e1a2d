import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.core.masks import MaskIdentity, TokenGrid, partition_groups, random_masks, tube_masks, window_masks
from egoclean.errors import UsageError

BASE = TokenGrid(8, 14, 14)
SMALL = TokenGrid(8, 7, 7)
IDENTITY = MaskIdentity("ab" * 32, 3003, 42)


def visible_positions(mask, grid):
    return {int(position) for position in np.flatnonzero(~mask.reshape(grid.time, grid.positions)[0])}


def test_grids_are_cut_into_the_documented_groups():
    assert [partition_groups(positions) for positions in (196, 49, 64, 256, 121)] == [14, 7, 8, 8, 11]


@pytest.mark.parametrize(("grid", "groups"), [(BASE, 14), (SMALL, 7), (TokenGrid(8, 14, 14, 4), 4)])
def test_a_full_set_of_tube_masks_is_a_partition(grid, groups):
    assert grid.mask_count == groups
    masks = tube_masks(grid, groups, IDENTITY)
    sets = [visible_positions(mask, grid) for mask in masks]
    assert sorted(position for chosen in sets for position in chosen) == list(range(grid.positions))


def test_two_tube_masks_hide_every_patch_at_least_once():
    assert tube_masks(BASE, 2, IDENTITY).any(axis=0).all()


def test_tubes_are_the_same_at_all_times_and_hide_equally():
    masks = tube_masks(SMALL, 14, IDENTITY).reshape(14, SMALL.time, SMALL.positions)
    assert (masks == masks[:, :1]).all()
    assert set(masks.sum(axis=(1, 2)).tolist()) == {SMALL.time * 42}


def test_a_second_partition_starts_after_the_first():
    masks = tube_masks(SMALL, 14, IDENTITY)
    first, second = masks[:7], masks[7:]
    assert (~second).sum(axis=0).max() == 1
    assert (~second).any(axis=0).all()
    assert {frozenset(visible_positions(mask, SMALL)) for mask in first}.isdisjoint(
        {frozenset(visible_positions(mask, SMALL)) for mask in second}
    )


@given(st.integers(1, 14), st.integers(1, 14))
def test_a_mask_does_not_depend_on_how_many_are_asked_for(few, many):
    few, many = sorted((few, many))
    for make in (tube_masks, random_masks):
        assert (make(SMALL, many, IDENTITY)[:few] == make(SMALL, few, IDENTITY)).all()


def test_each_part_of_the_identity_changes_the_masks():
    others = [
        MaskIdentity("cd" * 32, 3003, 42),
        MaskIdentity("ab" * 32, 3004, 42),
        MaskIdentity("ab" * 32, 3003, 43),
    ]
    for kind in ("tube", "random"):
        reference = window_masks(kind, BASE, 2, IDENTITY)
        assert all((window_masks(kind, BASE, 2, other) != reference).any() for other in others)


def test_random_masks_hide_as_the_published_pipeline_does():
    masks = random_masks(BASE, 3, IDENTITY)
    assert masks.sum(axis=1).tolist() == [1411, 1411, 1411]
    assert (masks[0] != masks[1]).any()
    by_time = masks[0].reshape(BASE.time, BASE.positions)
    assert (by_time != by_time[:1]).any()


def test_masks_are_the_same_in_another_process():
    code = (
        "from egoclean.core.masks import *;"
        "i = MaskIdentity('ab' * 32, 3003, 42); g = TokenGrid(8, 7, 7);"
        "print(tube_masks(g, 3, i).tobytes().hex() + random_masks(g, 3, i).tobytes().hex())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    here = tube_masks(SMALL, 3, IDENTITY).tobytes().hex() + random_masks(SMALL, 3, IDENTITY).tobytes().hex()
    assert found == here


def test_masks_are_pinned_across_versions():
    assert sorted(visible_positions(tube_masks(SMALL, 1, IDENTITY)[0], SMALL)) == PINNED


def test_impossible_requests_are_refused():
    with pytest.raises(UsageError, match="at least one mask"):
        tube_masks(BASE, 0, IDENTITY)
    with pytest.raises(UsageError, match="tube or random"):
        window_masks("block", BASE, 1, IDENTITY)
    with pytest.raises(UsageError, match="hidden"):
        random_masks(BASE, 1, IDENTITY, ratio=1.0)
    with pytest.raises(UsageError, match="4 patches"):
        partition_groups(3)


PINNED = [0, 4, 15, 23, 32, 34, 35]
