"""Drawing at four times the size, in a thing's own coordinates, in one of three styles.

A thing spans -1 to 1 both ways, x to the right and y down. Everything is made of polygons and lines, so that it can be
turned. Lengths of lines are in pixels of the finished drawing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

SIZE = 64
SCALE = 4
Point = tuple[float, float]
Rgb = tuple[int, int, int]

WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (25, 25, 30)
_PERIOD = 6.4
_LIGHT: Rgb = (225, 225, 240)


class Canvas:
    """A square picture of `SIZE` px in the making."""

    def __init__(self, background: Rgb, style: str) -> None:
        self.background = background
        self.style = style
        self.image = Image.new("RGB", (SIZE * SCALE, SIZE * SCALE), background)
        self.draw = ImageDraw.Draw(self.image)

    @property
    def ink(self) -> Rgb:
        """The colour of outlines and thin lines."""
        return _LIGHT if self.style == "night" else BLACK

    def finished(self) -> Image.Image:
        """The picture at its size."""
        return self.image.reduce(SCALE)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws one thing: where on the canvas, how large (half its side, in px), how far turned, in which colours."""

    canvas: Canvas
    x: float
    y: float
    radius: float
    angle: float
    color: Rgb
    texture: str

    def body(self, points: Sequence[Point]) -> None:
        """A part that has the thing's colour and pattern."""
        placed = self._placed(points)
        canvas = self.canvas
        if canvas.style == "outline":
            canvas.draw.polygon(placed, fill=canvas.background)
            self._loop(placed, self.color, 2.0)
            return
        if self.texture == "plain":
            canvas.draw.polygon(placed, fill=self.color)
        else:
            mask = Image.new("1", canvas.image.size)
            ImageDraw.Draw(mask).polygon(placed, fill=1)
            canvas.image.paste(self._pattern(), (0, 0), mask)
        self._loop(placed, canvas.ink, 1.0)

    def part(self, points: Sequence[Point], color: Rgb) -> None:
        """A part in a colour of its own."""
        placed = self._placed(points)
        canvas = self.canvas
        canvas.draw.polygon(placed, fill=canvas.background if canvas.style == "outline" else color)
        self._loop(placed, self.canvas.ink, 1.0)

    def patch(self, points: Sequence[Point], color: Rgb) -> None:
        """A part without an outline, filled in every style."""
        self.canvas.draw.polygon(self._placed(points), fill=color)

    def line(self, points: Sequence[Point], width: float = 1.2, color: Rgb | None = None) -> None:
        """A line through `points`."""
        self.canvas.draw.line(
            self._placed(points), fill=color or self.canvas.ink, width=round(width * SCALE), joint="curve"
        )

    def moved(self, x: float, y: float, size: float) -> Pen:
        """The same pen for something `size` as large around (x, y)."""
        ((left, top),) = self._placed([(x, y)])
        return Pen(self.canvas, left / SCALE, top / SCALE, self.radius * size, self.angle, self.color, self.texture)

    def _placed(self, points: Sequence[Point]) -> list[Point]:
        cos, sin = math.cos(self.angle) * self.radius, math.sin(self.angle) * self.radius
        return [((self.x + x * cos - y * sin) * SCALE, (self.y + x * sin + y * cos) * SCALE) for x, y in points]

    def _loop(self, placed: list[Point], color: Rgb, width: float) -> None:
        self.canvas.draw.line([*placed, *placed[:2]], fill=color, width=round(width * SCALE), joint="curve")

    def _pattern(self) -> Image.Image:
        """The thing's colour with white stripes, dots or checks, over the whole canvas."""
        pattern = Image.new("RGB", self.canvas.image.size, self.color)
        draw = ImageDraw.Draw(pattern)
        step = _PERIOD * SCALE
        left, top = (self.x % _PERIOD) * SCALE - step, (self.y % _PERIOD) * SCALE - step
        lines = range(math.ceil(SIZE / _PERIOD) + 2)
        if self.texture == "striped":
            for n in lines:
                draw.rectangle((0, top + n * step, SIZE * SCALE, top + (n + 0.5) * step), fill=WHITE)
            return pattern
        for row in lines:
            for column in lines:
                x, y = left + column * step, top + row * step
                if self.texture == "dotted":
                    draw.ellipse((x - 0.28 * step, y - 0.28 * step, x + 0.28 * step, y + 0.28 * step), fill=WHITE)
                else:
                    half = step / 2
                    draw.rectangle((x, y, x + half, y + half), fill=WHITE)
                    draw.rectangle((x + half, y + half, x + step, y + step), fill=WHITE)
        return pattern


def rectangle(left: float, top: float, right: float, bottom: float) -> list[Point]:
    """Its corners."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def ellipse(x: float, y: float, width: float, height: float, turn: float = 0.0) -> list[Point]:
    """An ellipse around (x, y) with these half axes, turned by `turn` (radians)."""
    return [
        (
            x + width * math.cos(a) * math.cos(turn) - height * math.sin(a) * math.sin(turn),
            y + width * math.cos(a) * math.sin(turn) + height * math.sin(a) * math.cos(turn),
        )
        for a in (2 * math.pi * n / 40 for n in range(40))
    ]


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> list[Point]:  # noqa: PLR0917 - as an ellipse's
    """Points of an ellipse's outline from `start` to `end` degrees, 0 at the right, 90 below."""
    return [
        (x + width * math.cos(math.radians(a)), y + height * math.sin(math.radians(a)))
        for a in (start + (end - start) * n / 24 for n in range(25))
    ]
