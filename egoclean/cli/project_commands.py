"""Commands that work on a project: make the demo, run the pipeline, see how it stands, export, open the dashboard."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click

from egoclean import jobs
from egoclean.cli.options import config_options
from egoclean.cli.terminal import TerminalReporter
from egoclean.config import (
    EmbedConfig,
    ExportConfig,
    IngestConfig,
    RectifyConfig,
    ScoreConfig,
    SelectConfig,
    StructureConfig,
)
from egoclean.errors import UsageError
from egoclean.store.project import Project, changed_settings, open_project

ALL_VERBS = ("ingest", "rectify", "score", "embed", "structure", "select", "export")

project_option = click.option(
    "--project",
    "project_folder",
    type=click.Path(path_type=Path),
    default=Path("project"),
    show_default=True,
    help="Folder of the project.",
)


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write the demo footage into.")
@click.option("--size", type=click.Choice(("full", "tiny")), default="full", show_default=True, help="How much of it.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the world.")
def demo_command(out: Path, size: str, seed: int) -> None:
    """Make synthetic footage with known truth, in the layouts of real footage."""
    from egoclean.demo.world import Size
    from egoclean.demo.write import build_demo

    with TerminalReporter() as reporter:
        build_demo(
            out, cast(Size, size), seed, progress=lambda done, total: reporter.stage("demo", done, total, "files")
        )
    click.echo(str(out))


@click.command("ingest")
@click.argument("sources", nargs=-1)
@project_option
@config_options(IngestConfig)
@click.pass_context
def ingest_command(context: click.Context, /, sources: tuple[str, ...], project_folder: Path, **given: Any) -> None:
    """Add SOURCE... to a project and find out what is there, without decoding a frame."""
    context.exit(_run(project_folder, sources, given, ("ingest",), until="ingest"))


@click.command("run")
@click.argument("sources", nargs=-1)
@project_option
@click.option("--until", type=click.Choice(ALL_VERBS), default="export", show_default=True, help="Last verb to do.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes for decoding and encoding.  [default: all cores]"
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing.")
@click.option("--background", is_flag=True, help="Start the run in its own process and return at once.")
@click.option("--run-id", hidden=True)
@config_options(IngestConfig, RectifyConfig, ScoreConfig, EmbedConfig, StructureConfig, SelectConfig, ExportConfig)
@click.pass_context
def run_command(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    project_folder: Path,
    until: str,
    workers: int | None,
    dry_run: bool,
    background: bool,
    run_id: str | None,
    **given: Any,
) -> None:
    """Do everything: from SOURCE... to a manifest. Without SOURCE, the sources of the project.

    SOURCE is a folder, a video, a tar, a frame manifest (.jsonl), a nuScenes root, hub:OWNER/NAME, or demo: for the
    synthetic demo. What is finished is not done again; a run that was killed goes on where it was.
    """
    if background:
        arguments = _without_background(sys.argv)
        click.echo(jobs.start_run(open_project(project_folder), arguments))
        return
    if dry_run:
        _print_plan(project_folder, sources, given)
        return
    context.exit(_run(project_folder, sources, given, ALL_VERBS, until=until, workers=workers, run_id=run_id))


@click.command("status")
@project_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status_command(project_folder: Path, as_json: bool) -> None:
    """Show every clip and how far each verb came, with reasons."""
    from egoclean.library import Library
    from egoclean.status import project_status, status_lines

    status = project_status(Library(_existing(project_folder)))
    click.echo(json.dumps(status, indent=1, ensure_ascii=False) if as_json else "\n".join(status_lines(status)))


@click.command("stop")
@project_option
def stop_command(project_folder: Path) -> None:
    """Stop the runs of a project; what is finished is kept."""
    for run_id in jobs.stop_runs(open_project(project_folder)):
        click.echo(run_id)


@click.command("evaluate")
@project_option
@click.option("--truth", type=click.Path(path_type=Path), help="Known events, as the demo's truth.json has them.")
@click.option("--seeds", type=click.IntRange(1, 100), default=5, show_default=True, help="Random draws and splits.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write everything as JSON, curves included.")
@config_options(SelectConfig)
def evaluate_command(project_folder: Path, truth: Path | None, seeds: int, out: Path | None, **given: Any) -> None:
    """Put the project's selection beside random, uniform and top-score choices of the same size.

    Higher coverage stands for more of the footage; higher redundancy says the same more often; downstream error is that
    of a small model of what comes next, learned from the chosen windows and tested on held-out groups (1 = learned
    nothing); kinds found is the share of the kinds of known events among the chosen.
    """
    from egoclean.library import Library
    from egoclean.store.atomic import write_json
    from egoclean.verbs.evaluate import evaluate_project, evaluation_document, evaluation_lines

    project = _existing(project_folder)
    library = Library(project)
    view = library.selection()
    settings = project.settings() if view is None else replace(project.settings(), select=view.config)
    evaluation = evaluate_project(library, changed_settings(settings, given, ("select",)).select, truth, seeds)
    if out is not None:
        write_json(out, evaluation_document(evaluation))
    click.echo("\n".join(evaluation_lines(evaluation)))


@click.command("export")
@project_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Manifest to write.")
@config_options(ExportConfig)
def export_command(project_folder: Path, out: Path, **given: Any) -> None:
    """Write the manifest of the project's selection: which seconds to train on, and why."""
    from egoclean.library import Library
    from egoclean.verbs.export import export_selection

    project = _existing(project_folder)
    given.setdefault("format", None)
    if given["format"] is None and out.suffix.lstrip(".") in ("jsonl", "csv", "parquet"):
        given["format"] = out.suffix.lstrip(".")
    settings = changed_settings(project.settings(), given, ("export",))
    library = Library(project)
    view = library.selection()
    if view is None:
        raise UsageError(f"{project.root} has no selection yet.", "Make one with: egoclean run --project DIR")
    rows = export_selection(library, view, out, settings.export.format)
    click.echo(f"{out}: {rows} rows")


