// Images as large as the window, or pixel by pixel: a dialog over the page.

const viewer = document.getElementById("viewer");
const stage = viewer.querySelector(".stage");
let viewed = null; // { card, image }: image null for all at once

/** Open the viewer with image number `image` of a card's item, in every run. */
function openViewer(card, image) {
  viewed = { card, image };
  showViewed();
  if (!viewer.open) viewer.showModal();
}

function showViewed() {
  const { card, image } = viewed;
  const { item, sides } = cards.get(card);
  viewer.querySelector(".about").textContent = `${item.id}, ${image === null ? "all images" : `image ${image + 1}`}`;
  stage.replaceChildren(
    ...sides.filter((side) => side.frame && urlsOf(item, side.run).length).map(({ run }) => {
      const frame = makeFrame(item, run, true);
      const shown = shownOf(run, image);
      showTile(frame, shown);
      const urls = urlsOf(item, run, true);
      const file = el("a", { href: urls.length > 1 ? urls[shown ?? 0] : urls[0], target: "_blank", rel: "noreferrer", textContent: "the file itself" });
      const letter = several ? el("span", { className: `run run-${run % 6}`, textContent: data.runs[run].letter }) : null;
      const scores = imageScores(item.results[run]);
      const score = scores ? `${(shown === null ? mean(scores) : scores[shown]).toFixed(1)} ` : "";
      const embedded = file.href.startsWith("data:");
      for (const picture of frame.querySelectorAll("img")) picture.loading = "eager";
      const caption = el("figcaption", {}, letter, score, embedded ? el("small", { textContent: "a thumbnail; the images are not in this file" }) : file);
      return el("figure", {}, frame, caption);
    }),
  );
  viewer.style.setProperty("--figures", stage.children.length || 1);
}

/** Go to the next image, or the one before; after the last, and before the first, come all at once. */
function stepViewer(step) {
  const count = Math.max(...data.runs.map((run) => run.images));
  const at = viewed.image === null ? count : viewed.image;
  const next = (at + step + count + 1) % (count + 1);
  viewed.image = next === count ? null : next;
  showViewed();
  choose(viewed.card, viewed.image);
}

viewer.addEventListener("click", (event) => {
  const action = event.target.closest("button")?.dataset.action;
  if (action === "close" || event.target === viewer || event.target === stage) viewer.close();
  else if (action === "next" || action === "previous") stepViewer(action === "next" ? 1 : -1);
  else if (action === "pixels" || event.target.matches("img")) {
    const pixels = viewer.classList.toggle("pixels");
    viewer.querySelector("[data-action=pixels]").setAttribute("aria-pressed", pixels);
  }
});

viewer.addEventListener("keydown", (event) => {
  event.stopPropagation(); // the page's own keys rest
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    event.preventDefault();
    stepViewer(event.key === "ArrowRight" ? 1 : -1);
  }
});

viewer.addEventListener("close", () => {
  stage.replaceChildren();
  writeLink();
});
