"""spikeport's speed beside other programs', on the same networks, weights, steps and images, in turns within one run.

Run it as ``python benchmarks/peers.py --environments DIR -o peers.json``. The first run makes the virtual environments
of NengoDL, snnTorch, SpikingJelly and sinabs in that folder and trains the tutorial's network there; later ones reuse
them. It needs the folders that SPIKEPORT_MODELS and SPIKEPORT_DATA name, and for NengoDL a Python 3.9. ``--only``
takes networks (tutorial, 33, 36, 47, 44) and also ``limits`` and ``growth``. docs/speed.md says what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import environments
import rounds
import table
from contestant import Contestant, ContestantError, thread_settings
from results import TORCH_PEERS, limit, network_results
from spikeport import SpikeportError
from spikeport.converter.storage import written_at_once

HERE = Path(__file__).resolve().parent
NETWORKS = ("tutorial", "33", "36", "47", "44")
PARTS = ("limits", *NETWORKS, "growth")
PEERS = ("nengodl", *TORCH_PEERS, "torch")
Pythons = dict[str, Path]


def main() -> None:
    """Measure what was asked for, save it, and print the tables."""
    options = parsed()
    try:
        results = measure(options)
    except (environments.NoEnvironmentError, ContestantError, SpikeportError, OSError) as error:
        sys.exit(f"peers.py: {error}")
    except KeyboardInterrupt:
        sys.exit("peers.py: stopped; what was finished is in the output file")
    print(table.everything(results))


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--environments", type=Path, required=True, help="folder of the peers' environments and models")
    parser.add_argument("-o", "--output", type=Path, default=Path("peers.json"), help="results")
    parser.add_argument("--only", type=_names(PARTS), default=list(PARTS), help=f"out of {','.join(PARTS)}")
    parser.add_argument("--peers", type=_names(PEERS), default=list(PEERS), help=f"out of {','.join(PEERS)}")
    parser.add_argument("--rounds", type=_at_least_one, default=5)
    parser.add_argument(
        "--images", type=_at_least_one, default=1000, help="of each network; repeated if there are fewer"
    )
    parser.add_argument("--steps", type=_at_least_one, help="default: 16 for the tutorial's network, 32 for the others")
    parser.add_argument("--reuse", action="store_true", help="the networks that a run before converted, where they fit")
    parser.add_argument("--threads", type=_at_least_one, default=_cores(), help="of each program")
    parser.add_argument("--turn", type=float, default=2.0, help="seconds of a program in a round, about")
    parser.add_argument("--python39", metavar="PATH", help="a Python 3.9 for NengoDL; default: python3.9 on PATH")
    parser.add_argument("--torch", default="torch", help="the requirement for pip: torch==2.9.1, for example")
    parser.add_argument("--torch-index", metavar="URL", help="where pip finds it: https://download.pytorch.org/whl/cpu")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, saving after each part."""
    options.environments.mkdir(parents=True, exist_ok=True)
    networks = [name for name in options.only if name in NETWORKS]
    pythons = find_pythons(options) if networks else {}
    machine = {"system": f"{platform.system()} {platform.machine()}", "threads": options.threads}
    results: dict[str, Any] = {"machine": machine, "rounds": options.rounds, "networks": {}}

    def save() -> None:
        with written_at_once(options.output) as temporary:
            temporary.write_text(json.dumps(results, indent=1), encoding="utf-8")

    if "limits" in options.only:
        results["limits"] = alone("limits.py", options)
        save()
    for name in networks:
        results["networks"][name] = measure_network(name, pythons, options, results.get("limits"))
        save()
    if "growth" in options.only:
        results["growth"] = alone("growth.py", options)
        save()
    return results


def find_pythons(options: argparse.Namespace) -> Pythons:
    """The Python of each peer, whose environment is made where it is missing. Without a Python 3.9, NengoDL is out."""
    made = environments.environments(options.torch, options.torch_index)
    found: Pythons = {}
    if set(options.peers) - {"nengodl"}:
        python = environments.require(made["torch"], options.environments)
        found |= {name: python for name in options.peers if name != "nengodl"}
    if "nengodl" in options.peers:
        try:
            found["nengodl"] = environments.require(made["nengodl"], options.environments, options.python39)
        except environments.NoEnvironmentError as error:
            rounds.say(f"left out: {error}")
    return found


def measure_network(
    name: str, pythons: Pythons, options: argparse.Namespace, limits: dict[str, float] | None
) -> dict[str, Any]:
    """One network: everybody in turns."""
    import networks

    made = networks.make(
        name, options.environments / "networks" / name, options.images, options.steps, reuse=options.reuse
    )
    steps = {**dict.fromkeys(pythons, made.nets["binary"]), **made.nets}
    steps.pop("torch", None)
    alive: list[Contestant] = []
    try:
        for each, python, script, arguments in programs(name, pythons, made.nets):
            rounds.say(f"  starting {each}")
            where = [made.folder, steps.get(each, 0), *arguments]
            try:
                alive.append(Contestant(each, python, script, where, options.threads, made.folder / f"{each}.log"))
            except ContestantError as error:
                rounds.say(f"left out: {error}")
        found = rounds.in_turns(alive, options.images, options.rounds, options.turn)
    finally:
        for contestant in alive:
            contestant.close()
    if "keras" not in found:
        raise ContestantError(f"{name}: expected Keras's answers to compare with, received none")
    results = {"title": networks.CASES[name].title}
    results |= network_results(found, made.labels, steps, made.work)
    if limits:
        results["limit"] = limit(made.work, limits, made.nets["graded"])
    return results


def programs(name: str, pythons: Pythons, nets: Sequence[str]) -> list[tuple[str, Path | str, str, list[str]]]:
    """Who is measured: name, Python, script, further arguments."""
    ours = [(net, sys.executable, "with_spikeport.py", [net]) for net in nets]
    keras = ("keras", sys.executable, "with_keras.py", [])
    peers = [(peer, python, f"with_{peer}.py", []) for peer, python in pythons.items()]
    return [*ours, keras, *(p for p in peers if p[0] != "nengodl" or name == "tutorial")]


def alone(script: str, options: argparse.Namespace) -> Any:
    """Run a script of this folder that prints JSON."""
    rounds.say(script.removesuffix(".py"))
    command = [sys.executable, str(HERE / "peers" / script), str(options.rounds)]
    environment = {**os.environ, **thread_settings(options.threads)}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, encoding="utf-8")
    if done.returncode:
        raise ContestantError(f"{script} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    def split(text: str) -> list[str]:
        unknown = sorted(set(text.split(",")) - set(known))
        if unknown:
            raise argparse.ArgumentTypeError(f"expected names out of {', '.join(known)}, received {', '.join(unknown)}")
        return text.split(",")

    return split


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, received {text}")
    return int(text)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
