"""`python -m sferum_bridge`: the command `sferum-bridge`."""

from sferum_bridge.cli import main

if __name__ == "__main__":
    main()
