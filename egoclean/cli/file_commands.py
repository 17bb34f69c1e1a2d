"""Verbs on plain files: one part of egoclean for anyone, without a project or a cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from egoclean.cli.options import config_options
from egoclean.cli.terminal import TerminalReporter
from egoclean.config import EmbedConfig, IngestConfig, RectifyConfig, ScoreConfig, SelectConfig, StructureConfig
from egoclean.store.project import Settings, changed_settings

_READING_ONLY = tuple(name for name in IngestConfig.__dataclass_fields__ if name not in ("data_root", "salvage"))
_SALVAGE_ONLY = tuple(name for name in IngestConfig.__dataclass_fields__ if name != "salvage")
_path = click.Path(path_type=Path)


@click.command("rectify")
@click.argument("videos", nargs=-1, required=True, type=_path)
@click.option(
    "--intrinsics", "intrinsics_path", type=_path, help="Calibration: flat fx fy cx cy k1..k4 and image size."
)
@click.option("--out", type=_path, required=True, help="Folder to write into.")
@config_options(RectifyConfig)
@config_options(IngestConfig, without=_SALVAGE_ONLY)
@click.pass_context
def rectify_command(
    context: click.Context, /, videos: tuple[Path, ...], intrinsics_path: Path | None, out: Path, **given: Any
) -> None:
    """Rectify fisheye VIDEO...: a small view each, with --full the whole picture, the new camera and a report."""
    from egoclean.files.rectify import rectify_files

    settings = changed_settings(Settings(), given, ("rectify", "ingest"))
    salvage = settings.ingest.salvage == "prefix"
    with TerminalReporter() as reporter:
        context.exit(rectify_files(videos, intrinsics_path, out, settings.rectify, reporter, salvage=salvage))


@click.command("score")
@click.argument("sources", nargs=-1, required=True)
@click.option("--out", type=_path, help="Scores to write, JSON Lines.  [default: SCORES_OUT or scores.jsonl]")
@click.option("--renders", type=_path, help="Folder for truth, prediction and panel pictures of every window.")
@click.option("--overlay", is_flag=True, help="Show the mask over the truth picture.")
@config_options(ScoreConfig)
@config_options(IngestConfig, without=_READING_ONLY)
@click.pass_context
def score_command(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    out: Path | None,
    renders: Path | None,
    overlay: bool,
    **given: Any,
) -> None:
    """Score every window of a frame manifest or of videos by how hard VideoMAE finds it to reconstruct."""
    from egoclean.files.score import score_files

    settings = changed_settings(Settings(), given, ("score", "ingest"))
    out = out or Path(os.environ.get("SCORES_OUT") or "scores.jsonl")
    with TerminalReporter() as reporter:
        context.exit(score_files(sources, out, renders, overlay, settings, reporter))


@click.command("distribution")
@click.argument("scores", type=_path)
@click.option("--out", type=_path, required=True, help="Histogram to write, PNG; statistics go beside it.")
@click.option("--bins", type=click.IntRange(1, 1000), default=40, show_default=True, help="Bars of the histogram.")
def distribution_command(scores: Path, out: Path, bins: int) -> None:
    """Draw the histogram of scores.jsonl and write its statistics as JSON."""
    from egoclean.files.score import write_distribution

    click.echo(str(write_distribution(scores, out, bins)))


@click.command("embed")
@click.argument("sources", nargs=-1, required=True)
@click.option("--out", type=_path, required=True, help="Folder to write into.")
@config_options(EmbedConfig)
@config_options(IngestConfig, without=_READING_ONLY)
@click.pass_context
def embed_command(context: click.Context, /, sources: tuple[str, ...], out: Path, **given: Any) -> None:
    """Embed every window of a frame manifest or of videos with V-JEPA 2."""
    from egoclean.files.embed import embed_files

    settings = changed_settings(Settings(), given, ("embed", "ingest"))
    with TerminalReporter() as reporter:
        context.exit(embed_files(sources, out, settings, reporter))


@click.command("structure")
@click.option("--embeddings", type=_path, help="NAME_emb.npy, (n, d).")
@click.option("--similarity", type=_path, help="A similarity matrix (n, n) instead of embeddings.")
@click.option("--times", type=_path, required=True, help="NAME_ts.npy, (n,) window starts in seconds.")
@click.option("--tokens", type=_path, help="NAME_temb.npy, (n, t, d).")
@click.option("--window-s", "window_s", type=float, help="Length of a window, seconds.  [default: the stride]")
@click.option(
    "--covariates", type=_path, help="What else moves the change signal, (n,) or (n, c): head rotation, blur."
)
@click.option("--others", type=_path, multiple=True, help="NAME_emb.npy of the worker's other clips; repeatable.")
@click.option("--out", type=_path, required=True, help="Folder to write into.")
@config_options(StructureConfig)
def structure_command(
    embeddings: Path | None,
    similarity: Path | None,
    times: Path,
    tokens: Path | None,
    window_s: float | None,
    covariates: Path | None,
    others: tuple[Path, ...],
    out: Path,
    **given: Any,
) -> None:
    """Find cycles, segments and anomalies in arrays from anywhere."""
    from egoclean.files.structure import structure_files

    config = changed_settings(Settings(), given, ("structure",)).structure
    written = structure_files(embeddings, similarity, times, tokens, window_s, out, config, covariates, others)
    click.echo(str(written))


@click.command("select")
@click.option("--project", "project_folder", type=_path, help="Select on a project instead of plain files.")
@click.option("--embeddings", type=_path, help="Embeddings (n, d), .npy.")
@click.option("--scores", type=_path, help="Scores, JSON Lines, joined by `row` or by order.")
@click.option("--groups", type=_path, help="CSV with columns row,group.")
@click.option("--times", type=_path, help="Start of each row in seconds, .npy.")
@click.option("--ids", type=_path, help="One id a line.")
@click.option("--out", type=_path, help="Selection to write, JSON Lines.")
@click.option("--left-out", "left_out", type=_path, help="Where to write the rows not chosen, with reasons.")
@config_options(SelectConfig)
def select_command(
    project_folder: Path | None,
    embeddings: Path | None,
    scores: Path | None,
    groups: Path | None,
    times: Path | None,
    ids: Path | None,
    out: Path | None,
    left_out: Path | None,
    **given: Any,
) -> None:
    """Choose a rare and diverse part: on a project, or on arrays from anywhere."""
    from egoclean.files.select import select_files, select_on_project

    if project_folder is not None:
        click.echo(select_on_project(project_folder, given))
        return
    config = changed_settings(Settings(), given, ("select",)).select
    click.echo(select_files(embeddings, scores, groups, times, ids, out, left_out, config))
