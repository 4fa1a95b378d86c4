"""Adapting one modality of a model to a user's own log: it finds more of what it has not seen, and nothing
else of the model moves by a bit."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.bind.bound import trained_pairs
from sixsense.encoders.bind.settings import Settings
from sixsense.encoders.checkpoint import SHIPPED, find_checkpoint
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import load_model
from sixsense.launch import cli
from sixsense.launch.bind import settings_of
from sixsense.launch.recipe import load_recipe, load_templates
from sixsense.sensors.errors import SixsenseError
from typer.testing import CliRunner

MODALITIES = ("vision", "audio", "depth", "text")
QUICK = ("--every", 0.5, "--guard", 2, "--held-out", 0.3, "--batch", 16, "--rate", 0.003, "--train", "all")
HEARD = ("--modality", "audio", "--anchor", "vision", "--temperature", 0.1, "--no-augment", *QUICK)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these only wait for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def whitened(network: ImageBind) -> None:
    """Make what colours a picture has, and not what all have in common, its direction."""
    pictures = torch.nn.functional.interpolate(torch.randn(48, 3, 4, 4), (224, 224), mode="bilinear")
    features: list[torch.Tensor] = []
    head = network.modality_heads["vision"].get_submodule("2")
    hook = head.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    network("vision", pictures)
    hook.remove()
    variance, axes = torch.linalg.eigh(torch.cov(features[0].T))
    dim = len(head.weight)
    matrix = (axes[:, -dim:] / variance[-dim:].sqrt()).T
    mean = torch.nn.functional.normalize(features[0].mean(dim=0), dim=0)
    head.weight.copy_(matrix - torch.outer(matrix @ mean, mean))


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A small ImageBind that can see colours and has learnt nothing else."""
    architecture = Architecture(16, {name: Trunk(32, 1, 2) for name in MODALITIES}, vocabulary=259)
    torch.manual_seed(0)
    network = ImageBind(architecture).requires_grad_(False).eval()
    for name, parameter in network.named_parameters():
        if "norm" in name or "pre_transformer" in name or (parameter.ndim == 1 and "heads" in name):
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("bias"):
            parameter.zero_()
        else:
            parameter.normal_(0, 1 / max(1, parameter[0].numel() if parameter.ndim > 1 else 1) ** 0.5)
    whitened(network)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    state = {key: value.half().contiguous() for key, value in network.state_dict().items()}
    save_file(state, path, {"sixsense": json.dumps(format_architecture(architecture))})
    return path


def hue(seconds: np.ndarray | float) -> np.ndarray:
    return 0.5 + 0.3 * np.sin(2 * np.pi * seconds / 17) + 0.2 * np.sin(2 * np.pi * seconds / 7.3)


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    """A minute in which the colour that the camera sees is the pitch that the microphone hears."""
    import av
    import cv2

    path, rate, seconds = tmp_path_factory.mktemp("log") / "drive.mp4", 16000, 60
    with av.open(str(path), "w") as file:
        picture, sound = file.add_stream("libx264", rate=5), file.add_stream("aac", rate=rate)
        picture.width, picture.height, picture.pix_fmt, sound.layout = 64, 48, "yuv420p", "mono"
        for index in range(5 * seconds):
            colour = np.uint8([[[144 * hue(index / 5), 255, 255]]])
            rgb = np.tile(cv2.cvtColor(colour, cv2.COLOR_HSV2RGB), (48, 64, 1))
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = index
            file.mux(picture.encode(frame))
        file.mux(picture.encode(None))
        at = np.arange(seconds * rate) / rate
        pcm = 0.4 * np.sin(2 * np.pi * np.cumsum(300 * 8 ** hue(at)) / rate)
        heard = av.AudioFrame.from_ndarray((32767 * pcm).astype(np.int16)[None], format="s16", layout="mono")
        heard.sample_rate, heard.pts = rate, 0
        file.mux(sound.encode(heard))
        file.mux(sound.encode(None))
    return path


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object):
        return CliRunner().invoke(cli.app, [*map(str, arguments)])

    return run


