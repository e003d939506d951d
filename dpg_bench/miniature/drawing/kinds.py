"""How each kind of thing is drawn. A new kind needs an entry in `scene.KINDS` and a function here."""

from __future__ import annotations

import math
from collections.abc import Callable

from dpg_bench.miniature.drawing.letters import write
from dpg_bench.miniature.drawing.pen import BLACK, WHITE, Pen, Point, Rgb, arc, ellipse, rectangle
from dpg_bench.miniature.scene import Thing

_WOOD: Rgb = (120, 80, 45)
_GLOW: Rgb = (255, 232, 90)
_SKIN: Rgb = (245, 205, 165)
_SLATE: Rgb = (95, 100, 115)
_LEAF: Rgb = (60, 150, 60)


def _circle(pen: Pen, thing: Thing) -> None:  # noqa: ARG001 - like all of them
    pen.body(ellipse(0, 0, 1, 1))


def _triangle(pen: Pen, thing: Thing) -> None:  # noqa: ARG001
    pen.body([(0, -0.95), (1, 0.85), (-1, 0.85)])


def star_points(inner: float = 0.42) -> list[Point]:
    """A five-pointed star."""
    return [
        (r * math.sin(math.pi * n / 5), -r * math.cos(math.pi * n / 5) + 0.05)
        for n, r in enumerate([1.05, inner * 1.05] * 5)
    ]


def _star(pen: Pen, thing: Thing) -> None:  # noqa: ARG001
    pen.body(star_points())


def _heart(pen: Pen, thing: Thing) -> None:  # noqa: ARG001
    pen.body(
        [
            (math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16)
            for t in (2 * math.pi * n / 48 for n in range(48))
        ]
    )


def _moon(pen: Pen, thing: Thing) -> None:  # noqa: ARG001
    pen.body([*arc(0, 0, 1, 1, 50, 310), *arc(0.42, 0, 0.72, 0.79, 290, 70)])


def _balloon(pen: Pen, thing: Thing) -> None:  # noqa: ARG001
    pen.line([(0, 0.4), (0.12, 0.6), (-0.12, 0.8), (0.05, 1.1)])
    pen.part([(0, 0.35), (0.18, 0.58), (-0.18, 0.58)], pen.color)
    pen.body(ellipse(0, -0.32, 0.66, 0.74))


def _box(pen: Pen, thing: Thing) -> None:
    if thing.state == "open":
        pen.part(rectangle(-0.8, -0.5, 0.8, 0.1), BLACK)
        pen.part([(-0.85, -0.25), (-0.35, -0.25), (-0.75, -0.95), (-1.15, -0.8)], pen.color)
        pen.part([(0.85, -0.25), (0.35, -0.25), (0.75, -0.95), (1.15, -0.8)], pen.color)
        pen.body(rectangle(-0.85, -0.25, 0.85, 0.95))
    else:
        pen.body(rectangle(-0.85, -0.4, 0.85, 0.95))
        pen.part(rectangle(-1.0, -0.75, 1.0, -0.3), pen.color)


def _house(pen: Pen, thing: Thing) -> None:
    if "a chimney" in thing.parts:
        pen.part(rectangle(0.42, -1.0, 0.74, -0.2), (170, 60, 50))
    pen.body(rectangle(-0.82, -0.15, 0.82, 1.0))
    pen.part([(-1.05, -0.12), (0, -1.0), (1.05, -0.12)], _SLATE)
    if thing.state == "open":
        pen.part(rectangle(-0.3, 0.22, 0.3, 1.0), _GLOW)
        pen.part([(0.3, 0.22), (0.62, 0.4), (0.62, 1.1), (0.3, 1.0)], _WOOD)
    else:
        pen.part(rectangle(-0.3, 0.22, 0.3, 1.0), _WOOD)


def _mask(pen: Pen, thing: Thing) -> None:
    pen.body(ellipse(0, 0.08, 0.95, 0.92))
    for side in (-1, 1):
        pen.patch(ellipse(side * 0.36, -0.1, 0.12, 0.15), BLACK)
        if "glasses" in thing.parts:
            pen.part(ellipse(side * 0.36, -0.1, 0.3, 0.27), WHITE)
            pen.patch(ellipse(side * 0.36, -0.1, 0.12, 0.13), BLACK)
    if "glasses" in thing.parts:
        pen.line([(-0.1, -0.12), (0.1, -0.12)], 1.2, BLACK)
    dark = pen.color if pen.canvas.style == "outline" else BLACK
    mouth = arc(0, 0.28, 0.48, 0.36, 15, 165) if thing.state == "smiling" else arc(0, 0.78, 0.48, 0.36, 195, 345)
    pen.line(mouth, 1.8, dark)
    if "a hat" in thing.parts:
        _hat(pen, 0, -0.5, 0.9)


