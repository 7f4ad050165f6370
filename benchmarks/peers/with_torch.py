"""The dense network in PyTorch: ReLUs where the others spike."""

from __future__ import annotations

import torch

import spiking_graph
import torch_peer
import worker
from torch_network import batch_sizes

if __name__ == "__main__":
    sizes = batch_sizes(spiking_graph.read(worker.folder()), 1, (32, 128, 512))
    candidates = [{"batch": batch, "channels_last": last} for batch in sizes for last in (False, True)]
    worker.serve(f"PyTorch {torch.__version__}", candidates, torch_peer.preparing(None))
