"""Makes `toy` importable from every test, and keeps a busy machine from being a failure."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests train tiny networks: threads only wait

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
