"""Copies of finished projects that a test may write into."""

import shutil
from pathlib import Path

from egoclean.library import Library
from egoclean.store.project import Project


def writable_copy(project: Project, folder: Path) -> Project:
    """Copy a project whose cache is read only: entries are links, the derived catalog and tables are its own."""
    cache = folder / "cache"
    cache.mkdir(parents=True)
    shutil.copytree(project.root, folder / "project")
    copy = Project(folder / "project")
    for path in project.cache_root().iterdir():
        if path.name not in ("catalogs", "tables", "locks", "partial", "quarantine"):
            (cache / path.name).symlink_to(path, target_is_directory=path.is_dir())
    copy.catalog_file().parent.mkdir()
    shutil.copyfile(project.catalog_file(), copy.catalog_file())
    shutil.copytree(project.tables(), copy.tables())
    return copy


def copy_without_selections(project: Project, folder: Path) -> Library:
    """Copy a project as :func:`writable_copy`, with nothing chosen and no windows compared yet."""
    copy = writable_copy(project, folder)
    (copy.cache_root() / "select").unlink()
    return Library(copy)
