"""A folder for any web server: the page, its images as they are, and small ones that a browser loads quickly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from dpg_bench.files.item_names import file_stem
from dpg_bench.report.page.data import page_data
from dpg_bench.report.page.html import shown_runs_to_html
from dpg_bench.report.page.image_links import thumbnails
from dpg_bench.report.page.score_tables import ProtocolView
from dpg_bench.report.page.shown_runs import ShownRun, ShownRuns


def bundle_files(shown: ShownRuns, views: Sequence[ProtocolView], folder: Path) -> dict[Path, bytes | Path]:
    """Everything that goes into `folder`, a Path for a copy of that file; the page comes last.

    `images/A/ITEM.png` (or `images/A/ITEM/0.png`, …) are the images of run A, `thumbnails/` small WebP files of the
    same names, `scorecards/A.json` what the numbers are from. A file that is no image that can be opened stays out: it
    may be a link to anything, and a bundle is made to be published.
    """
    contents: dict[Path, bytes | Path] = {folder / ".nojekyll": b""}  # GitHub Pages then serves every name as it is
    image_urls, thumbnail_urls = [], []
    for run in shown.runs:
        images, small = {}, {}
        for item_id, made in thumbnails(run).items():
            images[item_id] = _names("images", run, item_id, run.images[item_id])
            small[item_id] = _names("thumbnails", run, item_id, made)
            contents |= {folder / name: content for name, content in zip(small[item_id], made, strict=True)}
            contents |= zip([folder / name for name in images[item_id]], run.images[item_id], strict=True)
        contents[folder / "scorecards" / f"{run.letter}.json"] = run.judged.file
        image_urls.append(_addresses(images))
        thumbnail_urls.append(_addresses(small))
    data = page_data(shown, image_urls=image_urls, thumbnail_urls=thumbnail_urls)
    contents[folder / "index.html"] = shown_runs_to_html(shown, views, data).encode()
    return contents


def _names(folder: str, run: ShownRun, item_id: str, files: Sequence[Path | bytes]) -> list[str]:
    start = f"{folder}/{run.letter}/{file_stem(item_id)}"
    endings = [file.suffix.lower() if isinstance(file, Path) else ".webp" for file in files]
    if len(files) == 1:
        return [f"{start}{endings[0]}"]
    return [f"{start}/{place}{ending}" for place, ending in enumerate(endings)]


def _addresses(names: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {item_id: [quote(name) for name in found] for item_id, found in names.items()}
