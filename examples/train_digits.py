"""Train the small convolutional network that ``spikeport demo`` converts, and save it as an .h5 file.

Run it as ``python examples/train_digits.py -o digits.h5``. It takes about a minute on a laptop; ``--quick`` trains for
one epoch only, to see that it works.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
from keras import layers

from spikeport.demo.digits import digits_data


def digits_network() -> keras.Model:
    """A network with one of each thing that a conversion has to deal with."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv1"),
            layers.BatchNormalization(name="norm1"),  # folded into conv1
            layers.ReLU(name="relu1"),  # becomes neurons
            layers.AveragePooling2D(2, name="pool1"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv2"),
            layers.Dropout(0.3, name="dropout"),  # nothing at inference
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="dense1"),
            layers.Dense(10, activation="softmax", name="digit"),  # the read-out
        ],
        name="digits",
    )


def main() -> None:
    """Train, test and save."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("digits.h5"), help="the file to write")
    parser.add_argument("--quick", action="store_true", help="one epoch")
    options = parser.parse_args()

    keras.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = digits_data()
    model = digits_network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=64, epochs=1 if options.quick else 40, verbose=2)
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    model.compile("adam", "sparse_categorical_crossentropy")  # a fresh optimizer: its state is not saved with the model
    model.save(options.output)
    print(f"saved {options.output}; {100 * accuracy:.2f} % of the test images right")


if __name__ == "__main__":
    main()