def tensors(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def test_a_modality_learns_from_a_log_and_nothing_else_moves(invoke, tmp_path, small, log):
    done = invoke("bind", log, "--model", small, *HEARD, "--steps", 60, "-o", "my.safetensors", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    for name in ("R@1 audio>vision", "R@5 audio>vision", "R@1 vision>audio", "R@5 vision>audio"):
        assert result["after"][name] > result["before"][name] + 0.15
        assert result["gain"][name]["value"] == pytest.approx(result["after"][name] - result["before"][name])
        # Eighteen seconds are two stretches of ten: too few to be sure of anything.
        assert (result["gain"][name]["low"], result["gain"][name]["high"]) == (-1.0, 1.0)
    assert "78 pairs to train on, 35 held out" in done.stderr
    assert "step 60/60  loss" in done.stderr
    old, new = tensors(small), tensors(tmp_path / "my.safetensors")
    assert list(old) == list(new)
    moved = {key.split(".")[1] for key in old if not torch.equal(old[key], new[key])}
    assert moved == {"audio"}
    assert {value.dtype for value in new.values()} == {torch.float16}
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    vectors = [load_model(path, device="cpu").embed_image([picture]) for path in (small, "my.safetensors")]
    assert vectors[0].tobytes() == vectors[1].tobytes()
    assert not list(tmp_path.glob("*.bind"))


def test_the_file_says_how_it_came_about(invoke, tmp_path, small, log):
    done = invoke("bind", log, "--model", small, *HEARD, "--steps", 4, "-o", "one.safetensors")
    assert done.exit_code == 0, done.output
    told = r"held-out R@5 audio>vision +0\.\d{3} -> 0\.\d{3}  [+-]0\.\d{3} \[-1\.000, \+1\.000\]"
    assert re.search(told, done.stdout)
    assert "no gain is sure" in done.stdout
    head = ("--train", "head", "--modality", "depth", "--anchor", "vision")
    (tmp_path / "depth").mkdir()
    (tmp_path / "seen").mkdir()
    for index in range(8):
        np.save(tmp_path / "depth" / f"{index}.npy", np.full((32, 32), 1 + index / 4, np.float32))
        _picture(tmp_path / "seen" / f"{index}.png", index)
    pairs = ("depth:depth", "vision:seen", "--held-out", 0.3, "--batch", 4, "--steps", 3)
    done = invoke("bind", *pairs, *head, "--model", "one.safetensors", "-o", "two.safetensors")
    assert done.exit_code == 0, done.output
    with safe_open(tmp_path / "two.safetensors", framework="pt") as file:
        metadata = file.metadata()
    first, second = json.loads(metadata["sixsense"])["bound"]
    assert (first["modality"], first["settings"]["temperature"]) == ("audio", 0.1)
    assert (second["modality"], second["pairs"], second["held_out"]) == ("depth", 6, 2)
    assert len(second["data_sha256"]) == len(second["run_sha256"]) == 64
    assert trained_pairs(find_checkpoint(tmp_path / "two.safetensors")) == {
        frozenset(("audio", "vision")),
        frozenset(("depth", "vision")),
    }
    old, new = tensors(tmp_path / "one.safetensors"), tensors(tmp_path / "two.safetensors")
    moved = {key for key in old if not torch.equal(old[key], new[key])}
    assert moved
    assert all(key.startswith("modality_heads.depth.") for key in moved)


def _picture(path: Path, index: int) -> None:
    import cv2

    cv2.imwrite(str(path), np.full((32, 32, 3), 30 * index, np.uint8))


def test_classes_are_bound_to_their_names_with_a_teacher(invoke, tmp_path, small, wav):
    for name in ("high", "low"):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        for take in range(6):
            pitch = (3000 if name == "high" else 200) + 20 * take
            tone = 0.5 * np.sin(2 * np.pi * pitch * np.arange(16000) / 16000)
            wav(tmp_path / "sounds" / name / f"{take}.wav", tone.astype(np.float32))
    files = sorted(map(str, (tmp_path / "sounds").rglob("*.wav")))
    assert invoke("embed", *files, "--model", small, "--out", "teacher.npz").exit_code == 0
    common = ("bind", "sounds", "--model", small, "--modality", "audio", "--anchor", "text")
    quick = ("--batch", 8, "--rate", 0.003, "--train", "all", "--held-out", 0.4, "--no-augment", "--json")
    for teacher in (Path("teacher.npz"), small):
        done = invoke(
            *common, *quick, "--steps", 3, "--teacher", teacher, "-o", f"{teacher.stem}.safetensors"
        )
        assert done.exit_code == 0, done.output
    done = invoke(*common, *quick, "--steps", 80, "--train-anchor", "-o", "both.safetensors")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["after"]["R@1 audio>text"] > result["before"]["R@1 audio>text"]
    old, new = tensors(small), tensors(tmp_path / "both.safetensors")
    assert {k.split(".")[1] for k in old if not torch.equal(old[k], new[k])} == {"audio", "text"}
    np.savez(tmp_path / "few.npz", files=files[:1], vectors=np.ones((1, 4)), space_id="x")
    done = invoke(*common, "--teacher", "few.npz", "-o", "none.safetensors")
    assert done.exit_code == 1
    assert "few.npz has no vector of" in done.stderr


def test_a_run_killed_at_once_comes_to_the_same_file(invoke, tmp_path, small, log):
    (tmp_path / "recipe.toml").write_text(
        f'model = "{small}"\nmodality = "audio"\ndata = ["{log}"]\nsteps = 60\nbatch = 8\n'
        "every_s = 1.0\nguard_s = 2.0\nsave_every_s = 0.0\nevaluate_every = 30\n"
    )
    command = [Path(sys.executable).with_name("sixsense"), "bind", "--recipe", "recipe.toml"]
    killed = subprocess.Popen(
        [*command, "-o", "killed.safetensors"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    checkpoint, until = tmp_path / "killed.bind" / "checkpoint.pt", time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < until:
        time.sleep(0.005)
    killed.kill()
    assert killed.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "killed.safetensors").exists()
    assert 0 < torch.load(checkpoint, weights_only=True)["step"] < 60
    for name in ("killed", "whole"):
        assert invoke("bind", "--recipe", "recipe.toml", "-o", f"{name}.safetensors").exit_code == 0
    first, second = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("whole", "killed"))
    assert first == second
    assert not checkpoint.parent.exists()


@pytest.mark.slow
def test_the_robots_depth_camera_is_bound_to_what_it_sees(invoke, tmp_path, small):
    (tmp_path / "recipe.toml").write_text(
        f'model = "{small}"\nmodality = "depth"\ndata = ["simulated:3:60"]\ntrain = "all"\nsteps = 240\n'
        "batch = 32\nrate = 0.003\naverage = 0.9\naugment = false\nguard_s = 2.0\nheld_out = 0.3\n"
    )
    done = invoke("bind", "--recipe", "recipe.toml", "-o", "my.safetensors", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert sum(result["after"].values()) > sum(result["before"].values()) + 0.2
    old, new = tensors(small), tensors(tmp_path / "my.safetensors")
    assert {key.split(".")[1] for key in old if not torch.equal(old[key], new[key])} == {"depth"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [2, 21, 22])
def test_the_shipped_model_learns_from_five_minutes_of_a_robot(invoke, tmp_path, seed):
    """Rooms that it never saw: in each, more of what the camera sees is found by depth, beyond chance."""
    robot, warm = f"simulated:{seed}:300:test", ("--temperature", 0.07)
    done = invoke("bind", robot, "--modality", "depth", *warm, "-o", "my.safetensors", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert sum(result["after"].values()) > sum(result["before"].values()) + 0.15
    assert result["gain"]["R@5 vision>depth"]["low"] > 0
    old, new = tensors(SHIPPED["mini"]), tensors(tmp_path / "my.safetensors")
    assert {key.split(".")[1] for key in old if not torch.equal(old[key], new[key])} == {"depth"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--modality", "audio", "-o", "m.safetensors"), "no data; give a folder of classes"),
        (("x", "-o", "m.pth"), "a bound model is a .safetensors file; name it m.safetensors"),
        (("x", "-o", "nowhere/m.safetensors"), "is no folder that can be written"),
        (("{log}", "--modality", "thermal", "-o", "m.safetensors"), "no modality 'thermal' in this model"),
        (("{log}", "--modality", "vision", "-o", "m.safetensors"), "cannot be its own anchor"),
        (("{log}", "--modality", "depth", "-o", "m.safetensors"), "no stream of depth; it has"),
        (("{log}", "--modality", "smell", "-o", "m.safetensors"), "an option is wrong: Invalid enum value"),
        (("{log}", "--modality", "audio", "--guard", 100, "-o", "m.safetensors"), "a smaller --guard"),
        (("audio:a", "vision:b", "--modality", "audio", "-o", "m.safetensors"), "no pairs: audio has '0'"),
    ],
)
def test_what_cannot_be_is_said(invoke, tmp_path, small, log, wav, arguments, said):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    wav(tmp_path / "a" / "0.wav", np.zeros(16000, np.float32))
    _picture(tmp_path / "b" / "1.png", 3)
    given = [str(one).format(log=log) for one in arguments]
    done = invoke("bind", *given, "--model", small, "--every", 5)
    assert done.exit_code == 1
    assert said in done.stderr


def test_nothing_is_overwritten(invoke, tmp_path, small, log):
    (tmp_path / "m.safetensors").write_bytes(b"mine")
    done = invoke("bind", log, "--model", small, "-o", "m.safetensors")
    assert done.exit_code == 1
    assert "is there already" in done.stderr


def test_the_packaged_recipe_is_the_defaults():
    assert load_recipe("bind") == Settings()
    assert settings_of("bind", {"rate": 0.5, "modality": None, "data": ()}) == Settings(rate=0.5)
    assert {"vision", "audio", "imu"} <= load_templates().keys()


def test_a_mistake_in_a_recipe_is_located(tmp_path):
    (tmp_path / "r.toml").write_text('modality = "termal"\n\nbatch = 0\ndatta = []\n')
    with pytest.raises(SixsenseError) as error:
        load_recipe(str(tmp_path / "r.toml"))
    lines = str(error.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "3", "4"]
    assert 'did you mean "thermal"?' in lines[0]


def test_paths_of_a_recipe_are_relative_to_it(tmp_path):
    (tmp_path / "r.toml").write_text('data = ["a.mp4", "thermal:warm", "simulated:1:9"]\nteacher = "t.npz"\n')
    found = load_recipe(str(tmp_path / "r.toml"))
    assert found.data == (str(tmp_path / "a.mp4"), f"thermal:{tmp_path / 'warm'}", "simulated:1:9")
    assert found.teacher == str(tmp_path / "t.npz")
