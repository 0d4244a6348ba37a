"""Which cells go together: shares of like cost, none of which takes longer than it may."""

import heapq
import math
from collections.abc import Mapping


def share_out(
    seconds: Mapping[str, float], n_shares: int, *, most: float = math.inf
) -> tuple[tuple[str, ...], ...]:
    """Names dealt out, the longest first, each to whoever has least; the same at each call.

    Args:
        seconds: that each is expected to take.
        n_shares: wanted; fewer where there are fewer names, more where a share would exceed
            ``most``.
        most: seconds that a share may take; whoever exceeds it alone has a share alone.
    """
    if not seconds:
        return ()
    wanted = min(n_shares, len(seconds))
    if math.isfinite(most):
        wanted = max(wanted, min(len(seconds), math.ceil(sum(seconds.values()) / most)))
    shares: list[list[str]] = [[] for _ in range(wanted)]
    loads = [(0.0, k) for k in range(wanted)]
    for name in sorted(seconds, key=lambda name: (-seconds[name], name)):
        load, k = heapq.heappop(loads)
        if shares[k] and load + seconds[name] > most:
            heapq.heappush(loads, (load, k))
            load, k = 0.0, len(shares)
            shares.append([])
        shares[k].append(name)
        heapq.heappush(loads, (load + seconds[name], k))
    return tuple(map(tuple, shares))
