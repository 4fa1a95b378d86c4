"""`sixsense models`: the commands about weights, what each is called and takes."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

HUGE = "imagebind-huge"

models = typer.Typer(no_args_is_help=True, help="Models: which there are, fetch, inspect, convert, verify.")

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Model = Annotated[str, typer.Argument(help="A model's name, weights file or folder.")]
Released = Annotated[str, typer.Argument(help="A released model.")]


@models.command("list")
def list_models(json: Json = False) -> None:
    """What can be loaded by name, where it lies, how large it is."""
    _load("models").list_models(json=json)


@models.command()
def pull(
    name: Released = HUGE,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You accept the weights' licence; else you are asked.")
    ] = False,
    sha256: Annotated[str | None, typer.Option(help="What the weights' SHA-256 must be.")] = None,
    url: Annotated[str | None, typer.Option(help="Another address of the same weights.")] = None,
    vocabulary_url: Annotated[
        str | None, typer.Option(help="Another address of CLIP's vocabulary (github.com/openai/CLIP).")
    ] = None,
    json: Json = False,
) -> None:
    """Fetch a released model (4.8 GB) and its vocabulary; a download that was cut off goes on.

    The weights go to $XDG_CACHE_HOME/sixsense, else ~/.cache/sixsense. Their SHA-256 is compared with
    --sha256, else with that of the first complete download, and every key and shape is checked.
    """
    _load("models").pull(
        name, accept=accept_licence, sha256=sha256, url=url, vocabulary_url=vocabulary_url, json=json
    )


@models.command()
def show(
    model: Model = "mini",
    keys: Annotated[bool, typer.Option("--keys", help="Every key with its shape and type.")] = False,
    json: Json = False,
) -> None:
    """A model's space, trunks, windows, and the memory that each modality takes."""
    _load("models").show(model, keys=keys, json=json)


@models.command()
def convert(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A .safetensors or .pth file to write.")],
    modalities: Annotated[str, typer.Option(help="Only these trunks: audio,imu; by default all.")] = "",
    json: Json = False,
) -> None:
    """Write a model in another format, or some of its trunks; the numbers stay the same bits."""
    _load("models").convert_model(model, out, _names(modalities), json=json)


@models.command()
def export(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder; it is then the model's name.")],
    modalities: Annotated[str, typer.Option(help="Only these: audio,imu; by default all.")] = "",
    int8: Annotated[
        bool, typer.Option("--int8", help="8-bit weights: smaller, faster, cosine 0.999.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a model as ONNX files, one a modality, that onnxruntime computes; its space stays the same."""
    _load("models").export_model(model, out, _names(modalities), int8=int8, json=json)


@models.command()
def verify(
    folder: Annotated[
        Path, typer.Argument(help="Your copies of dog_image.jpg, dog_audio.wav, car_..., bird_...")
    ],
    model: Annotated[str, typer.Option(help="A model's name, weights file or folder.")] = HUGE,
    vocabulary: Annotated[
        Path | None, typer.Option(help="CLIP's vocabulary; by default beside the weights.")
    ] = None,
    json: Json = False,
) -> None:
    """Run ImageBind's published example (dog, car, bird as text, picture and sound) and compare.

    The three tables are printed beside the published ones; the exit status is 1 beyond 0.001.
    """
    raise typer.Exit(0 if _load("models").verify_model(model, folder, vocabulary, json=json) else 1)


def _names(listed: str) -> tuple[str, ...] | None:
    """`audio,imu` as names; None where there are none."""
    return tuple(filter(None, (one.strip() for one in listed.split(",")))) or None


def _load(module: str) -> Any:
    return import_module(f".{module}", __package__)
