"""A narrow table says the same as the table it was read from."""

import pandas as pd

from egoclean.store.tables import read_narrow_table, read_table, write_table


def test_a_narrow_table_has_the_same_values_and_shares_its_texts(tmp_path):
    table = pd.DataFrame(
        {
            "clip_id": pd.Series(["a", "b", "a", None], dtype="str"),
            "scene": [None, None, None, None],
            "reason": pd.Series(list("wxyz"), dtype="str"),
            "score": [1.0, None, 0.5, 2.0],
        }
    )
    write_table(tmp_path / "table.parquet", table)
    whole = read_table(tmp_path / "table.parquet")
    narrow = read_narrow_table(tmp_path / "table.parquet", {"clip_id", "scene", "not there"})
    assert [str(kind) for kind in narrow.dtypes] == ["category", "category", "str", "float64"]
    assert list(narrow["clip_id"].cat.categories) == ["a", "b"]
    assert narrow.isna().equals(whole.isna())
    assert narrow.astype("object").fillna("none").equals(whole.astype("object").fillna("none"))
