import threading

import pytest

from egoclean.store.memo import FingerprintMemo


def test_a_digest_is_remembered_and_replaced(tmp_path):
    memo = FingerprintMemo(tmp_path / "new" / "memo.sqlite")
    assert memo.get("a") is None
    memo.put("a", "1")
    memo.put("a", "2")
    assert FingerprintMemo(tmp_path / "new" / "memo.sqlite").get("a") == "2"


@pytest.mark.parametrize("data", [b"no database" * 100, b"SQLite format 3\0" + b"\0" * 4080])
def test_a_damaged_memo_forgets_and_works_on(tmp_path, data):
    path = tmp_path / "memo.sqlite"
    FingerprintMemo(path).put("a", "1")
    path.write_bytes(data)
    memo = FingerprintMemo(path)
    assert memo.get("a") is None
    memo.put("a", "2")
    assert FingerprintMemo(path).get("a") == "2"


def test_a_memo_that_is_damaged_while_it_is_used_remembers_nothing(tmp_path):
    memo = FingerprintMemo(tmp_path / "memo.sqlite")
    (tmp_path / "memo.sqlite").write_bytes(b"no database" * 100)
    memo.put("a", "1")
    assert memo.get("a") is None


def test_many_threads_may_open_a_new_memo_at_once(tmp_path):
    failures = []

    def work(number):
        try:
            FingerprintMemo(tmp_path / "memo.sqlite").put(str(number), str(number))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    memo = FingerprintMemo(tmp_path / "memo.sqlite")
    assert {memo.get(str(number)) for number in range(12)} == {str(number) for number in range(12)}
