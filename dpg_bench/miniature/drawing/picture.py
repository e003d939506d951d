"""A scene to its picture: where things stand, how large and turned they are, and what a seed changes of all that."""

from __future__ import annotations

import math

from PIL import Image

from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.drawing.kinds import DRAW
from dpg_bench.miniature.drawing.pen import SIZE, Canvas, Pen, Point, Rgb
from dpg_bench.miniature.scene import Scene, Thing

_COLORS: dict[str, Rgb] = {
    "red": (220, 35, 40),
    "orange": (245, 140, 20),
    "yellow": (250, 225, 50),
    "green": (45, 160, 65),
    "blue": (40, 85, 225),
    "purple": (145, 60, 190),
    "pink": (250, 145, 190),
    "brown": (130, 80, 45),
}
_BACKGROUNDS: dict[str, Rgb] = {
    "white": (252, 252, 252),
    "gray": (185, 185, 190),
    "cyan": (170, 235, 240),
    "beige": (240, 222, 180),
    "dark": (24, 26, 62),
}
_RADIUS = {"large": 12.8, "small": 7.8}
_GROUP_RADIUS = 5.6
_GROUPS: dict[int, list[Point]] = {
    1: [(0, 0)],
    2: [(-7, 0), (7, 0)],
    3: [(-7, 6.5), (7, 6.5), (0, -6.5)],
    4: [(-7, -7), (7, -7), (-7, 7), (7, 7)],
}
_JITTER = 1.3
_TILT = math.radians(32)


def draw(scene: Scene, seed: str) -> Image.Image:
    """The picture of `scene`, RGB, 64 × 64 px; `seed` moves things by a px or so and their colours by a few levels."""
    dice = Dice(f"drawing {seed}")
    canvas = Canvas(_shaded(dice, _BACKGROUNDS[scene.background], 4), scene.style)
    if scene.style == "night":
        _speckle(canvas, dice)
    for thing in scene.things:
        _draw_thing(canvas, scene, thing, dice)
    return canvas.finished()


def _draw_thing(canvas: Canvas, scene: Scene, thing: Thing, dice: Dice) -> None:
    x, y = _middle(thing)
    radius = _RADIUS[thing.size] if thing.count == 1 else _GROUP_RADIUS
    links = {link.subject: link for link in scene.links}
    holder = next((link for link in scene.links if link.object == thing.kind and link.relation == "holding"), None)
    angle = (_TILT if dice.chance(0.5) else -_TILT) if thing.tilted else 0.0
    wobble = _JITTER
    if holder is not None:
        x, y, radius, wobble = x + 8.2, y - 5.5, 6.0, 0.3
    elif thing.kind == "person" and "person" in links and links["person"].relation == "holding":
        x, wobble = x - 5.0, 0.3
    elif thing.kind in links and links[thing.kind].relation == "inside":
        radius, wobble = 6.2, 0.3
    elif any(link.relation == "touching" and thing.kind in (link.subject, link.object) for link in scene.links):
        x, wobble = x + (4.4 if thing.column == 0 else -4.4), 0.2
    elif thing.kind == "frame":
        wobble = 0.3
    if thing.kind == "arrow":
        angle = _direction(scene, thing)
        radius = 10.5
    color = _shaded(dice, _COLORS[thing.color])
    x, y = x + dice.between(-wobble, wobble), y + dice.between(-wobble, wobble)
    radius *= dice.between(0.97, 1.03)
    for dx, dy in _GROUPS[thing.count]:
        DRAW[thing.kind](Pen(canvas, x + dx, y + dy, radius, angle, color, thing.texture), thing)


def _middle(thing: Thing) -> Point:
    return (SIZE / 4 + thing.column * SIZE / 2, SIZE / 4 + thing.row * SIZE / 2)


def _direction(scene: Scene, arrow: Thing) -> float:
    """The angle at which the arrow points at its target."""
    target = next((scene.find(link.object) for link in scene.links if link.relation == "pointing at"), None)
    if target is None:
        return 0.0
    return math.atan2(target.row - arrow.row, target.column - arrow.column)


def _shaded(dice: Dice, color: Rgb, most: float = 7) -> Rgb:
    red, green, blue = (min(255, max(0, round(level + dice.between(-most, most)))) for level in color)
    return red, green, blue


def _speckle(canvas: Canvas, dice: Dice) -> None:
    """Tiny points of light in the sky."""
    side = canvas.image.width
    for _ in range(14):
        x, y = dice.between(0, side), dice.between(0, side)
        canvas.draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=(170, 175, 210))
