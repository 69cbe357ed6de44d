"""Reading files of weights, whatever network they are for: formats, damage, and files that harm.

Pickles that would run something are written here as their opcodes. They are never loaded but by the
reader under test.
"""

import json
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from generators import weights
from generators.errors import WeightsError
from generators.weights import (
    nearest_networks,
    read_tensors,
)

HARM = "__import__('pathlib').Path({path!r}).write_text('harmed')"


def tensors() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {
        "layer.weight": torch.randn(3, 2, generator=rng),
        "layer.bias": torch.randn(3, generator=rng).half(),
        "scale": torch.tensor(2.0),
        "none": torch.zeros(0, 4),
    }


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_tensors(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("name", ["weights.pt", "weights.bin", "weights.safetensors"])
def test_both_formats_give_the_tensors_that_were_written(tmp_path: Path, name: str) -> None:
    path, written = tmp_path / name, tensors()
    if path.suffix == ".safetensors":
        save_file(written, path)
    else:
        torch.save(written, path)

    read = read_tensors(path)

    assert set(read) == set(written)
    for key, tensor in written.items():
        assert read[key].dtype == tensor.dtype
        assert torch.equal(read[key], tensor), key


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_what_was_read_stays_when_the_file_is_overwritten(tmp_path: Path, name: str) -> None:
    path, written = tmp_path / name, {"a": torch.ones(5000)}
    save_file(written, path) if path.suffix == ".safetensors" else torch.save(written, path)
    read = read_tensors(path)

    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.truncate(10)

    assert torch.equal(read["a"], written["a"])


def test_of_several_dictionaries_the_best_is_read_with_the_tensors_beside_it(
    tmp_path: Path,
) -> None:
    path, mean = tmp_path / "training.pt", torch.ones(4)
    torch.save(
        {"g": {"a": torch.zeros(1)}, "g_ema": tensors(), "latent_avg": mean, "steps": 3}, path
    )

    read = read_tensors(path, within=("g_ema", "g"))

    assert set(read) == {*tensors(), "latent_avg"}
    assert "holds dict instead of parameter names" in refusal(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_safetensors_that_are_cut_short_are_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(tensors(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    assert "is cut short, damaged or no file of safetensors" in refusal(path)


def with_header(header: object, data: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape: list[int], ends: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": ends}


@pytest.mark.parametrize(
    "content",
    [
        with_header({"a": entry([2, 2], [0, 8])}),
        with_header({"a": entry([2], [0, 8]), "b": entry([2], [0, 8])}),
        with_header({"a": entry([2], [4, 12])}),
        with_header({"a": entry([2], [0, 8], "F99")}),
        with_header({"a": entry([2**62, 2**62], [0, 8])}),
        with_header({"a": entry([2], [0, 8])}, bytes(80)),
        with_header(b"[" * 100_000),
        struct.pack("<Q", 2**63) + bytes(80),
    ],
    ids=["shape", "twice", "beyond", "type", "overflow", "rest", "nested", "header of exabytes"],
)
def test_safetensors_that_contradict_themselves_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)

    assert "is cut short, damaged or no file of safetensors" in refusal(path)


def test_a_file_of_torch_in_the_clothes_of_safetensors_is_refused(tmp_path: Path) -> None:
    torch.save(tensors(), tmp_path / "weights.safetensors")

    assert "no file of safetensors" in refusal(tmp_path / "weights.safetensors")


def global_and_reduce(code: str) -> bytes:
    """``exec(code)`` in protocol 2: the global, a tuple of one text, the call."""
    return b"\x80\x02cbuiltins\nexec\n" + text_of(code) + b"\x85R."


def stack_global(code: str) -> bytes:
    """The same in protocol 4, with the names of the global as texts on the stack."""
    return b"\x80\x04" + text_of("builtins") + text_of("exec") + b"\x93" + text_of(code) + b"\x85R."


def instance(code: str) -> bytes:
    """The same in protocol 0, as an instance of a class."""
    return b"(" + text_of(code) + b"ibuiltins\nexec\n."


def object_of_class(code: str) -> bytes:
    """The same in protocol 1: mark, class, argument, object."""
    return b"(cbuiltins\nexec\n" + text_of(code) + b"o."


def hidden_among_tensors(code: str) -> bytes:
    """In a table ``{'layer.weight': exec(code)}``, as a parameter would stand there."""
    return b"\x80\x02}" + text_of("layer.weight") + global_and_reduce(code)[2:-1] + b"s."


def text_of(text: str) -> bytes:
    encoded = text.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


HARMFUL = [global_and_reduce, stack_global, instance, object_of_class, hidden_among_tensors]


# Torch says first that it does not know protocol 4 well, and then refuses.
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("opcodes", HARMFUL)
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in an archive of torch"])
@pytest.mark.parametrize("name", ["weights.pt", "pytorch_model.bin", "weights.safetensors"])
def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(
    tmp_path: Path, opcodes: object, wrapped: bool, name: str
) -> None:
    assert callable(opcodes)
    path, target = tmp_path / name, tmp_path / "harmed"
    harm = opcodes(HARM.format(path=str(target)))
    path.write_bytes(harm)
    if wrapped:
        rewritten(path, {"data.pkl": harm})

    sentence = refusal(path)

    assert not target.exists()
    if name.endswith("safetensors"):
        assert "no file of safetensors" in sentence
    elif opcodes in (instance, object_of_class):  # torch knows no such opcode
        assert "nothing" in sentence
    else:
        assert "not a plain file of tensors, and nothing else in it was run" in sentence
        assert "docs/how-to/own_generator_weights.md" in sentence


def rewritten(path: Path, other: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """Write a file as torch writes it, but for some entries and how they are packed."""
    torch.save(tensors(), path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for entry_name, data in entries.items():
            archive.writestr(entry_name, other.get(entry_name.split("/", 1)[1], data))


def test_the_harmful_files_would_do_harm(tmp_path: Path) -> None:
    """Show that the ones above are refused for what they are, not because they are broken."""
    target = tmp_path / "harmed"
    rewritten(
        tmp_path / "weights.pt", {"data.pkl": global_and_reduce(HARM.format(path=str(target)))}
    )

    torch.load(tmp_path / "weights.pt", weights_only=False)

    assert target.read_text() == "harmed"


def test_an_archive_that_grows_when_it_is_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    rewritten(path, {}, zipfile.ZIP_DEFLATED)

    assert "would grow when it is opened" in refusal(path)


def test_a_file_larger_than_any_network_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "LARGEST_FILE_BYTES", 100)
    for name in ("weights.pt", "weights.safetensors"):
        (tmp_path / name).write_bytes(bytes(101))

        assert "more than any network that is known here" in refusal(tmp_path / name)


NETWORKS: dict[str, dict[str, tuple[int, ...]]] = {
    "small": {"one.weight": (2, 3), "one.bias": (2,), "two.weight": (2, 2)},
    "large": {"one.weight": (4, 3), "one.bias": (4,), "two.weight": (4, 4)},
    "twin": {"one.weight": (4, 3), "one.bias": (4,), "two.weight": (4, 4)},
}


@pytest.mark.parametrize(
    ("shapes", "nearest"),
    [
        (NETWORKS["small"], ["small"]),
        (NETWORKS["large"], ["large", "twin"]),
        (NETWORKS["small"] | {"two.weight": (4, 4)}, ["small"]),
        ({"one.weight": (4, 3), "two.weight": (4, 4)}, ["large", "twin"]),
        (NETWORKS["large"] | {"three.weight": (1,)}, ["large", "twin"]),
        ({"one.weight": (4, 3), "other": (1,), "third": (1,)}, []),
        ({}, []),
    ],
)
def test_a_file_is_meant_for_the_networks_that_it_is_nearest_to(
    shapes: dict[str, tuple[int, ...]], nearest: list[str]
) -> None:
    assert nearest_networks(shapes, NETWORKS) == nearest
