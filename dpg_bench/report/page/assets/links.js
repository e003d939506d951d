// What is shown ↔ the part of the address behind #: a link that is copied or kept brings the same view back.

/** The view as it stands in an address; what is as usual is left out. `card` is the item it leads to. */
function linkTo(card) {
  const parts = new URLSearchParams();
  if (protocol() !== "corrected") parts.set("protocol", protocol());
  for (const [name, value] of Object.entries(view)) if (value !== USUAL_VIEW[name]) parts.set(name, value === true ? "1" : value);
  if (card) {
    const { item, chosen } = cards.get(card);
    parts.set("item", item.id);
    if (chosen !== null) parts.set("image", chosen + 1);
  }
  return `#${parts}`;
}

let linked = null; // the card that the address leads to

/** Write the view into the address, without a step in the history. */
function writeLink() {
  const link = linkTo(linked?.isConnected ? linked : null);
  if (link !== (location.hash || "#")) history.replaceState(null, "", link === "#" ? location.pathname + location.search : link);
}

/** Bring back the view that an address holds; what it says wrongly is as usual. */
function followLink() {
  if (!location.hash.includes("=")) return;
  const parts = new URLSearchParams(location.hash.slice(1));
  const offers = (id, value) => [...field(id).options].some((option) => option.value === value);
  view.text = parts.get("text") ?? USUAL_VIEW.text;
  for (const name of ["failures", "compact"]) view[name] = parts.get(name) === "1";
  for (const name of ["category", "sort"]) view[name] = offers(name, parts.get(name)) ? parts.get(name) : USUAL_VIEW[name];
  const choice = [...document.querySelectorAll("input[name=protocol]")].find((one) => one.value === (parts.get("protocol") ?? "corrected"));
  if (choice) choice.checked = true;
  showControls();
  refresh();
  const item = items.find((one) => one.id === parts.get("item"));
  if (!item) return;
  if (!shown.includes(item)) return;
  linked = cardFor(item);
  fillCard(linked);
  const image = Number(parts.get("image")) - 1;
  if (Number.isInteger(image) && image >= 0) choose(linked, data.runs.some((run) => image < run.images) ? image : null);
  showCard(linked);
}

/** The tools as the view has them. */
function showControls() {
  field("search").value = view.text;
  for (const name of ["category", "sort"]) field(name).value = view[name];
  for (const name of ["failures", "compact"]) field(name).checked = view[name];
}

/** Bring a card to the top of the window, and put the focus there. */
function showCard(card) {
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "start", behavior: "instant" });
  hold(card, card.getBoundingClientRect().top);
}

addEventListener("hashchange", followLink);
