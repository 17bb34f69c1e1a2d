"""What all tests share: a quiet offline environment, tiny footage, and one finished demo project a session."""

import logging
import os
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from processes import NO_HUB, PERSONAL, run_egoclean

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

settings.register_profile("egoclean", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("egoclean")


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch):
    """Every test starts without personal settings and without a way to the hub."""
    for name in PERSONAL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", NO_HUB)


class _Collected(logging.Handler):
    def __init__(self):
        super().__init__(logging.ERROR)
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def no_errors_logged(request):
    """A test fails when anything logs an ERROR, unless it looks at the log itself (uses ``caplog``)."""
    handler = _Collected()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    if "caplog" not in request.fixturenames:
        assert not handler.lines


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory, worker_id):
    """A folder of this session that all workers share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def worker_id(request):
    """The name of this xdist worker, ``master`` without xdist."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


@pytest.fixture(scope="session")
def once(shared_folder):
    """Return ``once(name, build)``: the folder ``name``, filled by ``build(folder)`` in one worker for all of them."""

    def make(name, build):
        folder, finished = shared_folder / name, shared_folder / f"{name}.finished"
        with FileLock(shared_folder / f"{name}.lock"):
            if not finished.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                build(folder)
                finished.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def demo_folder(once):
    """The tiny demo footage; read only."""
    from egoclean.demo.write import build_demo

    return once("demo-footage", lambda folder: build_demo(folder / "demo", "tiny")) / "demo"


@pytest.fixture(scope="session")
def demo_project(once, demo_folder):
    """The project of a finished run on the tiny demo; read only."""
    from egoclean.store.project import Project

    def build(folder):
        run_egoclean("run", demo_folder, "--project", folder / "project", check=0, timeout_s=1200)

    return Project(once("demo-run", build) / "project")


@pytest.fixture(scope="session")
def clips_folder():
    """The folder of real clips that EGOCLEAN_TEST_CLIPS names."""
    folder = os.environ.get("EGOCLEAN_TEST_CLIPS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("EGOCLEAN_TEST_CLIPS names no folder of real clips")
    return Path(folder)


@pytest.fixture(scope="session")
def make_video():
    """Return ``make_video(path, ...)``: a small synthetic video whose frames carry their own number."""
    from media_clips import write_clip

    def make(path, frames=80, size=(160, 120), rate=30, codec="libx264", **options):
        rate = Fraction(rate)
        time_base = Fraction(1, rate.numerator * 512)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(path, frames, size, codec, time_base=time_base, step=512 * rate.denominator, **options)
        return path

    return make
