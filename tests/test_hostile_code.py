"""Code in files is never run, whatever form it has; and names of files that are none are refused."""

from __future__ import annotations

import marshal
import pickle
from pathlib import Path
from typing import Any

import pytest

import small_files
import spikeport
from hostile_files import refused, tried
from small_files import changed, layer, sequential, small_config
from spikeport import ConversionError, SourceError
from spikeport.cli import main


def marshalled(canary: Path) -> list[Any]:
    """A Lambda's function as Keras 2 writes it: marshalled bytecode, defaults, closure."""
    import base64

    code = compile(f"open({str(canary)!r}, 'w').close()", "<lambda>", "exec")
    return [base64.b64encode(marshal.dumps(code)).decode(), None, None]


def test_code_in_a_lambda_is_never_run(canary, tmp_path):
    code = marshalled(canary)
    forms = [
        {"function": code, "function_type": "lambda", "module": "os"},
        {"function": {"class_name": "__lambda__", "config": {"code": code[0], "defaults": None, "closure": None}}},
        {
            "function": "system",
            "function_type": "function",
            "module": "os",
            "arguments": {"command": f"touch {canary}"},
        },
        {"function": code, "output_shape": code, "output_shape_type": "lambda", "mask": code},
    ]
    for config in forms:
        model = sequential(layer("InputLayer", "in", batch_shape=[None, 4]), layer("Lambda", "code", **config))
        for path in (
            small_files.write_h5(tmp_path / "model.h5", model, {}),
            small_files.write_keras(tmp_path / "model.keras", model, {}),
        ):
            with pytest.raises(ConversionError, match=r"code \(Lambda\)"):
                spikeport.convert(path)


@pytest.mark.parametrize(
    ("module", "class_name"),
    [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("small_files", "canary"), ("", "os.system")],
)
def test_custom_classes_are_never_imported(module, class_name, canary, tmp_path):
    entry = {
        "module": module,
        "class_name": class_name,
        "registered_name": f"{module}>{class_name}",
        "config": {"name": "it", "command": f"touch {canary}", "args": f"touch {canary}"},
        "build_config": {"class_name": class_name, "config": {"command": f"touch {canary}"}},
    }
    model = sequential(layer("InputLayer", "in", batch_shape=[None, 4]), entry)
    with pytest.raises(ConversionError, match=r"it \("):
        spikeport.convert(small_files.write_keras(tmp_path / "model.keras", model, {}))
    model["compile_config"] = {"optimizer": {"module": module, "class_name": class_name, "config": {}}}
    model["config"]["layers"][1] = layer("ReLU", "it")
    assert tried(small_files.write_keras(tmp_path / "model.keras", model, {})) == "read"


@pytest.mark.parametrize("activation", ["eval", "os.system", "__import__", "../relu", "relu;import os"])
def test_activations_are_names_in_a_table(activation, tmp_path):
    config = changed(small_config(), "config", "layers", 1, "config", "activation", to=activation)
    refused(small_files.write_h5(tmp_path / "model.h5", config), "activation")


def test_a_pickle_under_a_models_name_is_refused(canary, tmp_path):
    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (canary,))

    for name in ("model.h5", "model.keras"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Runs()))
        refused(path)


# Odd paths


@pytest.mark.parametrize("name", ["a\0b.h5", "x" * 400 + ".h5", "", ".", "no/such/folder/m.h5"])
def test_paths_that_name_no_file_are_refused(name, capsys):
    with pytest.raises(SourceError):
        spikeport.check(name)
    assert main(["check", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs Unix devices")
def test_devices_are_refused():
    for name in ("/dev/null", "/dev/zero"):
        with pytest.raises(SourceError):
            spikeport.check(name)