def _hat(pen: Pen, x: float, y: float, size: float) -> None:
    """A top hat whose brim is at (x, y)."""
    dark: Rgb = (60, 60, 75)
    pen.patch(rectangle(x - 0.5 * size, y - 0.62 * size, x + 0.5 * size, y), dark)
    pen.patch(rectangle(x - 0.95 * size, y - 0.08 * size, x + 0.95 * size, y + 0.14 * size), dark)
    pen.line([(x - 0.5 * size, y - 0.15 * size), (x + 0.5 * size, y - 0.15 * size)], 1.2, (235, 235, 235))


def _lamp(pen: Pen, thing: Thing) -> None:
    if thing.state == "lit":
        pen.patch([(-0.7, 0.0), (0.7, 0.0), (1.1, 0.85), (-1.1, 0.85)], _GLOW)
    pen.line([(0, 0), (0, 0.85)], 2.0)
    pen.part(rectangle(-0.5, 0.8, 0.5, 1.0), _SLATE)
    pen.body([(-0.4, -0.95), (0.4, -0.95), (0.85, 0.05), (-0.85, 0.05)])


def _outline_of(shape: str | None, size: float) -> list[Point]:
    if shape == "round":
        return ellipse(0, 0, size, size)
    if shape == "square":
        return rectangle(-0.88 * size, -0.88 * size, 0.88 * size, 0.88 * size)
    if shape == "triangular":
        return [(0, -size), (1.05 * size, 0.85 * size), (-1.05 * size, 0.85 * size)]
    return [(0, -1.15 * size), (1.15 * size, 0), (0, 1.15 * size), (-1.15 * size, 0)]


def _window(pen: Pen, thing: Thing) -> None:
    pen.body(_outline_of(thing.shape, 1.0))
    middle = 0.2 if thing.shape == "triangular" else 0.0
    inner = pen.moved(0, middle, 0.62)
    inner.patch(_outline_of(thing.shape, 1.0), _GLOW if thing.state == "lit" else _SLATE)
    bar = pen.color
    inner.line([(0, -0.95), (0, 0.9)], 1.6, bar)
    inner.line([(-0.9, 0.25), (0.9, 0.25)] if middle else [(-0.95, 0), (0.95, 0)], 1.6, bar)


def _umbrella(pen: Pen, thing: Thing) -> None:
    if thing.state == "open":
        pen.line([(0, -0.95), (0, 0.75), *arc(0.17, 0.75, 0.17, 0.22, 180, 0)], 1.6)
        scallops = [point for x in (0.7, 0.0, -0.7) for point in arc(x, 0.05, 0.35, 0.22, 0, -180)]
        pen.body([*arc(0, 0.05, 1.05, 0.95, 180, 360), *scallops])
    else:
        pen.line([(0, -1.0), (0, 0.75), *arc(0.17, 0.75, 0.17, 0.22, 180, 0)], 1.6)
        pen.body([(0, -0.95), (0.4, 0.35), (0, 0.5), (-0.4, 0.35)])


def _book(pen: Pen, thing: Thing) -> None:
    if thing.state == "open":
        pen.body([(-1.1, -0.6), (0, -0.45), (1.1, -0.6), (1.1, 0.75), (0, 0.9), (-1.1, 0.75)])
        for side in (-1, 1):
            pen.patch([(0, -0.3), (side * 0.85, -0.45), (side * 0.85, 0.48), (0, 0.62)], WHITE)
            for y in (-0.1, 0.15):
                pen.line([(side * 0.2, y), (side * 0.7, y - 0.08)], 1.0, (120, 120, 130))
        pen.line([(0, -0.4), (0, 0.75)], 1.2, BLACK)
    else:
        pen.part(rectangle(-0.7, -0.85, 0.85, 0.95), WHITE)
        pen.body(rectangle(-0.8, -0.95, 0.65, 0.85))
        pen.line([(-0.48, -0.9), (-0.48, 0.8)], 1.2)


def _tree(pen: Pen, thing: Thing) -> None:
    pen.part(rectangle(-0.18, 0.2, 0.18, 1.0), _WOOD)
    pen.body(
        [
            *arc(-0.42, 0.0, 0.52, 0.48, 60, 250),
            *arc(0, -0.5, 0.55, 0.5, 190, 350),
            *arc(0.42, 0.0, 0.52, 0.48, -70, 120),
        ]
    )
    if "apples" in thing.parts:
        apple: Rgb = (250, 225, 70) if thing.color in ("red", "orange", "pink", "brown") else (215, 35, 35)
        for x, y in ((-0.48, 0.02), (0.05, -0.5), (0.48, 0.05), (0.0, 0.12)):
            pen.patch(ellipse(x, y, 0.19, 0.19), WHITE)
            pen.patch(ellipse(x, y, 0.15, 0.15), apple)


