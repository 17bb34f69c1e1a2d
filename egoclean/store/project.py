"""A project: the folder that holds what a person decided, apart from the cache that can be made again."""

from __future__ import annotations

import dataclasses
import os
import tomllib
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from filelock import FileLock

from egoclean.config import (
    VERB_CONFIGS,
    EmbedConfig,
    ExportConfig,
    IngestConfig,
    RectifyConfig,
    ScoreConfig,
    SelectConfig,
    StructureConfig,
    build_config,
    value_type,
)
from egoclean.errors import UsageError
from egoclean.store.atomic import disk_errors, is_temporary, write_text
from egoclean.store.keys import digest

PROJECT_FILE = "project.toml"
LAYOUT = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of all seven verbs."""

    ingest: IngestConfig = field(default_factory=IngestConfig)
    rectify: RectifyConfig = field(default_factory=RectifyConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    structure: StructureConfig = field(default_factory=StructureConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    export: ExportConfig = field(default_factory=ExportConfig)

    def changed(self, verb: str, values: Mapping[str, Any], where: str = "the command line") -> Settings:
        """Return settings in which ``verb`` has the given values; raises ``UsageError`` for a wrong one."""
        current = {
            item.name: getattr(getattr(self, verb), item.name) for item in dataclasses.fields(VERB_CONFIGS[verb])
        }
        config = build_config(VERB_CONFIGS[verb], {**current, **values}, where)
        return dataclasses.replace(self, **{verb: config})


@dataclass(frozen=True, slots=True)
class Project:
    """The paths of a project folder and of the cache that goes with it."""

    root: Path

    @property
    def file(self) -> Path:
        """``project.toml``: sources and the settings that differ from the defaults."""
        return self.root / PROJECT_FILE

    @property
    def decisions(self) -> Path:
        """The append-only journal of what a person decided."""
        return self.root / "decisions.jsonl"

    @property
    def selections(self) -> Path:
        """Folder of the selections made."""
        return self.root / "selections"

    @property
    def exports(self) -> Path:
        """Folder of the manifests exported from the dashboard."""
        return self.root / "exports"

    @property
    def runs(self) -> Path:
        """Folder with one folder a run: events, progress and log."""
        return self.root / "runs"

    @property
    def exists(self) -> bool:
        """Whether the project has been created."""
        return self.file.is_file()

    def cache_root(self) -> Path:
        """Return the cache folder: EGOCLEAN_CACHE, or ``cache`` in project.toml, or ``cache`` beside the project."""
        from_environment = os.environ.get("EGOCLEAN_CACHE")
        if from_environment:
            return Path(from_environment).absolute()
        stored = self._read().get("cache") if self.exists else None
        if stored is not None and not isinstance(stored, str):
            raise UsageError(f"{self.file}: cache must be a folder's name, found {stored!r}.")
        return (self.root / stored).resolve() if stored else self.root.parent / "cache"

    def catalog_file(self) -> Path:
        """Return the path of the derived catalog of this project, inside the cache."""
        return self.cache_root() / "catalogs" / f"{digest(str(self.root.resolve()))[:16]}.sqlite"

    def demo_folder(self, size: str) -> Path:
        """Return where the demo footage of ``demo:`` or ``demo:tiny`` lies, inside the cache."""
        return self.cache_root() / "demo" / size / "demo"

    def tables(self) -> Path:
        """Return the folder of the derived tables of this project, inside the cache."""
        return self.cache_root() / "tables" / digest(str(self.root.resolve()))[:16]

    def sources(self) -> tuple[str, ...]:
        """Return the sources in the order they were added."""
        stored = self._read().get("sources", []) if self.exists else []
        if not isinstance(stored, list) or not all(isinstance(item, str) for item in stored):
            raise UsageError(f"{self.file}: sources must be a list of texts, found {stored!r}.")
        return tuple(stored)

    def settings(self) -> Settings:
        """Return the settings: the defaults, changed by what project.toml says.

        Raises
        ------
        UsageError : project.toml is not TOML, has an unknown table or key, or a value outside its limits.
        """
        settings = Settings()
        if not self.exists:
            return settings
        for name, values in self._read().items():
            if name == "layout" and values != LAYOUT:
                raise UsageError(
                    f"{self.file} has layout {values!r}, this egoclean reads layout {LAYOUT}.", "Update egoclean."
                )
            if name in ("sources", "cache", "layout"):
                continue
            if name not in VERB_CONFIGS or not isinstance(values, dict):
                raise UsageError(
                    f"{self.file}: unknown entry {name!r}.", f"Tables it may hold: {', '.join(VERB_CONFIGS)}."
                )
            settings = settings.changed(name, values, f"{self.file} [{name}]")
        return settings

    def save(self, sources: Sequence[str], settings: Settings) -> None:
        """Write project.toml: the sources, and every setting that differs from its default."""
        document = tomlkit.parse(self.file.read_text(encoding="utf-8")) if self.exists else _new_document()
        document["sources"] = list(sources)
        for verb, config_class in VERB_CONFIGS.items():
            default, config = config_class(), getattr(settings, verb)
            changed = {
                item.name: getattr(config, item.name)
                for item in dataclasses.fields(config_class)
                if getattr(config, item.name) != getattr(default, item.name)
            }
            if changed:
                document[verb] = changed
            else:
                document.pop(verb, None)
        text = tomlkit.dumps(document)
        if not self.exists or self.file.read_text(encoding="utf-8") != text:
            write_text(self.file, text)

    def update(self, change: Callable[[Settings], Settings], sources: Sequence[str] = ()) -> None:
        """Add ``sources`` and apply ``change`` to the settings as they are now.

        Safe beside other processes that do the same: what another one changed meanwhile is kept.
        """
        with disk_errors(self.file):
            self.root.mkdir(parents=True, exist_ok=True)
            turn = FileLock(self.root / f".{PROJECT_FILE}.lock")
        with turn:
            self.save(list(dict.fromkeys([*self.sources(), *sources])), change(self.settings()))

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{self.file} is not a TOML file: {error}.", "Mend it, or move it away to start anew."
            ) from error


def _new_document() -> tomlkit.TOMLDocument:
    document = tomlkit.document()
    document.add(
        tomlkit.comment("An egoclean project: where the footage is and the settings that differ from the defaults.")
    )
    document["layout"] = LAYOUT
    return document


def open_project(root: Path) -> Project:
    """Return the project at ``root``, which need not exist yet.

    Raises
    ------
    UsageError : ``root`` is a file, or a folder that holds other things and no project.toml.
    """
    project = Project(root.absolute())
    if root.is_file():
        raise UsageError(f"{root} is a file, a project is a folder.", "Give a folder with --project.")
    strangers = [path for path in root.iterdir() if not _is_ours(path)] if root.is_dir() else []
    if strangers and not project.exists:
        raise UsageError(
            f"{root} is a folder with other things in it and no {PROJECT_FILE}.",
            "Give a new or an existing project folder with --project.",
        )
    return project


def _is_ours(path: Path) -> bool:
    """Whether something in a folder may be what a run that was killed early left of a project."""
    ours = path.name in (".DS_Store", "runs", "decisions.jsonl", "selections", "exports")
    is_lock = path.name.startswith(".") and path.suffix == ".lock"
    return ours or is_lock or is_temporary(path.name)


def changed_settings(settings: Settings, given: Mapping[str, Any], verbs: tuple[str, ...]) -> Settings:
    """Return ``settings`` changed by the options that were given, or named by the environment, in each of ``verbs``.

    Raises
    ------
    UsageError : a value outside its limits, or an environment variable of the wrong type.
    """
    for verb in verbs:
        values: dict[str, Any] = {}
        for item in dataclasses.fields(VERB_CONFIGS[verb]):
            value = given.get(item.name)
            if value is None:
                value = _from_environment(VERB_CONFIGS[verb], item)
            if value is not None:
                values[item.name] = value
        settings = settings.changed(verb, values)
    return settings


def _from_environment(config_class: type[Any], item: dataclasses.Field[Any]) -> Any:
    name = item.metadata.get("environment")
    text = os.environ.get(name) if name else None
    if not text:
        return None
    kind, _ = value_type(typing.get_type_hints(config_class)[item.name])
    try:
        return kind(text)
    except ValueError as error:
        raise UsageError(
            f"The environment variable {name} must be of type {kind.__name__}, found {text!r}.", "Change or unset it."
        ) from error
