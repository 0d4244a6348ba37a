"""``python -m tsconv`` is ``tsconv``."""

from tsconv.cli.main import main

main()
