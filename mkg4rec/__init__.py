"""Multi-KG4Rec: recommendation over a multimodal knowledge graph, as a library of pure steps."""

import os

__version__ = "0.1.0"

if "OMP_WAIT_POLICY" not in os.environ:
    # Threads of GNU OpenMP, which PyTorch uses, wait for each other in a loop before they sleep. Where other processes want the same
    # cores, that loop takes from the very thread that is waited for. It is read once, when PyTorch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
