import pytest
from pipeline_tools import call, work_here


@pytest.fixture
def here(monkeypatch):
    """Commands run in this process with models that answer at once."""
    work_here(monkeypatch)


@pytest.fixture
def egoclean(here, monkeypatch, capsys):
    """Return ``egoclean(*arguments, status=0)``: a command run here, with what it wrote."""
    return lambda *arguments, status=0: call(monkeypatch, capsys, arguments, status)
