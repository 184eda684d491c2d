"""What tests stand on: real homeservers, databases and stand-ins as processes. Tests only."""
