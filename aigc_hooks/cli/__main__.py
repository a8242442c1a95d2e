"""``python -m aigc_hooks.cli``."""

from aigc_hooks.cli import main

main()
