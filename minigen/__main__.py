"""``python -m minigen``: the same as the command ``minigen``."""

import sys

from minigen.cli import main

sys.exit(main())
