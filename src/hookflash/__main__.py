"""`python -m hookflash`."""

from .cli import main

main()
