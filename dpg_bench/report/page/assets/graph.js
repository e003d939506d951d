// The question graph of an item: parents above children, laid out for the width there is.

const NODE = { least: 96, most: 140, height: 50, gap: 8, rowGap: 10, layerGap: 30 };
const SVG = "http://www.w3.org/2000/svg";

/** A short name for a question, for its box: "Is there a lighthouse?" is about the lighthouse. */
function shortName(text) {
  const opening = /^(is|are|does|do|did|has|have|was|were|can)\s+((there|this|these|it)\s+)?((a|an|any|the)\s+)?/i;
  const short = text.replace(opening, "").replace(/\?\s*$/, "").trim();
  return short || text;
}

/** Rows of questions from top to bottom, each row's in an order that keeps children below their parents. */
function layers(item) {
  const rows = [];
  item.questions.forEach((question, row) => (rows[question.depth] ??= []).push(row));
  const rowOf = new Map(item.questions.map((question, row) => [question.id, row]));
  const parents = item.questions.map((question) => question.parents.map((id) => rowOf.get(id)).filter((row) => row !== undefined));
  const children = item.questions.map(() => []);
  parents.forEach((above, row) => above.forEach((parent) => children[parent].push(row)));
  const at = [];
  const settle = (row) => row.forEach((question, place) => (at[question] = (place + 0.5) / row.length));
  const order = (row, neighbours) => {
    const pull = (question) => (neighbours[question].length ? mean(neighbours[question].map((other) => at[other])) : at[question]);
    const wanted = new Map(row.map((question) => [question, pull(question)]));
    row.sort((a, b) => wanted.get(a) - wanted.get(b));
    settle(row);
  };
  rows.forEach(settle);
  const lonely = (question) => !children[question].length && !parents[question].length;
  for (let sweep = 0; sweep < 3; sweep++) {
    rows.slice(1).forEach((row) => order(row, parents));
    rows.slice(0, -1).reverse().forEach((row) => order(row, children));
    rows[0].sort((a, b) => lonely(a) - lonely(b));
    settle(rows[0]);
  }
  return { rows, parents };
}

/** Where every question's box stands in a drawing `width` wide. */
function layout(item, width) {
  const { rows, parents } = layers(item);
  const fit = Math.max(1, Math.floor((width + NODE.gap) / (NODE.least + NODE.gap)));
  const widest = Math.min(fit, Math.max(...rows.map((row) => row.length)));
  const boxWidth = Math.min(NODE.most, (width - (widest - 1) * NODE.gap) / widest);
  const boxes = [];
  let y = 0;
  for (const row of rows) {
    const lines = Math.ceil(row.length / fit);
    const perLine = Math.ceil(row.length / lines);
    for (let start = 0; start < row.length; start += perLine) {
      const line = row.slice(start, start + perLine);
      const left = (width - line.length * boxWidth - (line.length - 1) * NODE.gap) / 2;
      line.forEach((question, place) => (boxes[question] = { x: left + place * (boxWidth + NODE.gap), y }));
      y += NODE.height + NODE.rowGap;
    }
    y += NODE.layerGap - NODE.rowGap;
  }
  return { boxes, parents, boxWidth, height: y - NODE.layerGap };
}

/** What a box shows of its question: the one state of the chosen image, or of all images if they agree. */
function boxState(item, result, images, row) {
  const states = new Set(images.map((image) => STATES[stateOf(item, result, image, row)].name));
  return states.size === 1 ? [...states][0] : "mixed";
}

/** The same as a sign: ✓, ✗, (✓) for a yes that is gated, 3/4 where images differ. */
function boxMark(item, result, images, row) {
  const letters = images.map((image) => stateOf(item, result, image, row));
  const gated = (letter) => STATES[letter].name === "gated";
  if (new Set(letters).size === 1) return STATES[letters[0]].mark;
  if (letters.every(gated)) return "(✓✗)";
  return `${letters.filter((letter) => letter === "Y").length}/${images.length}`;
}

/** In how many more of `images` a question counts than in the first run; 0 where that can't be said. */
function changeFromFirst(item, run, images, row) {
  const [first, result] = [item.results[0], item.results[run]];
  if (run === 0 || !first || Math.max(...images) >= data.runs[0].images) return 0;
  const counts = (one) => images.filter((image) => stateOf(item, one, image, row) === "Y").length;
  return counts(result) - counts(first);
}

