// One item of the gallery: its prompt, and for each run the images, their scores, the graph and the answers.

const PAPER_WIDTH = several ? 330 : 440;
const cards = new WeakMap(); // element of a card → { item, chosen, sides }; sides is null until it is filled

/** The empty card of an item: it costs next to nothing until it comes near the screen. */
function makeCard(item) {
  const card = el("article", { className: "item", tabIndex: -1, dataset: { place: `item ${item.id}` }, attributes: { "aria-label": item.id } });
  cards.set(card, { item, chosen: null, sides: null });
  return card;
}

/** Put prompt, images and graphs into a card. */
function fillCard(card) {
  const state = cards.get(card);
  if (!state.sides) {
    const { item } = state;
    const total = el("span", { className: several ? "change" : "score" });
    const link = el("a", { className: "permalink", href: "#", textContent: "#", title: "Link to this item, as it is shown now" });
    link.setAttribute("aria-label", `Link to ${item.id}`);
    state.sides = data.runs.map((_, run) => makeSide(item, run, several ? el("span", { className: "score" }) : total));
    card.append(
      el("header", {}, el("h3", { textContent: item.id }), link, total),
      el("p", { className: "prompt", textContent: item.text, dir: "auto" }),
      el("div", { className: "sides" }, ...state.sides.map((side) => side.element)),
    );
    refreshScores(card);
  }
  choose(card, state.chosen);
}

/** One run's part of a card; `score` is where its score stands. */
function makeSide(item, run, score) {
  const result = item.results[run];
  const element = el("section", { className: "side", dataset: { run } });
  const side = { run, element, score, gap: el("p", { className: "gap" }), frame: null, chips: [], graph: null };
  if (several) {
    const letter = el("span", { className: `run run-${run % 6}`, textContent: data.runs[run].letter });
    element.append(el("h4", {}, letter, data.runs[run].name, score));
  }
  element.append(side.gap);
  if (!result) {
    side.gap.textContent = "This item is not part of this run.";
    return side;
  }
  side.frame = makeFrame(item, run);
  for (const image of [null, ...imagesOf(run)]) {
    side.chips.push(el("button", { type: "button", className: "chip", dataset: { image: image ?? "all" } }));
  }
  const chips = el("div", { className: "chips", attributes: { role: "group", "aria-label": "Image shown" } }, ...side.chips);
  const body = el("div", { className: "body" }, el("div", { className: "pictures" }, side.frame, chips));
  if (item.questions.length) {
    const label = "Question graph; arrow keys move between questions";
    side.graph = el("div", { className: "graph", attributes: { role: "group", "aria-label": label } });
    const list = el("details", {}, el("summary", { textContent: `${item.questions.length} questions as a list` }));
    body.append(el("div", { className: "questions" }, side.graph, list));
  }
  element.append(body);
  return side;
}

/** Where the images of an item lie: in the cells of a file, or each in a file of its own, which then is a cell. */
function cutOf(item, run, files) {
  const known = files > 1 ? undefined : data.runs[run].cuts[item.results[run].cut ?? 0];
  const across = Math.ceil(Math.sqrt(data.runs[run].images));
  const down = Math.ceil(data.runs[run].images / across);
  const [columns, rows, width, height, margin, gap] = known ?? [across, down, 1, 1, 0, 0];
  return { columns, rows, width, height, margin, gap, known: known !== undefined };
}

/** The length of a cut file along `count` cells of `size`. */
const extent = (count, size, cut) => 2 * cut.margin + count * (size + cut.gap) - cut.gap;

/** An item's images in run number `run`: one file that holds the grid, or a tile for each file. */
function makeFrame(item, run, full = false) {
  const { images } = data.runs[run];
  const urls = urlsOf(item, run, full);
  const frame = el("div", { className: urls.length > 1 ? "frame tiles" : "frame grid" });
  const cut = cutOf(item, run, urls.length);
  shapeFrame(frame, cut);
  if (!urls.length) {
    frame.classList.add("absent");
    frame.append(el("p", { textContent: "no image" }));
  }
  urls.forEach((url, place) => {
    const alt = urls.length > 1 ? `Image ${place + 1} of ${item.id}` : `The ${images} images of ${item.id}`;
    const image = el("img", { loading: "lazy", decoding: "async", alt, src: url });
    image.addEventListener("load", () => {
      const [across, down] = urls.length > 1 ? [1, 1] : [cut.columns, cut.rows];
      if (!cut.known) shapeFrame(frame, Object.assign(cut, { width: image.naturalWidth / across, height: image.naturalHeight / down }));
    });
    image.addEventListener("error", () => {
      frame.classList.add("absent");
      frame.replaceChildren(el("p", { textContent: "image not found" }));
    });
    frame.append(image);
  });
  frames.set(frame, cut);
  return frame;
}

const frames = new WeakMap(); // frame → its cut

/** Give a frame the shape of what it shows. */
function shapeFrame(frame, cut) {
  const [wide, high] = [extent(cut.columns, cut.width, cut), extent(cut.rows, cut.height, cut)];
  const lengths = { columns: cut.columns, whole: wide / high, tile: cut.width / cut.height, across: wide / cut.width, down: high / cut.height };
  for (const [name, value] of Object.entries({ ...lengths, "whole-pixels": wide, "tile-pixels": cut.width })) frame.style.setProperty(`--${name}`, value);
}

