"""Hostile files: every kind of file that strangers may hand to minigen, damaged and crafted, and what comes of it.

`KINDS` is the table.  ``tests/test_torture.py`` tries twenty files of each kind, ``make torture`` hundreds.  A new kind
is a `Kind` in the list ``KINDS`` of one of the modules below; a new module is named here.
"""

from torture import archives, checkpoints, configs, datasets, logs, pictures

FAMILIES = (checkpoints, configs, logs, datasets, pictures, archives)
KINDS = {kind.name: kind for family in FAMILIES for kind in family.KINDS}
