"""Few steps: correct a short run by a first phase, and stop each image as soon as its output is sure.

Run it as ``python examples/few_steps.py``; ``--quick`` uses fewer images.
"""

from __future__ import annotations

import argparse

import spikeport
from spikeport.demo.digits import digits_data, digits_model


def main() -> None:
    """Score the digits model that ships with spikeport after few steps, in three ways."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer images")
    options = parser.parse_args()

    (x_train, _), (x_test, y_test) = digits_data()
    # The exit is calibrated on images that the model was not trained on; the others test it.
    x_exit, y_exit, x_test, y_test = x_test[:300], y_test[:300], x_test[300:], y_test[300:]
    if options.quick:
        x_test, y_test = x_test[:100], y_test[:100]

    print("binary neurons, right answers without a correction, with SRP and with COS:")
    for n_steps in (1, 2, 4):
        net = spikeport.convert(digits_model(), calibration=x_train[:256], target_steps=n_steps, neurons="binary")
        scores = [
            spikeport.evaluate(net, x_test, y_test, correction=correction).accuracy[-1]
            for correction in (None, spikeport.SRP(steps=4), spikeport.COS(steps=4))
        ]
        print(f"  {n_steps} steps: " + "  ".join(f"{100 * score:.1f} %" for score in scores))

    net = spikeport.convert(digits_model(), calibration=x_train[:256], target_steps=16, neurons="binary")
    early = spikeport.calibrate_exit(net, x_exit, y_exit, max_loss=1.0)
    whole, score = (spikeport.evaluate(net, x_test, y_test, exit=e) for e in (None, early))
    print(f"16 steps: {100 * whole.accuracy[-1]:.1f} %, {whole.spikes_per_sample:.0f} spikes per image")
    print(
        f"stopped where t times the lead is {early.threshold:.2f}: {100 * score.accuracy[-1]:.1f} %, "
        f"{score.spikes_per_sample:.0f} spikes, {score.mean_steps:.1f} steps"
    )


if __name__ == "__main__":
    main()
