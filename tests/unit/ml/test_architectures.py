"""The zoo: every network builds at more than one size, and its map is exact where it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml.architectures import ARCHITECTURES, IMAGENET, Options, OptionsError, build

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.model
SIZE = 96
EXPLAINING = [name for name, network in ARCHITECTURES.items() if network.explains]


def films(count: int = 2) -> Any:
    return np.random.default_rng(0).random((count, SIZE, SIZE, 1), dtype=np.float32)


def outputs(name: str, options: Options) -> list[Any]:
    import keras

    keras.utils.set_random_seed(3)
    found = build(name, options)(films(), training=False)
    return [keras.ops.convert_to_numpy(x) for x in (found if type(found) is list else [found])]


def test_the_papers_networks_and_its_related_work_are_all_there() -> None:
    paper = {name for name, network in ARCHITECTURES.items() if network.group == "paper"}
    assert paper == {"cnn", "densenet121", "vgg16", "resnet50", "inceptionv3"}
    assert set(ARCHITECTURES) - paper == {
        "mobilenetv2", "xception", "efficientnetb2", "densenet169", "resnet152v2", "cnn_lstm",
    }  # fmt: skip


@pytest.mark.parametrize("name", EXPLAINING)
def test_the_map_explains_the_logit_exactly(name: str) -> None:
    logits, evidence = outputs(name, Options(SIZE, outputs=3))
    assert logits.shape == (2, 3)
    assert evidence.shape[::3] == (2, 3)
    np.testing.assert_allclose(evidence.mean((1, 2)), logits, atol=1e-4, rtol=1e-4)


def test_a_network_without_a_map_gives_none() -> None:
    (logits,) = outputs("cnn_lstm", Options(SIZE, outputs=3))
    assert logits.shape == (2, 3)
    assert not ARCHITECTURES["cnn_lstm"].explains


@pytest.mark.parametrize("name", ["cnn", "cnn_lstm"])
def test_logits_are_whole_precision_where_the_network_is_half(name: str) -> None:
    import keras

    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = build(name, Options(SIZE, width=0.25))
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert model.get_layer("conv1").compute_dtype == "float16"
    assert {output.dtype for output in model.outputs} == {"float32"}


@pytest.mark.parametrize("name", ["cnn", "mobilenetv2", "cnn_lstm"])
def test_a_width_makes_it_smaller(name: str) -> None:
    half, whole = (build(name, Options(SIZE, width=width)) for width in (0.5, 1.0))
    assert half.count_params() < 0.6 * whole.count_params()


def test_what_a_network_cannot_be_is_said() -> None:
    with pytest.raises(OptionsError, match="one width"):
        build("vgg16", Options(SIZE, width=0.5))
    with pytest.raises(OptionsError, match="no ImageNet weights of cnn"):
        build("cnn", Options(SIZE, weights=IMAGENET))
    with pytest.raises(OptionsError, match="at least 32 pixels"):
        build("cnn", Options(16))
    with pytest.raises(OptionsError, match="cannot be built at 16 pixels"):
        build("inceptionv3", Options(16))
    with pytest.raises(KeyError, match="known: cnn, densenet121"):
        build("alexnet", Options(SIZE))


def test_without_a_network_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)
    with pytest.raises(OptionsError, match="--weights FILE, or train from scratch") as refusal:
        build("xception", Options(SIZE, weights=IMAGENET))
    assert "://" not in str(refusal.value)


@pytest.mark.parametrize("name", ["mobilenetv2", "vgg16", "efficientnetb2"])
def test_fetched_weights_fit_the_structure_that_a_bundle_is_loaded_into(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network built around fetched weights and one built for a bundle compute the same."""
    import keras

    file = tmp_path / "fetched.weights.h5"
    backbone = next(
        layer for layer in build(name, Options(SIZE)).layers if isinstance(layer, keras.Model)
    )
    backbone.save_weights(file)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))
    trained = build(name, Options(SIZE, weights=IMAGENET))
    again = build(name, Options(SIZE))
    trained.save_weights(tmp_path / "bundle.weights.h5")
    again.load_weights(tmp_path / "bundle.weights.h5")
    for one, other in zip(
        trained(films(), training=False), again(films(), training=False), strict=True
    ):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))


def test_efficientnets_extra_scale_is_folded_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    keras.utils.set_random_seed(4)
    file = tmp_path / "fetched.weights.h5"
    shape = {"input_shape": (SIZE, SIZE, 3), "include_top": False}
    plain = keras.applications.EfficientNetB2(weights=None, **shape)
    normalise = next(x for x in plain.layers if isinstance(x, keras.layers.Normalization))
    normalise.adapt_mean.assign([0.485, 0.456, 0.406])
    normalise.adapt_variance.assign([0.229, 0.224, 0.225])
    plain.save_weights(file)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))
    whole = keras.applications.EfficientNetB2(weights="imagenet", **shape)
    ours = build("efficientnetb2", Options(SIZE, weights=IMAGENET))
    colour = np.repeat(films(), 3, axis=-1) * np.float32(255)
    inner = next(x for x in ours.layers if isinstance(x, keras.Model))
    expected, found = (
        keras.ops.convert_to_numpy(x(colour, training=False)) for x in (whole, inner)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["mobilenetv2", "densenet121"])
def test_normalisation_is_frozen_with_given_weights_and_learns_without(
    name: str, tmp_path: Path
) -> None:
    import keras

    fresh = build(name, Options(SIZE))
    backbone = next(layer for layer in fresh.layers if isinstance(layer, keras.Model))
    backbone.save_weights(tmp_path / "b.weights.h5")
    given = build(name, Options(SIZE, weights=tmp_path / "b.weights.h5"))

    def learning(model: Any) -> set[bool]:
        inner = next(layer for layer in model.layers if isinstance(layer, keras.Model))
        return {
            layer.trainable
            for layer in inner.layers
            if isinstance(layer, keras.layers.BatchNormalization)
        }

    assert learning(fresh) == {True}
    assert learning(given) == {False}
