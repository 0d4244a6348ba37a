"""One file an architecture, (N, C, L) to (N, n_classes) logits: a backbone and a head."""

from tsconv.networks.network import NETWORKS, Network

__all__ = ["NETWORKS", "Network"]