def _flower(pen: Pen, thing: Thing) -> None:
    pen.line([(0, 0), (0, 1.0)], 1.8, _LEAF)
    if "leaves" in thing.parts:
        for side in (-1, 1):
            pen.patch(ellipse(side * 0.42, 0.68, 0.42, 0.18, -side * 0.5), _LEAF)
    for n in range(5):
        angle = 2 * math.pi * n / 5 - math.pi / 2
        pen.body(ellipse(0.4 * math.cos(angle), -0.32 + 0.4 * math.sin(angle), 0.33, 0.33))
    pen.part(ellipse(0, -0.32, 0.24, 0.24), (110, 70, 30) if thing.color == "yellow" else (250, 215, 60))


def _boat(pen: Pen, thing: Thing) -> None:
    pen.line([(0, -0.95), (0, 0.4)], 1.6)
    if "a sail" in thing.parts:
        pen.part([(0.1, -0.6), (0.9, 0.25), (0.1, 0.25)], WHITE)
    if "a flag" in thing.parts:
        pen.part([(0, -1.0), (-0.75, -0.75), (0, -0.5)], (230, 60, 60))
    pen.body([(-1.05, 0.35), (1.05, 0.35), (0.65, 0.95), (-0.65, 0.95)])


def _cup(pen: Pen, thing: Thing) -> None:
    if "a handle" in thing.parts:
        pen.line(arc(0.62, 0.05, 0.42, 0.42, -100, 100), 2.4, pen.color)
    pen.body([(-0.75, -0.75), (0.6, -0.75), (0.42, 0.85), (-0.57, 0.85)])
    pen.part(ellipse(-0.075, -0.75, 0.68, 0.16), WHITE)


def _fish(pen: Pen, thing: Thing) -> None:  # noqa: ARG001
    pen.part([(0.45, 0), (1.1, -0.55), (1.1, 0.55)], pen.color)
    pen.body(ellipse(-0.22, 0, 0.85, 0.6))
    pen.patch(ellipse(-0.68, -0.12, 0.17, 0.17), WHITE)
    pen.patch(ellipse(-0.7, -0.12, 0.1, 0.1), BLACK)


def _sign(pen: Pen, thing: Thing) -> None:
    pen.line([(0, 0.3), (0, 1.1)], 2.4, _WOOD if pen.canvas.style != "night" else None)
    plate = pen.moved(0, -0.22, 0.86)
    plate.body(_outline_of(thing.shape, 0.98))
    light = thing.color in ("yellow", "pink", "orange") or pen.canvas.style == "outline"
    dark_background = pen.canvas.style == "night" and not light
    color = WHITE if dark_background or not light else BLACK
    write(plate, thing.letter or "O", color, x=0, y=0.0, size=0.52)


def _person(pen: Pen, thing: Thing) -> None:
    for side in (-1, 1):
        pen.line([(side * 0.16, 0.45), (side * 0.22, 1.05)], 2.2)
    pen.line([(-0.1, -0.2), (-0.55, 0.35)], 2.0)
    pen.line([(0.1, -0.2), (0.6, -0.25)], 2.0)
    pen.body([(-0.28, -0.3), (0.28, -0.3), (0.42, 0.6), (-0.42, 0.6)])
    pen.part(ellipse(0, -0.58, 0.29, 0.3), _SKIN)
    if "a hat" in thing.parts:
        _hat(pen, 0, -0.75, 0.46)


def _arrow(pen: Pen, thing: Thing) -> None:  # noqa: ARG001
    pen.body([(-1, -0.25), (0.1, -0.25), (0.1, -0.72), (1.05, 0), (0.1, 0.72), (0.1, 0.25), (-1, 0.25)])


def _frame(pen: Pen, thing: Thing) -> None:  # noqa: ARG001
    pen.body(rectangle(-1.05, -1.05, 1.05, 1.05))
    pen.part(rectangle(-0.72, -0.72, 0.72, 0.72), pen.canvas.background)


DRAW: dict[str, Callable[[Pen, Thing], None]] = {
    "circle": _circle,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "moon": _moon,
    "balloon": _balloon,
    "box": _box,
    "house": _house,
    "mask": _mask,
    "lamp": _lamp,
    "window": _window,
    "umbrella": _umbrella,
    "book": _book,
    "tree": _tree,
    "flower": _flower,
    "boat": _boat,
    "cup": _cup,
    "fish": _fish,
    "sign": _sign,
    "person": _person,
    "arrow": _arrow,
    "frame": _frame,
}
