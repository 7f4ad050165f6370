"""Pictures of what a network did: its activity, its output over time, its firing rates; and of what a search found.

They take arrays, those of a `RunResult` or of ``Converter.predict``, one sample at a time, and need matplotlib:
``pip install 'spikeport[plot]'``. Each draws into the Axes that it is given, or into a new figure, and returns the
Axes: ``spikeport.plots.raster(events).figure.savefig("raster.png")``.
"""

from .activity import activity
from .membrane import membrane
from .output_over_time import output_over_time
from .pareto_front import pareto_front
from .raster import raster
from .rate_histogram import rate_histogram
from .spike_counts import spike_count_animation, spike_counts

__all__ = [
    "activity",
    "membrane",
    "output_over_time",
    "pareto_front",
    "raster",
    "rate_histogram",
    "spike_count_animation",
    "spike_counts",
]
