// What the theme leaves unnamed for people with a screen reader, and out of reach of the keyboard.
document$.subscribe(() => {
  for (const search of document.querySelectorAll(".md-search")) search.setAttribute("aria-label", "Search");
  for (const bar of document.querySelectorAll(".md-code__nav")) bar.setAttribute("role", "none");
  const boxes = ".md-typeset__scrollwrap, .md-typeset pre > code";
  for (const box of document.querySelectorAll(boxes)) if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
});
