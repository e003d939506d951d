// Keys, clicks and pointers → what the gallery shows.

const tip = document.getElementById("tip");
const field = (id) => document.getElementById(id);

let writing = 0;

/** Change the view; where the reader is among the items, the new ones begin at the top of the window. */
function update(change) {
  Object.assign(view, change);
  const among = gallery.getBoundingClientRect().top < topLine();
  refresh();
  if (among) scrollBy({ top: gallery.getBoundingClientRect().top - topLine(), behavior: "instant" });
  clearTimeout(writing); // browsers allow few changes of the address a second
  writing = setTimeout(writeLink, 200);
}

field("search").addEventListener("input", (event) => update({ text: event.target.value }));
for (const name of ["category", "sort"]) field(name).addEventListener("change", (event) => update({ [name]: event.target.value }));
for (const name of ["failures", "compact"]) field(name).addEventListener("change", (event) => update({ [name]: event.target.checked }));

for (const choice of document.querySelectorAll("input[name=protocol]")) {
  // The browser has switched already; back for a moment, so that what is on the screen can be found again.
  choice.addEventListener("change", () => {
    const other = [...document.querySelectorAll("input[name=protocol]")].find((one) => one !== choice);
    other.checked = true;
    keepingPlace(() => {
      choice.checked = true;
      refresh();
    });
    writeLink();
  });
}

field("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

gallery.addEventListener("click", (event) => {
  const card = event.target.closest(".item");
  if (!card) return;
  const chip = event.target.closest(".chip");
  if (chip) choose(card, chip.dataset.image === "all" ? null : Number(chip.dataset.image));
  else if (event.target.matches(".permalink")) {
    event.preventDefault();
    linked = card;
  } else if (event.target.matches("img")) {
    const chosen = cards.get(card).chosen ?? pointedImage(event);
    choose(card, chosen);
    openViewer(card, chosen);
  } else return;
  if (event.target.matches(".permalink") || linked === card) writeLink();
});

// The link's address is worked out when it may be needed: to be followed, copied, or read aloud.
for (const kind of ["pointerover", "focusin"]) {
  gallery.addEventListener(kind, (event) => {
    if (event.target.matches?.(".permalink")) event.target.href = linkTo(event.target.closest(".item"));
  });
}

/** The number of the image that a click on a grid, or on a single image, means. */
function pointedImage({ target, clientX, clientY }) {
  const frame = target.parentElement;
  if (frame.classList.contains("tiles")) return [...frame.querySelectorAll("img")].indexOf(target);
  const { left, top, width: wide, height: high } = target.getBoundingClientRect();
  const image = imageAt(frame, (clientX - left) / wide, (clientY - top) / high);
  return image < data.runs[frame.closest(".side").dataset.run].images ? image : null;
}

gallery.addEventListener("toggle", (event) => {
  const side = event.target.closest(".side");
  if (event.target.open && side) fillList(event.target, cards.get(side.closest(".item")).item, Number(side.dataset.run));
}, true);

// The question in full, and what was answered: for the box pointed at, or reached by keyboard.
for (const kind of ["pointerover", "focusin"]) gallery.addEventListener(kind, (event) => point(event.target.closest?.(".node")));
for (const kind of ["pointerout", "focusout"]) gallery.addEventListener(kind, (event) => event.target.closest?.(".node") && point(null));
addEventListener("scroll", () => tip.hidden || point(null), { passive: true });

let pointed = [];

function point(node) {
  tip.hidden = !node;
  pointed.forEach(([host, item]) => showKin(host, item, null));
  pointed = [];
  if (!node) return;
  const { item, chosen, sides } = cards.get(node.closest(".item"));
  const run = Number(node.closest(".side").dataset.run);
  const row = Number(node.dataset.row);
  pointed = sides.filter((side) => side.graph).map((side) => [side.graph, item]);
  pointed.forEach(([host]) => showKin(host, item, row));
  fillTip(item, run, row, chosen);
  placeTip(node.getBoundingClientRect(), item.questions[row].depth === 0);
}

function fillTip(item, run, row, chosen) {
  const question = item.questions[row];
  const result = item.results[run];
  const answers = imagesOf(run).map((image) => {
    const { name, look } = STATES[stateOf(item, result, image, row)];
    const note = name === "gated" ? el("em", { textContent: " gated: an ancestor does not hold" }) : "";
    const answer = el("b", { textContent: answerOf(item, result, image, row) });
    const cell = el("span", { className: `cell ${look}` });
    return el("li", { className: image === chosen ? "chosen" : "" }, cell, ` image ${image + 1}: `, answer, note);
  });
  const needs = question.parents.length ? `, needs ${question.parents.join(", ")}` : "";
  tip.replaceChildren(
    el("strong", { textContent: question.text, dir: "auto" }),
    el("small", { textContent: `question ${question.id}, ${categoryName(question)}${needs}` }),
    el("ul", {}, ...answers),
  );
}

/** Beside the box: above it if `above` is wanted and there is room, so that what hangs below stays in sight. */
function placeTip(box, above) {
  const { width: wide, height: high } = tip.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left + box.width / 2 - wide / 2, root.clientWidth - wide - 8));
  const [up, down] = [box.top - high - 8, box.bottom + 8];
  const top = (above && up >= 8) || down + high > innerHeight ? Math.max(8, up) : down;
  Object.assign(tip.style, { left: `${left}px`, top: `${top}px` });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !tip.hidden) return point(null);
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const node = event.target.closest?.(".node");
  if (node && ARROWS[event.key]) {
    event.preventDefault();
    return moveInGraph(node, ARROWS[event.key]);
  }
  // A switch or a box takes no letters, so j and k go on working after it.
  if (event.target.matches?.("select, textarea, input:not([type=radio], [type=checkbox])")) return undefined;
  if (event.key === "/") {
    event.preventDefault();
    return field("search").focus();
  }
  if (event.key === "j" || event.key === "k") return moveToItem(event.key === "j" ? 1 : -1);
  return undefined;
});

/** Focus the nearest box in a direction. */
function moveInGraph(node, [right, down]) {
  const centre = (one) => [one.offsetLeft + one.offsetWidth / 2, one.offsetTop + one.offsetHeight / 2];
  const [x, y] = centre(node);
  const others = [...node.parentElement.querySelectorAll(".node")].map((one) => {
    const [dx, dy] = [centre(one)[0] - x, centre(one)[1] - y];
    const ahead = dx * right + dy * down;
    return { one, ahead, distance: ahead + 3 * Math.abs(dx * down + dy * right) };
  });
  const next = others.filter(({ ahead }) => ahead > 1).sort((a, b) => a.distance - b.distance)[0];
  if (!next) return;
  node.tabIndex = -1;
  next.one.tabIndex = 0;
  next.one.focus();
}

/** Go to the next item, or the one before: from that in focus, else from that on the screen. */
function moveToItem(step) {
  const all = [...gallery.children];
  const focused = all.indexOf(document.activeElement?.closest?.(".item"));
  const line = topLine();
  const below = all.findIndex((card) => card.getBoundingClientRect().bottom > line + 24);
  const onScreen = all.length && all[0].getBoundingClientRect().top < line ? below : -1;
  const next = all[focused >= 0 ? focused + step : onScreen >= 0 ? onScreen + step : 0];
  if (!next) return;
  linked = next;
  fillCard(next);
  showCard(next);
  writeLink();
}

showControls(); // a browser may have kept what stood there before
refresh();
followLink();
root.dataset.ready = "true";
performance.mark("ready");
