"""The museum of faulty programs: a file a program, each with a ``CHAPTER`` of one exercise, whose suspects it names."""
