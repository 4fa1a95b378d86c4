"""An index of CLIP's vectors: read, checked, asked of a service; and vectors written for CLIP's consumers."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from sixsense.encoders import alias as aliases
from sixsense.encoders.alias import ALIASES, Alias, check_alias
from sixsense.encoders.architecture import HUGE, Architecture, Trunk, format_architecture
from sixsense.encoders.errors import InputError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import load_model
from sixsense.fusion.errors import QueryError as FusionQueryError
from sixsense.fusion.query import Query
from sixsense.launch import cli, query_load
from sixsense.launch.queries import QueryError
from sixsense.launch.query_load import load_queries
from sixsense.launch.vector_index import VectorIndexError, read_index, write_index
from sixsense.nodes.wire.errors import ControlError
from sixsense.nodes.wire.status import QueryStatus
from sixsense.nodes.wire.verbs import Accepted
from typer.testing import CliRunner

SMALL = Architecture(8, {name: Trunk(8, 1, 2) for name in ("vision", "text", "audio")}, vocabulary=259)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small model that stands for the one that shares CLIP's towers."""
    towers = {name: SMALL.trunks[name] for name in ("vision", "text")}
    monkeypatch.setitem(aliases.ALIASES, "clip", Alias("small CLIP", 8, towers))
    folder = tmp_path / "model"
    folder.mkdir()
    torch.manual_seed(0)
    state = {key: 0.1 * torch.randn(value.shape) for key, value in ImageBind(SMALL).state_dict().items()}
    torch.save(state, folder / "weights.pth")
    (folder / "config.json").write_text(json.dumps(format_architecture(SMALL)))
    return str(folder)


@pytest.fixture
def index(tmp_path: Path, model: str) -> Path:
    """Five pictures with their vectors, each at a length of its own, as such indexes have them."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (40, 40, 3)).astype(np.uint8) for _ in range(5)]
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture[..., ::-1])
    vectors = load_model(model, modalities=["vision"]).embed_image(pictures)
    ids = np.array([f"{number}.png" for number in range(5)])
    np.savez(tmp_path / "index.npz", ids=ids, vectors=vectors * np.arange(1, 6, dtype=np.float32)[:, None])
    return tmp_path / "index.npz"


class Client:
    """Stands for a service's control endpoint."""

    standing: tuple[str, ...] = ()
    refused = ""

    def __init__(self, endpoint: str, **_: object) -> None:
        self.endpoint = endpoint

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def queries(self) -> tuple[QueryStatus, ...]:
        return tuple(QueryStatus(name=name, since_ns=0, modalities=()) for name in self.standing)

    def watch(self, query: Query, *, keep: bool) -> Accepted:
        if query.name == self.refused:
            raise ControlError("1000 queries are standing already")
        assert keep
        self.asked.append(query)
        return Accepted(name=query.name)

    asked: list[Query]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    class Own(Client):
        asked: list[Query] = []  # noqa: RUF012

    monkeypatch.setattr(query_load, "ControlClient", Own)
    return Own


def load(index: Path, model: str, **changes):
    options = {"alias": "clip", "model": model, "modality": "vision", "only": "*", "checks": []}
    return list(load_queries("ipc://x", index, **(options | changes)))


def test_an_index_becomes_a_query_a_vector(index: Path, model: str, client: type[Client]) -> None:
    client.standing = ("1.png",)
    lines = load(index, model, only="[0-2].png", modalities=("audio",))
    assert lines[0].startswith("index.npz: 5 vectors of small CLIP, sample at cosine 1.0000 or more")
    assert lines[1] == "2 queries stand, 1 stood already"
    assert [query.name for query in client.asked] == ["0.png", "2.png"]
    assert client.asked[0].modalities == ("audio",)
    vectors = read_index(index).vectors
    np.testing.assert_allclose(client.asked[1].terms[0].vector, vectors[2], atol=1e-6)


def test_vectors_of_another_model_are_refused_with_the_figure(index: Path, model: str, client) -> None:
    arrays = dict(np.load(index))
    np.savez(index, ids=arrays["ids"], vectors=np.roll(arrays["vectors"], 1, axis=1))
    with pytest.raises(FusionQueryError, match=r"embedded here has the cosine -?0\.\d{4} .* below 0\.999"):
        load(index, model)
    assert client.asked == []


@pytest.mark.usefixtures("client")
def test_the_sample_can_be_given(index: Path, model: str, tmp_path: Path) -> None:
    arrays = dict(np.load(index))
    np.savez(index, ids=[f"n{name}" for name in arrays["ids"]], vectors=arrays["vectors"])
    with pytest.raises(QueryError, match=r"the ids of .* are no files here.*--check ID=FILE"):
        load(index, model)
    with pytest.raises(QueryError, match="give ID=FILE"):
        load(index, model, checks=["n0.png"])
    with pytest.raises(FusionQueryError, match="has no 'x'"):
        load(index, model, checks=[f"x={tmp_path / '0.png'}"])
    assert load(index, model, checks=[f"n3.png={tmp_path / '3.png'}"])[1] == "5 queries stand"


