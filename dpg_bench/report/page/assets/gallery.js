// Which items are shown, in which order, and that only those near the screen cost anything.

const gallery = document.getElementById("gallery");
const USUAL_VIEW = { text: "", category: "", failures: false, compact: false, sort: several ? "loss" : "low" };
const view = { ...USUAL_VIEW };
const cardOf = new Map(); // item → its card: made once, so that what it shows stays when the order changes
let shown = [];

/** Whether a question is of the category that was chosen: `1 NAME` for a level-1 category, `2 NAME` for one of level 2. */
function inCategory(question) {
  if (view.category === "") return true;
  const [name, broad] = data.categories[question.category];
  return view.category === `1 ${broad}` || view.category === `2 ${name}`;
}

/** Whether a question (of the chosen category) fails to count in some image of some run, or has no answer. */
function fails(item) {
  const count = item.questions.length;
  return item.results.some((result) => result && [...result.states].some((state, place) => state !== "Y" && inCategory(item.questions[place % count])));
}

function selected() {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  return items.filter(
    (item) =>
      words.every((word) => item.haystack.includes(word)) &&
      (view.category === "" || item.questions.some(inCategory)) &&
      (!view.failures || fails(item)),
  );
}

const last = data.runs.length - 1;
const scoreOfAny = (item) => mean(data.runs.map((_, run) => scoreOf(item, run)).filter((score) => score !== null));
const spreadOf = (item) => Math.max(...item.results.map((result) => imageScores(result)).filter(Boolean).map((scores) => Math.max(...scores) - Math.min(...scores)));
const changeOf = (item) => (scoreOf(item, 0) === null || scoreOf(item, last) === null ? NaN : scoreOf(item, last) - scoreOf(item, 0));

const KEYS = new Map([
  ["suite", (item) => item.place],
  ["low", scoreOfAny],
  ["high", (item) => -scoreOfAny(item)],
  ["spread", (item) => -spreadOf(item)],
  ["loss", changeOf],
  ["gain", (item) => -changeOf(item)],
]);

/** Items in the wanted order; those without a score last. */
function sorted(chosen) {
  const key = KEYS.get(view.sort);
  const keys = new Map(chosen.map((item) => [item, key(item)]));
  const known = (item) => Number.isFinite(keys.get(item));
  return [...chosen].sort((a, b) => known(b) - known(a) || (known(a) && keys.get(a) - keys.get(b)) || a.place - b.place);
}

/** Show the items that are wanted now, as they are wanted now. */
function refresh() {
  shown = sorted(selected());
  const questions = shown.reduce((sum, item) => sum + item.questions.filter(inCategory).length, 0);
  document.getElementById("count").textContent = `${shown.length} of ${items.length} items, ${questions} questions`;
  document.getElementById("nothing").hidden = shown.length > 0;
  gallery.classList.toggle("compact", view.compact);
  near.disconnect();
  const focused = document.activeElement;
  gallery.replaceChildren(...shown.map(cardFor));
  if (focused?.isConnected) focused.focus({ preventScroll: true }); // it was taken out of the page for a moment
  for (const card of gallery.children) {
    refreshScores(card);
    if (card.classList.contains("drawn")) drawGraphs(card);
    near.observe(card);
  }
}

function cardFor(item) {
  if (!cardOf.has(item)) cardOf.set(item, makeCard(item));
  return cardOf.get(item);
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (target.isConnected) (isIntersecting ? fillCard : dropGraphs)(target);
    }
  },
  { rootMargin: "1000px" },
);

let width = 0;
new ResizeObserver(() => {
  if (gallery.clientWidth === width) return;
  width = gallery.clientWidth;
  for (const card of gallery.querySelectorAll(".drawn")) drawGraphs(card);
}).observe(gallery);

/** The line below which the page shows: what stays on top (the bar, and over the gallery its tools) ends there. */
function topLine() {
  const bar = document.querySelector(".bar").getBoundingClientRect().bottom;
  const tools = document.querySelector(".tools").getBoundingClientRect();
  return tools.top <= bar + 1 && tools.bottom > 0 && getComputedStyle(document.querySelector(".tools")).position === "sticky" ? Math.max(bar, tools.bottom) : bar;
}

/** The parts of the page that are shown and named, from top to bottom; a card comes after the part it lies in. */
const places = () => [...document.querySelectorAll("[data-place]")].filter((one) => one.getClientRects().length);

/** Do `change`, and leave what the reader looks at where it is on the screen. */
function keepingPlace(change) {
  const line = topLine();
  const at = places().filter((one) => one.getBoundingClientRect().top <= line + 24 && one.getBoundingClientRect().bottom > line).at(-1);
  const before = at?.getBoundingClientRect().top;
  change();
  // The other protocol's part has another element of the same name.
  const now = at && places().find((one) => one.dataset.place === at.dataset.place);
  if (now) hold(now, before);
}

const FRAMES_HELD = 12;
let held = null;

/** Keep an element's top at `top` for a moment: cards that come near find their real height only then. */
function hold(element, top) {
  const own = (held = {});
  const step = (left) => {
    if (held !== own || !element.isConnected) return;
    const off = element.getBoundingClientRect().top - top;
    if (Math.abs(off) > 0.5) scrollBy({ top: off, behavior: "instant" });
    if (left) requestAnimationFrame(() => step(left - 1));
  };
  step(FRAMES_HELD);
}

// The reader's own scrolling goes before.
for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(kind, () => (held = null), { passive: true, capture: true });
