"use strict";
(() => {
const root = document.documentElement;
const field = (id) => document.getElementById(id);
const cards = [...document.querySelectorAll(".dispute")].map((card) => ({
  card,
  words: card.textContent.toLowerCase(),
  answers: [...card.querySelectorAll("li")],
}));

function narrow() {
  const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const category = field("category")?.value ?? "";
  const side = field("side").value;
  let images = 0;
  let answers = 0;
  for (const one of cards) {
    let fitting = 0;
    for (const answer of one.answers) {
      const fits = (!category || answer.dataset.category === category) && (!side || answer.dataset.side === side);
      answer.hidden = !fits;
      fitting += fits;
    }
    const found = fitting > 0 && words.every((word) => one.words.includes(word));
    one.card.hidden = !found;
    images += found;
    answers += found ? fitting : 0;
  }
  field("count").textContent = `${images} of ${cards.length} images, ${answers} answers`;
  field("nothing").hidden = images > 0;
}

field("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
if (cards.length) {
  for (const id of ["search", "category", "side"]) field(id)?.addEventListener("input", narrow);
  narrow();
}
root.classList.add("scripted");
root.dataset.ready = "true";
})();
