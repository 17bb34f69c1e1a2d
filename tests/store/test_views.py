from egoclean.store.project import open_project
from egoclean.store.views import SavedView, forget_view, list_views, save_view


def test_views_come_back_by_name_and_the_last_of_a_name_stands(tmp_path):
    folder = tmp_path / "views"
    assert list_views(folder) == ()
    one = SavedView("b/../é", "score", {"clip": ["a b"], "signal": ["score", "skill"]}, {"scores": (0.25, 1.5)})
    save_view(folder, SavedView("b/../é", "map"))
    save_view(folder, one)
    save_view(folder, SavedView("A", "clips"))
    assert list_views(folder) == (SavedView("A", "clips"), one)
    forget_view(folder, "A")
    forget_view(folder, "never saved")
    assert list_views(folder) == (one,)


def test_a_file_that_is_no_view_hides_no_other(tmp_path):
    save_view(tmp_path, SavedView("good", "clips"))
    for number, text in enumerate(("", "[]", "{}", '{"name": 1, "page": "x", "query": 3, "ranges": {}}', "\x00")):
        (tmp_path / f"bad{number}.json").write_text(text)
    assert [view.name for view in list_views(tmp_path)] == ["good"]


def test_a_project_with_nothing_but_views_is_a_project(tmp_path):
    save_view(tmp_path / "project" / "views", SavedView("a", "clips"))
    assert not open_project(tmp_path / "project").exists
