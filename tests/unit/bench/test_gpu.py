"""The GPU's benchmark runs at a tiny size on the CPU, so that it is known to work before a GPU sees it."""

import pytest
import torch


def test_every_line_of_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    import gpu

    with torch.inference_mode():
        found = gpu.run(torch.device("cpu"), gpu.TINY, batches=[1], seconds=1, repetitions=1)
    rows = found["rows"]
    assert [(row["modality"], row["batch"]) for row in rows] == [(m, 1) for m in gpu.TINY.trunks]
    assert all(row["exact_difference"] < 1e-5 and row["fast_cosine"] > 0.9995 for row in rows)
    assert {name: latency["vectors"] for name, latency in found["live"].items()} == {
        "together": 5,
        "one by one": 5,
    }
    assert [load["rigs"] for load in found["loads"]] == [1]
    printed = capsys.readouterr().out
    assert "one card serves" in printed
    assert all(
        goal in printed for goal in ("one picture at batch 1", "pictures at batch 1", "p99 of one rig")
    )


def test_a_rigs_windows_close_together_and_are_what_its_sensors_gave() -> None:
    import gpu_rigs

    day = gpu_rigs.moments(2)
    assert [set(moment) for moment in day] == [set(gpu_rigs.ORDER)] * 2
    assert [len({window.end_ns for window in moment.values()}) for moment in day] == [1, 1]
    assert day[0]["audio"].data.shape == (96000, 1)
    assert day[1]["vision"].end_ns - day[0]["vision"].end_ns == gpu_rigs.HOP_NS


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu

    monkeypatch.setattr("sys.argv", ["gpu.py"])
    with pytest.raises(SystemExit, match="no CUDA device: nothing was run"):
        gpu.main()


def test_what_is_missing_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_ready

    monkeypatch.setattr(gpu_ready, "NEEDED", {"torch": "torch", "no_such_module": "that-package"})
    assert gpu_ready.obstacle() == "missing packages: nothing was run. pip install that-package"
