"""Convert a trained file, look at the report, and see the accuracy grow with the steps.

Run it as ``python examples/convert_a_file.py``; ``--quick`` uses fewer images.
"""

from __future__ import annotations

import argparse

import spikeport
from spikeport.demo.digits import digits_data, digits_model


def main() -> None:
    """Convert the digits model that ships with spikeport."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer images")
    options = parser.parse_args()

    (x_train, _), (x_test, y_test) = digits_data()
    if options.quick:
        x_test, y_test = x_test[:50], y_test[:50]

    # A path is enough: the file is read without TensorFlow. Some hundred training samples set the thresholds.
    net = spikeport.convert(digits_model(), calibration=x_train[:256], target_steps=16)
    print(net.report)

    rates = net.run(x_test, spiking=False).output  # the rate network: Keras's own numbers
    print(f"rate network: {100 * (rates.argmax(axis=1) == y_test).mean():.2f} % right")

    score = spikeport.evaluate(net, x_test, y_test)
    for step in (1, 2, 4, 8, 16):
        print(f"after {step:2d} steps: {100 * score.accuracy[step - 1]:.2f} % right")

    net.save("digits_net.h5")
    again = spikeport.load("digits_net.h5")
    result = again.run(x_test[:1], n_steps=16, record=("conv2",))
    print(f"conv2 sent {int(result.spike_counts['conv2'][0])} events for the first image")


if __name__ == "__main__":
    main()