/** Draw the graph of `item` in run number `run` into `host`; `chosen` is an image's number, or null for all. */
function drawGraph(host, item, run, chosen, width) {
  const result = item.results[run];
  const { boxes, parents, boxWidth, height } = layout(item, width);
  const all = imagesOf(run);
  const images = chosen === null ? all : [chosen];
  const edges = document.createElementNS(SVG, "svg");
  edges.setAttribute("class", "edges");
  edges.setAttribute("aria-hidden", "true");
  edges.setAttribute("viewBox", `0 0 ${width} ${height}`);
  edges.setAttribute("preserveAspectRatio", "none");
  parents.forEach((above, child) =>
    above.forEach((parent) => {
      const [from, to] = [boxes[parent], boxes[child]];
      const [x1, y1, x2, y2] = [from.x + boxWidth / 2, from.y + NODE.height, to.x + boxWidth / 2, to.y];
      const bend = Math.max(14, (y2 - y1) / 2);
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`);
      path.setAttribute("class", boxState(item, result, images, parent) === "yes" ? "open" : "shut");
      path.dataset.from = parent;
      path.dataset.to = child;
      edges.append(path);
    }),
  );
  const nodes = boxes.map((box, row) => {
    const question = item.questions[row];
    const strip = el("span", { className: "strip" });
    for (const image of all) {
      const { look } = STATES[stateOf(item, result, image, row)];
      strip.append(el("span", { className: `cell ${look}${images.includes(image) ? "" : " other"}` }));
    }
    const state = boxState(item, result, images, row);
    const node = el(
      "button",
      {
        type: "button",
        className: `node ${state}${view.category && inCategory(question) ? " match" : ""}`,
        tabIndex: -1,
        dataset: { row },
        attributes: { "aria-label": `${question.text} ${nodeWords(item, result, images, row)}` },
      },
      el("span", { className: "name", textContent: shortName(question.text) }),
      el("span", { className: "foot" }, el("span", { className: "mark", textContent: boxMark(item, result, images, row) }), strip),
    );
    const share = (length) => `${(100 * length) / width}%`; // so that it follows a column that changes its width
    Object.assign(node.style, { left: share(box.x), top: `${box.y}px`, width: share(boxWidth), height: `${NODE.height}px` });
    const change = changeFromFirst(item, run, images, row);
    if (change) node.append(el("span", { className: change > 0 ? "gain" : "loss", textContent: change > 0 ? "▲" : "▼" }));
    return node;
  });
  const first = boxes.reduce((best, box, row) => (box.y < boxes[best].y || (box.y === boxes[best].y && box.x < boxes[best].x) ? row : best), 0);
  nodes[first].tabIndex = 0;
  host.style.height = `${height}px`;
  host.classList.toggle("filtered", view.category !== "");
  host.replaceChildren(edges, ...nodes);
}

/** The answers about `images` in words, for those who don't see colours. */
function nodeWords(item, result, images, row) {
  return images
    .map((image) => {
      const { name } = STATES[stateOf(item, result, image, row)];
      return `image ${image + 1}: ${answerOf(item, result, image, row)}${name === "gated" ? ", gated" : ""}`;
    })
    .join("; ");
}

/** Show which questions lie above and below number `row` in the graph `host`; null: none. */
function showKin(host, item, row) {
  const kin = new Set();
  const follow = (start, step) => {
    const waiting = [start];
    while (waiting.length) {
      const at = waiting.pop();
      if (kin.has(`${step}${at}`)) continue;
      kin.add(`${step}${at}`).add(at);
      waiting.push(...host.kin[step][at]);
    }
  };
  if (row !== null) {
    host.kin ??= kinOf(item);
    follow(row, "up");
    follow(row, "down");
  }
  host.classList.toggle("tracing", row !== null);
  for (const node of host.querySelectorAll(".node")) node.classList.toggle("kin", kin.has(Number(node.dataset.row)));
  for (const path of host.querySelectorAll("path")) {
    path.classList.toggle("kin", kin.has(Number(path.dataset.from)) && kin.has(Number(path.dataset.to)));
  }
}

function kinOf(item) {
  const { parents } = layers(item);
  const down = parents.map(() => []);
  parents.forEach((above, row) => above.forEach((parent) => down[parent].push(row)));
  return { up: parents, down };
}
