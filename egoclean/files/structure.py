"""``egoclean structure`` on arrays from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egoclean.config import StructureConfig
from egoclean.errors import UsageError
from egoclean.files.arrays import load_array
from egoclean.verbs.structure import write_structure


def structure_files(
    embeddings: Path | None,
    similarity: Path | None,
    times: Path,
    tokens: Path | None,
    window_s: float | None,
    out: Path,
    config: StructureConfig,
    covariates: Path | None = None,
    others: Sequence[Path] = (),
) -> Path:
    """Write ``NAME_structure.json`` and ``NAME_diagnostics.png`` into ``out``; return the path of the first.

    ``covariates`` (n,) or (n, c) are what else moves the change signal; ``others`` embeddings of other clips.

    Raises
    ------
    UsageError : not exactly one of embeddings and similarity, or arrays that the analysis refuses.
    SourceError : a file that is not an array.
    """
    if (embeddings is None) == (similarity is None):
        raise UsageError("Give either --embeddings or --similarity.", "--embeddings NAME_emb.npy is the usual one.")
    rows, stem = _rows(embeddings, similarity)
    target = out / f"{stem}_structure.json"
    out.mkdir(parents=True, exist_ok=True)
    try:
        write_structure(
            rows,
            load_array(times),
            None if tokens is None else load_array(tokens),
            window_s,
            config,
            json_path=target,
            picture_path=out / f"{stem}_diagnostics.png",
            similarity_path=None,
            title=stem,
            covariates=None if covariates is None else load_array(covariates),
            elsewhere=_sum_of_others(others),
        )
    except ValueError as error:
        raise UsageError(f"The arrays cannot be analysed: {error}", "Mend the array named here.") from error
    return target


def _sum_of_others(paths: Sequence[Path]) -> tuple[Any, int] | None:
    from egoclean.core.similarity import direction_sum

    sums = [direction_sum(load_array(path), str(path)) for path in paths]
    if len({total.shape for total, _ in sums}) > 1:
        raise UsageError("The other clips' embeddings differ in width.", "Give embeddings of one model only.")
    return (np.sum([total for total, _ in sums], axis=0), sum(count for _, count in sums)) if sums else None


def _rows(embeddings: Path | None, similarity: Path | None) -> tuple[Any, str]:
    if embeddings is not None:
        return load_array(embeddings), embeddings.stem.removesuffix("_emb")
    from egoclean.core.similarity import rows_from_similarity

    if similarity is None:
        raise UsageError("Give either --embeddings or --similarity.")
    try:
        return rows_from_similarity(np.asarray(load_array(similarity))), similarity.stem
    except ValueError as error:
        raise UsageError(f"{similarity} is not a similarity matrix: {error}") from error
