"""`python3 -m tests.nodeimage`."""

import sys

from tests.nodeimage.cli import main

sys.exit(main())
