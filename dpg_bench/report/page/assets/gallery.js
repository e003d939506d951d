// Which items are shown, in which order, and that only those near the screen cost anything.

const gallery = document.getElementById("gallery");
const wanted = { text: "", category: "", failures: false, sort: several ? "loss" : "low" };
let shown = [];

/** Whether a question (of the wanted category) fails to count in some image of some run, or has no answer. */
function fails(item, matches) {
  return item.results.some((result, run) => {
    if (!result) return false;
    const count = item.questions.length;
    return [...result.states].some((state, place) => state !== "Y" && matches(item.questions[place % count]));
  });
}

function selected() {
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const [level, name] = wanted.category ? [Number(wanted.category[0]), wanted.category.slice(2)] : [0, ""];
  const matches = level ? (question) => data.categories[question.category][level === 1 ? 1 : 0] === name : () => true;
  return items.filter(
    (item) =>
      words.every((word) => item.haystack.includes(word)) &&
      (!level || item.questions.some(matches)) &&
      (!wanted.failures || fails(item, matches)),
  );
}

const last = data.runs.length - 1;
const scoreOfAny = (item) => mean(data.runs.map((_, run) => scoreOf(item, run)).filter((score) => score !== null));
const spreadOf = (item) => Math.max(...item.results.map((result) => imageScores(result)).filter(Boolean).map((scores) => Math.max(...scores) - Math.min(...scores)));
const changeOf = (item) => (scoreOf(item, 0) === null || scoreOf(item, last) === null ? NaN : scoreOf(item, last) - scoreOf(item, 0));

const KEYS = {
  suite: (item) => item.place,
  low: scoreOfAny,
  high: (item) => -scoreOfAny(item),
  spread: (item) => -spreadOf(item),
  loss: changeOf,
  gain: (item) => -changeOf(item),
};

/** Items in the wanted order; those without a score last. */
function sorted(chosen) {
  const keys = new Map(chosen.map((item) => [item, KEYS[wanted.sort](item)]));
  const known = (item) => Number.isFinite(keys.get(item));
  return [...chosen].sort((a, b) => known(b) - known(a) || (known(a) && keys.get(a) - keys.get(b)) || a.place - b.place);
}

/** Show the items that are wanted now. */
function refresh() {
  shown = sorted(selected());
  const questions = shown.reduce((sum, item) => sum + item.questions.length, 0);
  document.getElementById("count").textContent = `${shown.length} of ${items.length} items, ${questions} questions`;
  document.getElementById("nothing").hidden = shown.length > 0;
  near.disconnect();
  gallery.replaceChildren(...shown.map(makeCard));
  for (const card of gallery.children) near.observe(card);
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
