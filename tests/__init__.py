"""The tests. A package, so that no other distribution can put a `tests` of its own before it."""
