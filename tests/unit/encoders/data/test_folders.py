"""Folders, tables and what belongs together: read from real files; what is wrong in them is said."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.data.folders import class_items, is_class_folder, stem_items
from sixsense.encoders.data.given import Wanted, _folder
from sixsense.encoders.data.item import Item, Motion, belong
from sixsense.encoders.data.tables import is_motion_table, motion_items, pair_items
from sixsense.encoders.errors import InputError
from sixsense.sensors.sample import NS

SECOND = WindowSpec(length_ns=NS, hop_ns=NS // 4)
HEADER = "x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro,timestamp,label\n"


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def recording(path: Path, labels: list[str], start_ms: int = 0, missing: range = range(0)) -> None:
    """One row every 10 ms; `missing` rows are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        f"0,0,9.8,0,0,0,{start_ms + 10 * i},{label}" for i, label in enumerate(labels) if i not in missing
    ]
    text = HEADER + "\n".join(rows) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def test_a_file_of_a_class_folder_has_the_class_as_its_key(tmp_path):
    touch(tmp_path, "dog/1-a.wav", "dog/2-b.wav", "rain/1-c.wav", ".cache/x", "dog/.hidden")
    items = list(class_items("audio", tmp_path))
    assert [(item.key, item.source) for item in items] == [
        ("dog", "dog/1-a.wav"),
        ("dog", "dog/2-b.wav"),
        ("rain", "rain/1-c.wav"),
    ]
    assert [item.source for item in class_items("audio", tmp_path, folds=True)] == ["1/a", "2/b", "1/c"]


def test_a_name_without_a_fold_is_an_error_that_names_it(tmp_path):
    touch(tmp_path, "dog/1-a.wav", "rain/bark.wav")
    with pytest.raises(InputError, match=r"bark\.wav: --folds reads the fold from names like"):
        list(class_items("audio", tmp_path, folds=True))


def test_one_class_tells_nothing_apart(tmp_path):
    with pytest.raises(InputError, match=r"1 class \(dog\)"):
        list(class_items("audio", touch(tmp_path, "dog/a.wav")))


def test_files_right_inside_a_folder_are_paired_by_stem(tmp_path):
    touch(tmp_path, "seen/a.jpg", "seen/b.jpg", "warm/b.png", "warm/a.png")
    assert not is_class_folder(tmp_path / "seen")
    assert is_class_folder(tmp_path)
    seen, warm = (list(stem_items("vision", tmp_path / name)) for name in ("seen", "warm"))
    np.testing.assert_array_equal(belong(seen, warm), np.eye(2, dtype=bool))


def test_credits_beside_the_classes_are_no_pairs(tmp_path):
    touch(tmp_path, "dog/1-a.wav", "rain/2-b.wav", "LICENSE.txt")
    left_out: Counter[str] = Counter()
    part = _folder(tmp_path, "audio", Wanted(("audio",), {}), left_out)
    assert [item.key for item in part()] == ["dog", "rain"]
    assert left_out == {"files beside the folders of classes": 1}


def test_files_beside_one_other_folder_are_still_pairs(tmp_path):
    assert not is_class_folder(touch(tmp_path, "a.jpg", "b.jpg", "small/a.jpg"))


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no files"):
        is_class_folder(tmp_path)


def test_windows_of_one_log_belong_together_when_near_in_time():
    def at(second: int, log: str = "a") -> Item:
        return Item("audio", "", f"{log}{second}", log, second * NS)

    relevant = belong([at(0), at(1)], [at(0), at(2), at(0, "b")], near_ns=NS)
    np.testing.assert_array_equal(relevant, [[True, False, False], [True, True, False]])


def test_a_table_of_pairs_names_its_modalities(tmp_path):
    (tmp_path / "pairs.csv").write_text("audio,text,note\na.wav,a dog,x\nb.wav,rain,y\n")
    items = list(pair_items(tmp_path / "pairs.csv"))
    assert [item.content for item in items] == [tmp_path / "a.wav", "a dog", tmp_path / "b.wav", "rain"]


def test_a_table_without_modalities_or_with_a_hole_says_where(tmp_path):
    (tmp_path / "p.csv").write_text("left,right\na,b\n")
    with pytest.raises(InputError, match="names no two modalities; write for example `thermal,vision`"):
        list(pair_items(tmp_path / "p.csv"))
    (tmp_path / "p.csv").write_text("thermal,vision\na.png,b.jpg\nc.png,\n")
    with pytest.raises(InputError, match=r"p\.csv:3: vision is empty"):
        list(pair_items(tmp_path / "p.csv"))


def test_pairs_of_a_table_belong_by_their_row(tmp_path):
    (tmp_path / "p.csv").write_text("thermal,vision\na.png,b.jpg\na.png,c.jpg\n")
    items = list(pair_items(tmp_path / "p.csv"))
    np.testing.assert_array_equal(belong(items[::2], items[1::2]), np.eye(2, dtype=bool))


def test_labelled_motion_is_cut_into_windows_with_a_majority(tmp_path):
    recording(tmp_path / "s01" / "a.csv.gz", ["SIT"] * 200 + ["WALK"] * 200)
    recording(tmp_path / "s02" / "b.csv", ["WALK"] * 150)
    left_out = Counter[str]()
    items = list(motion_items(tmp_path, SECOND, left_out))
    assert [(item.key, item.source) for item in items] == [
        *[("SIT", "s01")] * 3,
        *[("WALK", "s01")] * 2,
        ("WALK", "s02"),
    ]
    motion = items[0].content
    assert isinstance(motion, Motion)
    assert motion.rows.shape == (100, 6)
    assert motion.stamps[-1] == 990_000_000
    assert left_out["windows between two labels"] == 1


def test_folders_of_links_are_read(tmp_path):
    recording(tmp_path / "store" / "s01" / "a.csv", ["SIT"] * 150)
    (tmp_path / "har").mkdir()
    (tmp_path / "har" / "s01").symlink_to(tmp_path / "store" / "s01")
    assert len(list(motion_items(tmp_path / "har", SECOND, Counter()))) == 1


def test_holes_and_repeated_rows_of_motion_are_counted(tmp_path):
    recording(tmp_path / "s01" / "a.csv", ["SIT"] * 300, missing=range(110, 150))
    with (tmp_path / "s01" / "a.csv").open("a") as file:
        file.write("0,0,9.8,0,0,0,1000,SIT\n")
    left_out = Counter[str]()
    items = list(motion_items(tmp_path, SECOND, left_out))
    assert len(items) == 2
    assert left_out["windows with holes"] == 2
    assert left_out["rows that go back in time or repeat"] == 1


def test_only_a_csv_with_its_columns_is_motion(tmp_path):
    recording(tmp_path / "yes.csv", ["SIT"])
    (tmp_path / "no.csv").write_text("1,2,3\n")
    (tmp_path / "no.csv.gz").write_bytes(b"no gzip")
    assert [is_motion_table(path) for path in sorted(tmp_path.iterdir())] == [False, False, True]


def test_a_row_that_is_no_number_names_the_file(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "0,0,up,0,0,0,0,SIT\n")
    with pytest.raises(InputError, match=r"a\.csv: no table of motion"):
        list(motion_items(tmp_path, SECOND, Counter()))