/** Let a frame show image number `shown` alone; null: all of them. */
function showTile(frame, shown) {
  const cut = frames.get(frame);
  const [column, row] = shown === null ? [0, 0] : [shown % cut.columns, Math.floor(shown / cut.columns)];
  frame.classList.toggle("zoomed", shown !== null);
  frame.style.setProperty("--left", (cut.margin + column * (cut.width + cut.gap)) / extent(cut.columns, cut.width, cut));
  frame.style.setProperty("--upper", (cut.margin + row * (cut.height + cut.gap)) / extent(cut.rows, cut.height, cut));
  [...frame.querySelectorAll("img")].forEach((image, place) => image.classList.toggle("shown", place === shown));
}

/** The number of the image at a place of a frame that shows a whole grid, in shares of its width and height. */
function imageAt(frame, across, down) {
  const cut = frames.get(frame);
  const cell = (share, count, size) => Math.max(0, Math.min(count - 1, Math.floor((share * extent(count, size, cut) - cut.margin) / (size + cut.gap))));
  return cell(down, cut.rows, cut.height) * cut.columns + cell(across, cut.columns, cut.width);
}

/** Write the scores of the chosen protocol into a card. */
function refreshScores(card) {
  const { item, sides } = cards.get(card);
  if (!sides) return;
  for (const { run, score, gap, chips } of sides) {
    const result = item.results[run];
    if (!result) continue;
    const scores = imageScores(result);
    gap.hidden = scores !== null;
    gap.textContent = scores ? "" : `Not scored: ${result.gaps?.[protocol()] ?? "left out"}`;
    score.textContent = scores ? mean(scores).toFixed(1) : "–";
    chips.forEach((chip, place) => {
      const own = scores && place ? scores[place - 1].toFixed(0) : "";
      chip.replaceChildren(place ? `${place} ` : "All", el("span", { textContent: own }));
      if (place) chip.setAttribute("aria-label", `Image ${place}${own ? `, score ${own}` : ""}`);
    });
  }
  if (several) refreshChange(card, item);
}

function refreshChange(card, item) {
  const [first, last] = [scoreOf(item, 0), scoreOf(item, data.runs.length - 1)];
  const letters = [data.runs[0], data.runs[data.runs.length - 1]].map((run) => run.letter);
  const change = card.querySelector(".change");
  const known = first !== null && last !== null;
  const size = known && `${last >= first ? "+" : "−"}${Math.abs(last - first).toFixed(1)}`;
  change.textContent = known ? `${letters[1]} minus ${letters[0]}: ${size}` : "";
  change.className = `change ${known && last > first ? "up" : known && last < first ? "down" : ""}`;
}

/** The image of run number `run` that is shown where number `chosen` is wanted: null for all, and if it has none such. */
const shownOf = (run, chosen) => (chosen !== null && chosen < data.runs[run].images ? chosen : null);

/** Show image number `chosen` (null: all) of every run, and its graph. */
function choose(card, chosen) {
  const state = cards.get(card);
  state.chosen = chosen;
  for (const { run, frame, chips } of state.sides) {
    if (!frame) continue;
    const shown = shownOf(run, chosen);
    showTile(frame, shown);
    chips.forEach((chip, place) => chip.setAttribute("aria-pressed", shown === null ? place === 0 : place === shown + 1));
  }
  drawGraphs(card);
}

/** Draw a card's graphs at the width they have now. */
function drawGraphs(card) {
  const { item, chosen, sides } = cards.get(card);
  for (const { run, graph, element } of sides) {
    if (!graph) continue;
    const width = root.classList.contains("paper") ? PAPER_WIDTH : graph.clientWidth;
    if (width) drawGraph(graph, item, run, shownOf(run, chosen), width);
    for (const row of element.querySelectorAll("tbody tr")) markRow(row, item);
  }
  card.classList.add("drawn");
}

/** Empty a card's graphs, which keep their height: what is far from the screen needs no boxes. */
function dropGraphs(card) {
  for (const { graph } of cards.get(card).sides ?? []) graph?.replaceChildren();
  card.classList.remove("drawn");
}

/** Fill the list of questions when it is first opened. */
function fillList(details, item, run) {
  if (details.querySelector("table")) return;
  const result = item.results[run];
  const images = imagesOf(run);
  const columns = ["#", "Question", "Category", "Needs", ...images.map((image) => image + 1)];
  const head = el("tr", {}, ...columns.map((text) => el("th", { textContent: text, scope: "col" })));
  const rows = item.questions.map((question, row) => {
    const cells = [question.id, question.text, categoryName(question), question.parents.join(", ")];
    const answers = images.map((image) => answerCell(item, result, image, row));
    const line = el("tr", { dataset: { row } }, ...cells.map((text) => el("td", { textContent: text, dir: "auto" })), ...answers);
    markRow(line, item);
    return line;
  });
  details.append(el("div", { className: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows))));
}

function markRow(line, item) {
  line.classList.toggle("match", view.category !== "" && inCategory(item.questions[line.dataset.row]));
}

function answerCell(item, result, image, row) {
  const { name, look, mark } = STATES[stateOf(item, result, image, row)];
  const answer = answerOf(item, result, image, row);
  const label = name === "gated" ? `${answer}, gated: an ancestor does not hold` : answer;
  const plain = ["yes", "no", "no answer"].includes(answer);
  const text = el("span", { textContent: plain ? mark : name === "gated" ? `(${answer})` : answer, attributes: { "aria-label": label, role: "img" } });
  return el("td", { className: `cell ${look}`, title: label }, text);
}