def test_what_a_service_refuses_is_said_with_what_stands(index: Path, model: str, client) -> None:
    client.refused = "2.png"
    with pytest.raises(QueryError, match=r"2 of 5 queries stand; '2\.png' does not: 1000 queries"):
        load(index, model)


@pytest.mark.usefixtures("client")
def test_another_space_name_modality_or_id_is_refused(index: Path, model: str) -> None:
    with pytest.raises(InputError, match="there is no space 'dino'; there are clip"):
        load(index, model, alias="dino")
    with pytest.raises(QueryError, match="small CLIP has no audio; it has vision, text"):
        load(index, model, modality="audio")
    with pytest.raises(QueryError, match=r"no id of .* fits --only 'dogs/\*'; the first is '0\.png'"):
        load(index, model, only="dogs/*")
    with pytest.raises(InputError, match=r"mini does not share the space of small CLIP .* has \d+ numbers"):
        check_alias("clip", "mini")


def test_imagebinds_towers_are_openclips() -> None:
    assert ALIASES["clip"].dim == 1024
    assert ALIASES["clip"].trunks == {"vision": Trunk(1280, 32, 16), "text": Trunk(1024, 24, 16)}
    assert HUGE.trunks["audio"] not in ALIASES["clip"].trunks.values()


def test_every_form_of_an_index_is_read_alike(index: Path, tmp_path: Path) -> None:
    from pyarrow import parquet, table

    given = read_index(index)
    write_index(tmp_path / "again.npz", given.ids, given.vectors)
    write_index(tmp_path / "plain.npy", given.ids, given.vectors)
    columns = {
        "image_path": given.ids,
        "width": [1] * 5,
        "embedding": given.vectors.astype(np.float16).tolist(),
    }
    parquet.write_table(table(columns), tmp_path / "index.parquet")
    for name, tolerance in (("again.npz", 1e-7), ("plain.npy", 1e-7), ("index.parquet", 1e-3)):
        again = read_index(tmp_path / name)
        assert again.ids == given.ids
        np.testing.assert_allclose(again.vectors, given.vectors, atol=tolerance)


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04nothing")
    (tmp_path / "a.parquet").write_bytes(b"PAR1nothing")
    np.save(tmp_path / "alone.npy", np.ones((2, 3), np.float32))
    np.savez(tmp_path / "pickled.npz", vectors=np.array([{}, []], object), allow_pickle=True)
    np.savez(tmp_path / "two.npz", x=np.ones((2, 3), np.float32), y=np.ones((2, 3), np.float32))
    cases = {
        "a.npz": "cannot be read as npz",
        "a.parquet": "cannot be read as parquet",
        "gone.npz": "cannot be read as npz",
        "a.csv": r"can be \.npz, \.npy, \.parquet",
        "alone.npy": r"has no ids: put them into .*alone\.txt",
        "pickled.npz": "cannot be read as npz",
        "two.npz": "which are the ids is unclear",
    }
    for name, why in cases.items():
        with pytest.raises(VectorIndexError, match=why):
            read_index(tmp_path / name)


def test_embed_as_clip_writes_what_its_consumers_take(index: Path, model: str, tmp_path: Path) -> None:
    def embed(*arguments: object):
        command = [
            "embed",
            tmp_path / "0.png",
            tmp_path / "1.png",
            "--model",
            model,
            "--as",
            "clip",
            *arguments,
        ]
        return CliRunner().invoke(cli.app, [*map(str, command)])

    assert embed("--out", tmp_path / "out.npy").exit_code == 0
    rows = np.load(tmp_path / "out.npy")
    assert (rows.dtype, rows.shape) == (np.float32, (2, 8))
    np.testing.assert_allclose(rows, read_index(index).vectors[:2], atol=1e-6)
    assert (tmp_path / "out.txt").read_text().splitlines() == [str(tmp_path / f"{n}.png") for n in (0, 1)]
    assert embed("--out", tmp_path / "out.npz").exit_code == 0
    assert len(read_index(tmp_path / "out.npz").ids) == 2
    refused = embed("--out", tmp_path / "out.csv")
    assert (refused.exit_code, "name it .npz" in refused.stderr) == (1, True)


def test_embed_as_clip_is_refused_in_another_space() -> None:
    done = CliRunner().invoke(cli.app, ["embed", "x.png", "--as", "clip"])
    assert done.exit_code == 1
    assert "mini does not share the space of OpenCLIP ViT-H/14" in done.stderr
