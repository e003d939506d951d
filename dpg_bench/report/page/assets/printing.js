// Paper shows the first items, with graphs drawn for its width, and everything that is folded on screen.
const ON_PAPER = 50;

addEventListener("beforeprint", () => {
  const all = [...gallery.children];
  all.forEach((card, place) => (card.hidden = place >= ON_PAPER));
  root.classList.add("paper");
  all.slice(0, ON_PAPER).forEach(fillCard);
  for (const folded of document.querySelectorAll("#provenance details, .gaps")) folded.open = true;
  const few = shown.length > ON_PAPER ? ` Printed: the first ${ON_PAPER}; search or filter to print others.` : "";
  field("printed").textContent = `${field("count").textContent}.${few}`;
});

addEventListener("afterprint", () => {
  root.classList.remove("paper");
  for (const card of gallery.children) {
    card.hidden = false;
    if (card.classList.contains("drawn")) drawGraphs(card);
  }
});
