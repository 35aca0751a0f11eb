"""The models that are recommended, and the page that says so."""

import re
from pathlib import Path

from config.open_models import OPEN_MODELS, RECOMMENDED
from config.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def test_each_is_one_file_under_a_free_licence_and_one_is_recommended() -> None:
    assert RECOMMENDED in {model.name for model in OPEN_MODELS}
    assert len({model.name for model in OPEN_MODELS}) == len(OPEN_MODELS)
    for model in OPEN_MODELS:
        assert model.licence == "Apache-2.0"
        assert re.fullmatch(r"[\w.-]+/[\w.-]+/[\w.-]+\.gguf", model.address)


def test_the_page_tells_of_just_these() -> None:
    rows = re.findall(r"^\| `([^`]+)`( \(recommended\))? \| ([\d.]+) GB \|", PAGE, re.MULTILINE)
    assert [(name, bool(is_best), float(size)) for name, is_best, size in rows] == [
        (model.name, model.name == RECOMMENDED, model.gigabytes) for model in OPEN_MODELS
    ]


def test_its_settings_exist() -> None:
    named = set(re.findall(r"^([A-Z_]+)=", PAGE, re.MULTILINE)) | set(re.findall(r"`([A-Z_]{6,})[=`]", PAGE))
    others = {"HF_TOKEN", "HF_ENDPOINT", "OLLAMA_CONTEXT_LENGTH"}
    assert named - others <= {name.upper() for name in Settings.model_fields}
