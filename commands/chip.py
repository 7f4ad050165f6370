"""``spikeport place`` and ``spikeport emulate``: a network as it lies on Loihi, and running it again."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .arguments import Commands, add_json
from .terminal import print_json, require_new, standard_output

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the commands."""
    place = commands.add("place", _place, "put a network on Loihi's cores and say what fills them")
    place.add_argument("network", metavar="NET", type=Path, help="a file that convert --target loihi wrote")
    place.add_argument("--calibrate", metavar="DATA.npz", type=Path, help="samples x like those to come")
    place.add_argument("--steps", type=int, help="steps for each sample (default: the network's or the backend's)")
    text = "also write what the chip runs, which emulate takes; needs nengo-loihi"
    place.add_argument("-o", "--output", metavar="CHIP.h5", type=Path, help=text)
    add_json(place)
    emulate = commands.add("emulate", _emulate, "run what place wrote, without Keras and nengo-loihi")
    emulate.add_argument("chip", metavar="CHIP", type=Path, help="a file that place -o wrote")
    emulate.add_argument("--data", metavar="DATA.npz", type=Path, required=True, help="samples x (and labels y)")
    emulate.add_argument("--samples", type=int, metavar="N", help="use the first N samples only")
    emulate.add_argument("--jobs", type=int, metavar="N", help="threads (default: one a processor)")
    add_json(emulate)


def _place(options: argparse.Namespace) -> int:
    from ..network import load
    from ..samples import as_samples, load_npz

    if options.output is not None:
        require_new(options.output, reads=(options.network,))
    net = load(options.network)
    samples = as_samples(net.graph, load_npz(options.calibrate)[0]) if options.calibrate else None
    deployment: Any = net.deploy("loihi", calibration=samples)
    steps = net.steps_for("loihi", options.steps)
    if options.output is not None:
        deployment.save(options.output, steps)
    facts = {**deployment.facts, "steps": steps, "placement": deployment.placement}
    if options.json:
        print_json(facts)
    else:
        _print_placement(facts)
    return 0


def _emulate(options: argparse.Namespace) -> int:
    from ..backends.loihi.chip_program import load_chip
    from ..errors import UsageError
    from ..progress import progress_bar
    from ..run_output import run_facts
    from ..samples import as_samples, load_npz

    for name in ("samples", "jobs"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise UsageError(f"--{name}: expected at least 1, received {value}")
    chip = load_chip(options.chip, n_jobs=options.jobs)
    x, y = load_npz(options.data)
    samples = [array[: options.samples] for array in as_samples(chip.whole_graph, x)]
    with progress_bar("emulating the chip", len(samples[0])) as advance:
        result = chip.run(samples, on_progress=advance)
    labels = y[: options.samples] if y is not None and y.ndim else None
    facts = run_facts(result, chip, backend="loihi", labels=labels)
    estimate = chip.estimate()
    if options.json:
        print_json({**facts, "estimate": estimate.to_json()})
        return 0
    console = standard_output()
    console.print(f"{facts['samples']:,} samples, {facts['steps']} steps, {facts['deployment']['cores']} cores")
    if "right" in facts:
        console.print(f"right: {facts['right']:,} of {facts['samples']:,}")
    traffic = facts["deployment"]["traffic"]
    console.print(
        f"from the host to the chip: {traffic['host_to_chip_spikes'] / traffic['steps']:,.0f} spikes a step, "
        f"{traffic['host_to_chip_spikes_of_a_step_at_most']:,} at most"
    )
    console.print(str(estimate), markup=False, soft_wrap=True)
    return 0


def _print_placement(facts: Mapping[str, Any]) -> None:
    from rich.table import Table

    rows: Sequence[Mapping[str, Any]] = facts["placement"]
    resources = list(dict.fromkeys(resource for row in rows for resource in row["uses"]))
    table = Table(title=f"On Loihi: {facts['cores']} cores, {facts['chips']} chip(s)", title_justify="left")
    for column in ("layer", "cores", "block"):
        table.add_column(column, overflow="fold")
    for resource in resources:
        table.add_column(resource, justify="right", overflow="fold")
    for row in rows:
        uses = row["uses"]
        fullest = max(uses, key=lambda resource: uses[resource]["used"] / uses[resource]["limit"])
        cells = [f"{u['used']:,} / {u['limit']:,}" + (" ◀" if r == fullest else "") for r, u in uses.items()]
        table.add_row(row["layer"], str(row["cores"]), " × ".join(map(str, row["block_shape"])), *cells)
    console = standard_output()
    console.print(table)
    console.print("◀ the resource that is nearest to its limit, on the fullest core", markup=False)
    boundary = facts["boundary"]
    console.print(f"host to chip: {', '.join(boundary['host_to_chip'])}", markup=False)
    console.print(f"chip to host: {', '.join(boundary['chip_to_host'])}", markup=False)
    for warning in facts["warnings"]:
        console.print(f"note: {warning}", markup=False)
