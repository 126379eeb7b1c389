"""Drawings of graphs as SVG: what a tensor was computed from, and how its gradient will find its way back.

No program is called and no library needed: `layered` finds the places, `graphs` says what is to be seen and writes it
as text.  Curves and images are drawn elsewhere (`minigen.plot`, which offers `graph` too).
"""

from minigen.drawing.graphs import Drawing, graph

__all__ = ["Drawing", "graph"]
