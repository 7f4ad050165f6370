"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rounds import described


def rows(header: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure(value: float) -> str:
    """Three figures, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def network(title: str, found: Mapping[str, Any]) -> str:
    """One network: programs, ratios, and what the limit is."""
    programs = found["programs"]
    body = [
        [
            f"{name} ({each['version']})",
            str(each["steps"] or ""),
            described(each["settings"]),
            f"{each['accuracy']:.2f}",
            figure(each["images_per_second"]),
        ]
        for name, each in programs.items()
    ]
    parts = [f"## {title}, {found['images']} images"]
    parts.append(rows(("program", "steps", "settings", "right, %", "images/s"), body))
    ratios = [[pair, figure(value), figure(1 / value)] for pair, value in found["ratios"].items()]
    parts.append(rows(("pair", "speed over speed", "time over time"), ratios))
    parts += [f"No ratio with {name}: {each['refused']}." for name, each in programs.items() if each["refused"]]
    if "limit" in found:
        parts.append(_limit(found))
    return "\n\n".join(parts)


def _limit(found: Mapping[str, Any]) -> str:
    work, limit = found["work"], found["limit"]
    ours = found["programs"]["graded"]["images_per_second"]
    return (
        f"An image takes {work['events']:,.0f} events and {work['additions']:,.0f} additions of {work['neurons']:,.0f} "
        f"graded neurons: {figure(ours * work['additions'] / 1e9)} billion additions a second. The machine's limit "
        f"is {figure(limit['both'])} images/s (additions alone {figure(limit['additions'])}, memory alone "
        f"{figure(limit['memory'])}): {figure(limit['both'] / ours)} times ours."
    )


def limits(found: Mapping[str, float]) -> str:
    """What the machine can do at best."""
    return rows(
        ("all cores", "a second"),
        [
            ["bytes copied, read and written", f"{found['copied_bytes'] / 1e9:.1f} GB"],
            ["float32 additions in the first-level cache", f"{found['added_float32'] / 1e9:.1f} · 10⁹"],
            ["float64 additions in the first-level cache", f"{found['added_float64'] / 1e9:.1f} · 10⁹"],
        ],
    )


def growth(found: Sequence[Mapping[str, Any]]) -> str:
    """How spikeport's time grows."""
    body = [
        [
            str(each["varied"]),
            f"{each['value']:g}",
            figure(1000 * each["seconds"]),
            f"{each['events']:,.0f}",
            figure(each["additions"] / each["seconds"] / 1e9),
        ]
        for each in found
    ]
    header = ("varied", "value", "ms for an image", "events of an image", "10⁹ additions a second")
    return rows(header, body)


def everything(results: Mapping[str, Any]) -> str:
    """The whole report."""
    machine = results["machine"]
    parts = [f"{machine['system']}, {machine['threads']} threads, medians of {results['rounds']} rounds"]
    if "limits" in results:
        parts += ["## The machine's limits", limits(results["limits"])]
    parts += [network(found["title"], found) for found in results["networks"].values()]
    if "growth" in results:
        parts += ["## How the time grows", growth(results["growth"])]
    return "\n\n".join(parts)
