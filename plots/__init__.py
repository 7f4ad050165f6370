"""Pictures of what a network did: its activity, its output over time, its firing rates; and of what a search found.

They take arrays, those of a `RunResult` or of ``Converter.predict``, one sample at a time, and need matplotlib:
``pip install 'spikeport[plot]'``. Each draws into the Axes that it is given, or into a new figure, and returns the
Axes: ``spikeport.plots.raster(events).figure.savefig("raster.png")``.
"""

from .activity import activity
from .output_over_time import output_over_time
from .pareto_front import pareto_front
from .raster import raster
from .rate_histogram import rate_histogram

__all__ = ["activity", "output_over_time", "pareto_front", "raster", "rate_histogram"]
