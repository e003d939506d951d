"""Ten capital letters as strokes, -1 to 1 both ways, so that no font decides how a drawing looks."""

from __future__ import annotations

from dpg_bench.miniature.drawing.pen import Pen, Point, Rgb, arc

_W = 0.7
STROKES: dict[str, list[list[Point]]] = {
    "A": [[(-_W, 1), (0, -1), (_W, 1)], [(-0.4, 0.35), (0.4, 0.35)]],
    "C": [arc(0.1, 0, 0.75, 1, -50, -310)],
    "E": [[(_W, -1), (-0.6, -1), (-0.6, 1), (_W, 1)], [(-0.6, 0), (0.5, 0)]],
    "H": [[(-_W, -1), (-_W, 1)], [(_W, -1), (_W, 1)], [(-_W, 0), (_W, 0)]],
    "K": [[(-0.6, -1), (-0.6, 1)], [(_W, -1), (-0.6, 0.1), (_W, 1)]],
    "L": [[(-0.5, -1), (-0.5, 1), (_W, 1)]],
    "O": [arc(0, 0, 0.8, 1, 0, 375)],
    "S": [[*arc(0, -0.5, 0.65, 0.5, -20, -270), *arc(0, 0.5, 0.65, 0.5, -90, 160)]],
    "T": [[(-0.8, -1), (0.8, -1)], [(0, -1), (0, 1)]],
    "X": [[(-_W, -1), (_W, 1)], [(_W, -1), (-_W, 1)]],
}


def write(pen: Pen, letter: str, color: Rgb, *, x: float, y: float, size: float) -> None:
    """Draw a letter around (x, y), `size` from its middle to its top."""
    for stroke in STROKES[letter]:
        pen.line([(x + px * size, y + py * size) for px, py in stroke], 1.9, color)
