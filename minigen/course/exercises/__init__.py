"""The declarations of the exercises, a file a chapter, each with a ``CHAPTER``: see ``docs/writing-chapters.md``."""