@click.command("app")
@project_option
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--i-understand-there-is-no-login", "no_login", is_flag=True, help="Needed for any other --host.")
@click.option("--open/--no-open", "open_browser", default=False, help="Open a browser window.")
def app_command(project_folder: Path, port: int, host: str, no_login: bool, open_browser: bool) -> None:
    """Open the dashboard on a project."""
    if host not in ("127.0.0.1", "localhost", "::1") and not no_login:
        raise UsageError(
            f"The dashboard has no login and {host} lets others reach it.",
            "Use an SSH tunnel, or add --i-understand-there-is-no-login.",
        )
    sys.exit(jobs.serve_dashboard(open_project(project_folder), host, port, open_browser))


def _run(
    project_folder: Path,
    sources: Sequence[str],
    given: dict[str, Any],
    verbs: tuple[str, ...],
    *,
    until: str,
    workers: int | None = None,
    run_id: str | None = None,
) -> int:
    project = open_project(project_folder)
    return jobs.run_here(
        project,
        sources,
        lambda settings: changed_settings(settings, given, verbs),
        until=until,
        workers=workers,
        run_id=run_id,
    )


def _print_plan(project_folder: Path, sources: Sequence[str], given: dict[str, Any]) -> None:
    from egoclean.pipeline import plan

    project = open_project(project_folder)
    settings = changed_settings(project.settings(), given, ALL_VERBS)
    for step in plan(project, settings, jobs.resolve_sources(project, sources)):
        click.echo(f"{'cached' if step.cached else 'to do '}  {step.verb:<9}  {step.clip_id}")


def _existing(project_folder: Path) -> Project:
    project = open_project(project_folder)
    if not project.exists:
        raise UsageError(
            f"There is no project at {project_folder}.", "Make one with: egoclean run SOURCE --project DIR"
        )
    return project


def _without_background(argv: Sequence[str]) -> list[str]:
    return [item for item in argv[argv.index("run") + 1 :] if item != "--background"]
