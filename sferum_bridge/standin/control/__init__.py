"""The control interface: how the demo and the tests play the other people.

One file a topic, described in the package's docstring; `base` guards the door and reads bodies.
"""
