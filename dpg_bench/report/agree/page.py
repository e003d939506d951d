"""How judges agree as a page: the tables, and every image that they disagree on, the most disputed first."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpg_bench import __version__
from dpg_bench.files.image_content import UnusableImageError, image_size, open_image, read_image_file
from dpg_bench.files.recorded_images import find_recorded_images, recorded_cuts
from dpg_bench.report.agree.pairs import Flip, PairAgreement
from dpg_bench.report.agree.result import Agreement
from dpg_bench.report.agree.text import SCORING_WORDS, Table, agreement_tables, coefficient, percent
from dpg_bench.report.page.html import content_hash, page_asset, page_templates, verbatim
from dpg_bench.report.page.image_links import file_address

_PACKAGE = "dpg_bench.report.agree"
_THUMBNAIL_SIDE = 320  # pixels
_QUALITY = 76


@dataclass(frozen=True, slots=True)
class Tile:
    """Where an image is found: the `address` of a file of `width` × `height` px, of which a part is `shown`.

    That part is left, upper, width and height in pixels.
    """

    address: str
    width: int
    height: int
    shown: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """A question that is answered differently; `said` is what each judge of the page says, in words."""

    pair: int
    first_yes: bool
    category: str
    text: str
    said: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Disputed:
    """An image with all that judges answer differently about it."""

    model: str
    item_id: str
    image: int
    prompt: str
    tile: Tile | None
    answers: tuple[Answer, ...]


def agreement_to_html(agreement: Agreement, page: Path, *, embed: bool = False) -> str:
    """The text of the page, to be written to `page`, from where images are linked; `embed` puts thumbnails into it.

    Raises BadInputError if the images of a run are not what was judged.
    """
    style = page_asset("palette.css") + page_asset("page.css") + page_asset("agree.css", _PACKAGE)
    script = page_asset("agree.js", _PACKAGE)
    disputed = tuple(_disputed(agreement, page, embed=embed))
    broad = dict.fromkeys(flip.place.question.category_broad for pair in agreement.pairs for flip in pair.flips)
    return (
        page_templates(_PACKAGE)
        .get_template("agree.html.j2")
        .render(
            version=__version__,
            judges=agreement.material.judges,
            facts=tuple(_facts(agreement)),
            remarks=agreement.material.remarks,
            tables=[_as_html(table) for table in agreement_tables(agreement, top=0, few=0)],
            pairs=agreement.pairs,
            disputed=disputed,
            pictured=sum(one.tile is not None for one in disputed),
            categories=sorted(filter(None, broad)),
            style=verbatim(style),
            style_hash=content_hash(style),
            script=verbatim(script),
            script_hash=content_hash(script),
        )
    )


def _facts(agreement: Agreement) -> Iterator[str]:
    material = agreement.material
    if material.has_graph:
        yield f"suite {Path(material.suite.name).name}"
    yield f"{len(material.models)} models" if len(material.models) > 1 else material.models[0]
    for pair in agreement.pairs:
        counts = pair.overall
        kappa = coefficient(counts.kappa, digits=2)
        yield f"{counts.answers} questions: {percent(counts.agreement)} % agree, kappa {kappa}"
    yield f"scores: {SCORING_WORDS[agreement.scoring]}"


def _as_html(table: Table) -> Mapping[str, Any]:
    return {
        "title": table.title,
        "columns": [(name, name not in table.words) for name in table.columns],
        "rows": [(row.cells, row.style == "bold") for row in table.rows],
        "notes": table.notes,
    }


def _disputed(agreement: Agreement, page: Path, *, embed: bool) -> Iterator[Disputed]:
    by_image: dict[tuple[str, str, int], list[tuple[int, PairAgreement, Flip]]] = {}
    for number, pair in enumerate(agreement.pairs):
        for flip in pair.flips:
            key = (flip.place.model, flip.place.item_id, flip.place.image)
            by_image.setdefault(key, []).append((number, pair, flip))
    suite = agreement.material.suite
    tiles = _Tiles(agreement, page, embed=embed)
    for (model, item_id, image), flips in sorted(by_image.items(), key=lambda one: -len(one[1])):
        yield Disputed(
            model=model,
            item_id=item_id,
            image=image,
            prompt=suite.by_id[item_id].text,
            tile=tiles.find(model, item_id, image),
            answers=tuple(
                Answer(
                    pair=number,
                    first_yes=flip.first_yes,
                    category=flip.place.question.category_broad,
                    text=flip.place.question.text or f"question {flip.place.question.proposition_id}",
                    said=_said(pair, flip),
                )
                for number, pair, flip in sorted(flips, key=lambda one: (one[0], one[2].place.question.proposition_id))
            ),
        )


def _said(pair: PairAgreement, flip: Flip) -> tuple[str, str]:
    first, second = (
        f"{judge}: {answer or 'neither'}{f', P(yes) {p_yes:.2f}' if p_yes is not None else ''}"
        for judge, answer, p_yes in zip((pair.first, pair.second), (flip.first, flip.second), flip.p_yes, strict=True)
    )
    return first, second


class _Tiles:
    """The images of all models that are runs, found once a model."""

    def __init__(self, agreement: Agreement, page: Path, *, embed: bool) -> None:
        self._agreement = agreement
        self._folder = page.resolve().parent
        self._embed = embed
        self._runs: dict[str, Mapping[str, Sequence[tuple[Path, tuple[int, int, int, int] | None]]]] = {}

    def find(self, model: str, item_id: str, image: int) -> Tile | None:
        if model not in self._runs:
            self._runs[model] = self._places(model)
        places = self._runs[model].get(item_id, ())
        if image >= len(places):
            return None
        file, box = places[image]
        size = image_size(file)
        if size is None:
            return None
        left, upper, right, lower = box or (0, 0, *size)
        width, height = right - left, lower - upper
        if self._embed:
            address = _thumbnail(file, (left, upper, right, lower))
            return Tile(address, width, height, (0, 0, width, height)) if address is not None else None
        return Tile(file_address(file.resolve(), self._folder), *size, (left, upper, width, height))

    def _places(self, model: str) -> Mapping[str, Sequence[tuple[Path, tuple[int, int, int, int] | None]]]:
        run = next((one.run for one in self._agreement.material.about(model) if one.run is not None), None)
        if run is None or run.run_dir is None:
            return {}
        images = run.card.run.images_per_prompt
        asked = [prompt.item_id for prompt in self._agreement.material.suite.prompts]
        found = find_recorded_images(run.run_dir, asked, images_per_prompt=images)
        if found is None:
            return {}
        cuts = recorded_cuts(run.run_dir, found)
        places: dict[str, Sequence[tuple[Path, tuple[int, int, int, int] | None]]] = {}
        for item_id, item in found.items.items():
            if len(item.files) == images:
                places[item_id] = [(file, None) for file in item.files]
            elif item_id in cuts:
                places[item_id] = [(item.files[0], box) for box in cuts[item_id].boxes(images)]
        return places


def _thumbnail(file: Path, box: tuple[int, int, int, int]) -> str | None:
    try:
        image = open_image(read_image_file(file), file).crop(box)
    except UnusableImageError:
        return None
    image.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    content = io.BytesIO()
    image.save(content, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
