"""`python -m archwright`."""

import sys

from archwright.cli import main

sys.exit(main())
