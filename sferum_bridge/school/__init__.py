"""The rules of a school, pure: no I/O, no clock, no Matrix, no Sferum.

`people` are the facts a school writes down, `classes` the names classes have, `kinship` decides who
becomes whose parent, `access` who is in which chat and why, `layout` which spaces and rooms that
makes, `contour` who may reach whom, `standing` what follows from groups for that. Anyone may import
this package; it imports nothing of ours.
"""
