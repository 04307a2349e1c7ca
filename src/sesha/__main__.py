"""`python -m sesha` is the command `sesha`."""

import sys

from sesha.cli import main

if __name__ == "__main__":
    sys.exit(main())
