"""Figures about the running whole, each as a ratio or difference to a floor of the same run.

The *floor* is a bare client that makes the same events with the same requests against the same
Synapse, in turn with the bridge; so a slow or busy machine moves both, and what is left is the
bridge. `python -m benchmarks --help` runs them.

`figures` says what a figure is, `report` keeps and shows results. `stage` brings up a homeserver
with bridges to measure, `enrolling` the schools in them, `bare` holds the bare clients, `carrier`
the bare bridge; `linked` ties a chat and a room by either, `many` a thousand of them to a
homeserver with nothing behind it (`hollow`); `twins` compares two homeservers, with the extension
and without; `peers` are other bridges, measured beside ours. `provisioning` and `relay` are among
the groups of figures; `__main__` lists them, and a further group joins there. Processor time and
memory are read from /proc, so this needs Linux. Nothing else of the project imports this package.
"""
