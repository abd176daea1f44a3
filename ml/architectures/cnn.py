"""The paper's plain CNN, and the related work's CNN whose map is read by an LSTM."""

from __future__ import annotations

import keras

from ml.architectures.heads import LOGIT, with_evidence
from ml.architectures.options import Options, OptionsError

_CHANNELS = (32, 64, 128, 128, 256)
_LSTM_UNITS = 128


def build_cnn(options: Options) -> keras.Model:
    """Five blocks of convolution, normalisation and pooling; 1/32 of the side remains."""
    film = keras.Input((options.size, options.size, 1), name="film")
    return with_evidence(film, _blocks(film, options), options.outputs)


def build_cnn_lstm(options: Options) -> keras.Model:
    """The same map as a sequence of its rows, top to bottom. No place has a logit of its own."""
    film = keras.Input((options.size, options.size, 1), name="film")
    features = _blocks(film, options)
    _, height, width, channels = features.shape
    rows = keras.layers.Reshape((height, width * channels), name="rows")(features)
    read = keras.layers.LSTM(max(1, round(_LSTM_UNITS * options.width)), name="reader")(rows)
    logit = keras.layers.Dense(options.outputs, name=LOGIT, dtype="float32")(read)
    return keras.Model(film, logit)


def _blocks(film: keras.KerasTensor, options: Options) -> keras.KerasTensor:
    if options.is_pretrained:
        raise OptionsError("There are no weights for this network; use --weights none.")
    if options.size < 2 ** len(_CHANNELS):
        raise OptionsError(f"It needs films of at least {2 ** len(_CHANNELS)} pixels.")
    features = keras.layers.Rescaling(2.0, -1.0, name="to_unit_range")(film)
    for number, channels in enumerate(_CHANNELS, start=1):
        filters = max(1, round(channels * options.width))
        features = keras.layers.Conv2D(
            filters, 3, padding="same", use_bias=False, name=f"conv{number}"
        )(features)
        features = keras.layers.BatchNormalization(name=f"normalise{number}")(features)
        features = keras.layers.Activation("relu", name=f"relu{number}")(features)
        features = keras.layers.MaxPooling2D(2, name=f"pool{number}")(features)
    return features
