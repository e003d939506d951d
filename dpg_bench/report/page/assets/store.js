// The page's data, and what is worked out from it once: see data.py for its form.

const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const several = data.runs.length > 1;
root.classList.add("scripted");

// What became of a question; gated: an ancestor does not hold, so the answer doesn't count. `look` is for style: marks
// and fills tell the states apart without their colours.
const STATES = {
  Y: { name: "yes", look: "yes", answer: "yes", mark: "✓" },
  N: { name: "no", look: "no", answer: "no", mark: "✗" },
  y: { name: "gated", look: "gated said-yes", answer: "yes", mark: "(✓)" },
  n: { name: "gated", look: "gated said-no", answer: "no", mark: "(✗)" },
  "-": { name: "missing", look: "missing", answer: "no answer", mark: "?" },
};

const protocol = () => document.querySelector("input[name=protocol]:checked").value;

/** Element `tag` with properties and children; text is only ever set as text. */
function el(tag, properties = {}, ...children) {
  const { dataset, attributes, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  Object.assign(node.dataset, dataset);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** The state letter of question number `row` in image number `image`. */
const stateOf = (item, result, image, row) => result.states[image * item.questions.length + row];

/** The judge's words. */
function answerOf(item, result, image, row) {
  const place = image * item.questions.length + row;
  const word = result.words?.[place];
  return word === undefined ? STATES[result.states[place]].answer : data.answers[word];
}

/** The scores of an item's images under the chosen protocol, in percent; null if it has none. */
function imageScores(result) {
  const row = result?.scores?.[protocol()];
  return row ? row.slice(1).map((counted) => (100 * counted) / row[0]) : null;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** An item's score in run number `run` under the chosen protocol; null if it has none. */
function scoreOf(item, run) {
  const scores = imageScores(item.results[run]);
  return scores && mean(scores);
}

/** All image numbers of run number `run`. */
const imagesOf = (run) => [...Array(data.runs[run].images).keys()];

const items = data.items.map((item, place) => ({
  ...item,
  place,
  questions: item.questions.map(([id, parents, category, depth, text]) => ({ id, parents, category, depth, text })),
  results: data.runs.map((run) => run.items[place]),
}));

for (const item of items) {
  item.haystack = [item.id, item.text, ...item.questions.map((question) => question.text)].join("\n").toLowerCase();
  item.categories = new Set(item.questions.map((question) => question.category));
}

/** A question's category as people write it. */
const categoryName = (question) => data.categories[question.category][0].replace(/\s*-\s*$/, "");

let thumbnails = null;

/** The addresses of an item's images in run number `run`: small ones, where there are such, or those of `full` size. */
function urlsOf(item, run, full = false) {
  const embedded = document.getElementById("thumbnails");
  const result = item.results[run];
  if (!embedded) return (full ? null : result?.thumbs) ?? result?.urls ?? [];
  // Maps, since an item may be called `constructor`.
  thumbnails ??= JSON.parse(embedded.textContent).map((byItem) => new Map(Object.entries(byItem)));
  return thumbnails[run].get(item.id) ?? [];
}
