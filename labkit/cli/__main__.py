"""`python -m labkit.cli`."""

import sys

from labkit.cli.group import main

sys.exit(main())
