"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  const boards = all(".board");
  const search = one("#search");
  const groups = all("input[name=group]");
  const sort = one("#sort");
  const count = one("#count");
  const tablists = [];
  let shown = boards[0];

  // A tab stands for all boards that share a value; choosing one keeps the other choice where such a board exists.
  function makeTabs(label, key) {
    const values = [...new Set(boards.map(board => board.dataset[key]))];
    const list = document.createElement("div");
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", label);
    list.hidden = values.length < 2;
    values.forEach((value, place) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = `tab-${key}-${place}`;
      tab.textContent = key === "protocol" ? `${value} protocol` : value;
      tab.setAttribute("role", "tab");
      tab.dataset.value = value;
      tab.setAttribute("aria-controls", boards.filter(board => board.dataset[key] === value).map(board => board.id).join(" "));
      tab.addEventListener("click", () => choose(key, value));
      list.append(tab);
    });
    list.addEventListener("keydown", event => {
      const tabs = all("[role=tab]", list).filter(tab => !tab.hidden);
      const at = tabs.indexOf(document.activeElement);
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined || at < 0) return;
      event.preventDefault();
      const tab = tabs[(to + tabs.length) % tabs.length];
      tab.click();
      tab.focus();
    });
    one("#tabs").append(list);
    tablists.push({ key, list });
  }

  function choose(key, value) {
    const other = key === "tab" ? "protocol" : "tab";
    const fitting = boards.filter(board => board.dataset[key] === value);
    show(fitting.find(board => board.dataset[other] === shown.dataset[other]) ?? fitting[0]);
    history.replaceState(null, "", `#${shown.id}`);
  }

  function show(board) {
    shown = board;
    for (const other of boards) other.hidden = other !== board;
    for (const { key, list } of tablists) {
      for (const tab of all("[role=tab]", list)) {
        const chosen = tab.dataset.value === board.dataset[key];
        tab.setAttribute("aria-selected", String(chosen));
        tab.tabIndex = chosen ? 0 : -1;
        if (key === "protocol") {
          tab.hidden = !boards.some(one => one.dataset.tab === board.dataset.tab && one.dataset.protocol === tab.dataset.value);
        }
      }
    }
    sort.replaceChildren(...all("thead th", board).map(head => new Option(one("button", head).textContent, head.dataset.key)));
    sort.value = one("thead th[aria-sort]", board).dataset.key;
    filter();
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = groups.filter(box => box.checked).map(box => box.value);
    const rows = all("tbody", shown);
    for (const row of rows) {
      const fits = words.every(word => row.dataset.words.includes(word));
      row.hidden = !fits || (groups.length > 0 && !wanted.includes(row.dataset.group));
    }
    const left = rows.filter(row => !row.hidden).length;
    one(".nothing", shown).hidden = left > 0;
    count.textContent = `${left} of ${rows.length} results`;
  }

  // Names and ranks from the first on, scores from the highest down; what is unknown comes last either way.
  function sortBy(board, key, direction) {
    const heads = all("thead th", board);
    const head = heads.find(one => one.dataset.key === key);
    const column = head.cellIndex;
    const words = key === "name";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    const value = row => row.rows[0].cells[column].dataset.value;
    const compare = (a, b) => words ? a.localeCompare(b) : Number(a) - Number(b);
    const rows = all("tbody", board).sort((a, b) => {
      const [first, second] = [value(a), value(b)];
      if (first === "" || second === "") return (first === "") - (second === "");
      return direction * compare(first, second);
    });
    one("table", board).append(...rows);
  }

  const natural = key => (key === "rank" || key === "name" ? 1 : -1);

  for (const board of boards) {
    for (const head of all("thead th", board)) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        const now = { ascending: 1, descending: -1 }[head.getAttribute("aria-sort")];
        sortBy(board, head.dataset.key, now ? -now : natural(head.dataset.key));
        sort.value = head.dataset.key;
      });
      head.append(button);
    }
    all("tbody", board).forEach((row, place) => {
      const more = one(".more", row);
      const button = document.createElement("button");
      more.id = `${board.id}-more-${place}`;
      button.type = "button";
      button.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-controls", more.id);
      button.append(...one(".name", row).childNodes);
      button.addEventListener("click", () => {
        button.setAttribute("aria-expanded", String(more.classList.toggle("open")));
      });
      one(".name", row).append(button);
    });
  }
  makeTabs("Suite and judge", "tab");
  makeTabs("Protocol", "protocol");
  const tab = (key, value) => all(`[role=tab][id^="tab-${key}-"]`).find(one => one.dataset.value === value).id;
  for (const board of boards) {
    board.setAttribute("role", "tabpanel");
    board.setAttribute("aria-labelledby", `${tab("tab", board.dataset.tab)} ${tab("protocol", board.dataset.protocol)}`);
  }
  search.addEventListener("input", filter);
  for (const box of groups) box.addEventListener("change", filter);
  sort.addEventListener("change", () => sortBy(shown, sort.value, natural(sort.value)));
  const asked = () => boards.find(board => `#${board.id}` === location.hash);
  addEventListener("hashchange", () => asked() && show(asked()));
  document.documentElement.classList.add("scripted");
  show(asked() ?? boards[0]);
  document.documentElement.dataset.ready = "true";
})();
