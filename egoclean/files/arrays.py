"""Arrays from files that others wrote: checked before they are believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.errors import SourceError


def load_array(path: Path) -> NDArray[Any]:
    """Return the array of a ``.npy`` file, memory-mapped; pickled objects are refused.

    Raises
    ------
    SourceError : missing, not ``.npy``, truncated, or of a kind that is not numbers.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(
            f"{path} is not a readable .npy array: {error}.", "Give a file written by numpy.save."
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise SourceError(
            f"{path} holds {getattr(array, 'dtype', type(array))}, expected numbers.", "Save it as float32."
        )
    return array
