"""`python -m cdi` is `cdi`."""

from cdi.cli import main

main()
