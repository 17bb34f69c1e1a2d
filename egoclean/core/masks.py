"""Masks that VideoMAE scores a window with: ``True`` is masked, to be predicted; ``False`` is visible.

Every mask of a call hides the same number of tokens, as the model needs. Tokens are in the model's order: time, row,
column. Seeds come from ``SeedSequence(sha256(clip fingerprint, first pts of the window, repeat, seed))``, so neither
the order of the work, the batch, a resumed run nor the salt of :func:`hash` can change a mask.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.errors import UsageError

Masks = NDArray[np.bool_]

PUBLISHED_RATIO = 0.9
"""Share of tokens that the published pipeline and VideoMAE's training hide."""


@dataclass(frozen=True, slots=True)
class TokenGrid:
    """How many tokens a window has: ``time`` slots of ``rows`` x ``columns`` patches.

    ``groups`` is into how many equal groups the patches of a slot are cut, each the visible set of one mask; None for
    what :func:`partition_groups` chooses.
    """

    time: int
    rows: int
    columns: int
    groups: int | None = None

    @property
    def positions(self) -> int:
        """Patches of one time slot."""
        return self.rows * self.columns

    @property
    def mask_count(self) -> int:
        """Masks whose visible sets together cover every patch once."""
        return self.groups or partition_groups(self.positions)

    @property
    def tokens(self) -> int:
        """Tokens of the whole window."""
        return self.time * self.positions


@dataclass(frozen=True, slots=True)
class MaskIdentity:
    """What a window's masks are drawn from: the same identity always gives the same masks.

    ``fingerprint`` is the SHA-256 of the clip, ``start_pts`` the window's first pts in the clip's time base.
    """

    fingerprint: str
    start_pts: int
    seed: int

    def generator(self, repeat: int) -> np.random.Generator:
        """Return the random generator of the ``repeat``-th draw for this window."""
        text = f"{self.fingerprint}\n{self.start_pts}\n{repeat}\n{self.seed}"
        digest = hashlib.sha256(text.encode()).digest()
        return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest, "big")))


def partition_groups(positions: int) -> int:
    """Return into how many equal groups a grid's positions are cut: the visible sets of as many disjoint masks.

    It is the divisor of ``positions`` nearest to 10 by ratio (10 groups hide 90 %, as in training): 14 groups of 14
    for VideoMAE-base's 196 positions (92.9 % hidden), 7 of 7 for 49 (85.7 % hidden), 8 of 8 for 64.

    Raises
    ------
    UsageError : when ``positions`` is below 4: nothing sensible can be hidden.
    """
    if positions < 4:
        raise UsageError(f"A mask needs at least 4 patches in a frame, found {positions}.")
    divisors = [number for number in range(2, positions + 1) if positions % number == 0]
    return min(divisors, key=lambda groups: (abs(math.log(groups / 10)), groups))


def tube_masks(grid: TokenGrid, count: int, identity: MaskIdentity) -> Masks:
    """Return ``count`` masks that hide the same patches at all times, shape ``(count, grid.tokens)``.

    Mask ``k`` depends on ``k`` alone, not on ``count``. The visible sets of the first
    ``grid.mask_count`` masks are disjoint and together cover every position once; masks beyond that
    start a second such partition, drawn anew.

    Raises
    ------
    UsageError : when ``count`` is below 1.
    """
    _require_count(count)
    groups = grid.mask_count
    visible_per_mask = grid.positions // groups
    masks = np.ones((count, grid.time, grid.positions), dtype=np.bool_)
    for repeat in range(math.ceil(count / groups)):
        order = identity.generator(repeat).permutation(grid.positions)
        for group in range(min(groups, count - repeat * groups)):
            visible = order[group * visible_per_mask : (group + 1) * visible_per_mask]
            masks[repeat * groups + group][:, visible] = False
    return masks.reshape(count, grid.tokens)


def random_masks(grid: TokenGrid, count: int, identity: MaskIdentity, ratio: float = PUBLISHED_RATIO) -> Masks:
    """Return ``count`` masks that each hide ``int(ratio * grid.tokens)`` tokens drawn freely over space and time.

    This is what the published pipeline did; VideoMAE was trained with tubes. Shape ``(count, grid.tokens)``.

    Raises
    ------
    UsageError : when ``count`` is below 1 or ``ratio`` would hide nothing or everything.
    """
    _require_count(count)
    hidden = int(ratio * grid.tokens)
    if not 0 < hidden < grid.tokens:
        raise UsageError(f"The share of hidden tokens must leave some hidden and some visible, found {ratio}.")
    masks = np.zeros((count, grid.tokens), dtype=np.bool_)
    for repeat in range(count):
        masks[repeat, identity.generator(repeat).permutation(grid.tokens)[:hidden]] = True
    return masks


def window_masks(kind: str, grid: TokenGrid, count: int, identity: MaskIdentity) -> Masks:
    """Return the masks of one window, shape ``(count, grid.tokens)``; ``kind`` is ``"tube"`` or ``"random"``.

    Raises
    ------
    UsageError : for another kind.
    """
    if kind == "tube":
        return tube_masks(grid, count, identity)
    if kind == "random":
        return random_masks(grid, count, identity)
    raise UsageError(f"The kind of mask must be tube or random, found {kind!r}.")


def _require_count(count: int) -> None:
    if count < 1:
        raise UsageError(f"A window needs at least one mask, found {count}.")
