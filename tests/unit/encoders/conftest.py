import pytest
from sixsense.encoders.model import Model, load_model


@pytest.fixture(scope="session")
def mini() -> Model:
    return load_model("mini", device="cpu")
