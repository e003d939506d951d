// What the page shows, as files for a spreadsheet: made here, from the page's own data.

/** A cell of a CSV file. A text that a spreadsheet would take for a formula gets an apostrophe before it. */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csvText = (rows) => rows.map((row) => `${row.map(csvCell).join(",")}\n`).join("");

const CSV_FILES = {
  /** Every score of every run under both protocols, with all its digits. */
  scores: () => [["run", ...data.scores.columns], ...data.scores.rows.map(([run, ...rest]) => [data.runs[run].name, ...rest])],

  /** The items that are shown, in their order: a row for each run, with the scores of its images. */
  items: () => {
    const most = Math.max(...data.runs.map((run) => run.images));
    const images = [...Array(most).keys()];
    const head = ["item_id", "prompt", "run", "protocol", "score", ...images.map((image) => `image_${image + 1}`)];
    const rows = shown.flatMap((item) =>
      item.results.flatMap((result, run) => {
        if (!result) return [];
        const scores = imageScores(result);
        return [[item.id, item.text, data.runs[run].name, protocol(), scores && mean(scores), ...images.map((image) => scores?.[image])]];
      }),
    );
    return [head, ...rows];
  },

  /** The questions that are shown: a row for each run and image, with the judge's words and what became of them. */
  answers: () => {
    const head = ["item_id", "proposition_id", "question", "category", "parents", "run", "image", "answer", "counts"];
    const rows = shown.flatMap((item) =>
      item.questions.flatMap((question, row) => {
        if (!inCategory(question)) return [];
        const about = [item.id, question.id, question.text, categoryName(question), question.parents.join(" ")];
        return item.results.flatMap((result, run) =>
          result ? imagesOf(run).map((image) => [...about, data.runs[run].name, image + 1, ...answered(item, result, image, row)]) : [],
        );
      }),
    );
    return [head, ...rows];
  },
};

function answered(item, result, image, row) {
  const { name } = STATES[stateOf(item, result, image, row)];
  return name === "missing" ? ["", ""] : [answerOf(item, result, image, row), name];
}

for (const button of document.querySelectorAll("[data-csv]")) {
  button.addEventListener("click", () => {
    const name = button.dataset.csv;
    const file = URL.createObjectURL(new Blob([csvText(CSV_FILES[name]())], { type: "text/csv" }));
    el("a", { href: file, download: `${name}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(file), 1000);
  });
}
