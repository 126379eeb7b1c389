"""The course: what chapters use, how exercises are checked, and how the hand-ins of a class are graded.

A chapter (``tutorials/NN_name.py``) begins with ``from minigen.course import check, quick, show, source``: `check`
says whether an exercise is right, and why not; `quick` makes runs short in tests, `show` shows a picture, `source`
prints the library's own version of what was just rebuilt.  How a chapter is written: ``docs/writing-chapters.md``.

The declarations of the exercises are in `minigen.course.exercises`; nothing here imports them before they are asked
for, because the process that runs a hand-in must not hold them.
"""

from minigen.course.page import quick, show, source

__all__ = ["quick", "show", "source"]
