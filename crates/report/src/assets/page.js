(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  root.classList.add("scripted");

  // Theme: what the system says, or what was chosen; remembered where the browser lets a file remember something.
  const theme = document.getElementById("theme");
  const themes = ["system", "light", "dark"];
  const remember = {
    get() { try { return localStorage.getItem("secgroup-theme"); } catch { return null; } },
    set(name) { try { localStorage.setItem("secgroup-theme", name); } catch { /* Not here, then. */ } },
  };
  const show = (name) => {
    if (name === "system") delete root.dataset.theme; else root.dataset.theme = name;
    theme.textContent = "Theme: " + name;
  };
  let chosen = themes.includes(remember.get()) ? remember.get() : "system";
  show(chosen);
  theme.addEventListener("click", () => {
    chosen = themes[(themes.indexOf(chosen) + 1) % themes.length];
    remember.set(chosen);
    show(chosen);
  });

  // Tables: sorted by a click on a column's name, filtered by the search box, folded to their first rows.
  const counted = (number, noun) => number.toLocaleString("en") + " " + noun + (number === 1 ? "" : "s");
  class Table {
    constructor(table) {
      this.table = table;
      this.block = table.closest(".block");
      this.body = table.tBodies[0];
      this.rows = [...this.body.rows];
      this.texts = new Map(this.rows.map((row) => [row, row.textContent.toLowerCase()]));
      this.fold = Number(matchMedia("screen and (max-width: 44rem)").matches ? table.dataset.foldNarrow : table.dataset.fold);
      this.words = [];
      this.heads = all("thead th", table);
      this.heads.forEach((head, column) =>
        head.firstElementChild.addEventListener("click", () => this.sort(column)));
      this.button = this.block.querySelector(".more");
      this.button.addEventListener("click", () => { this.unfolded = !this.unfolded; this.draw(); });
      this.count = this.block.querySelector(".count");
      this.select = this.block.querySelector(".sort-by select");
      this.select.addEventListener("change", () => this.sort(Number(this.select.value)));
      this.draw();
    }
    sort(column) {
      const head = this.heads[column];
      const isNumber = head.classList.contains("number");
      const before = head.getAttribute("aria-sort");
      const descends = before ? before === "ascending" : isNumber;
      this.heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descends ? "descending" : "ascending");
      this.select.value = column;
      const key = (row) => isNumber ? Number(row.cells[column].dataset.value) : row.cells[column].textContent;
      const keys = new Map(this.rows.map((row) => [row, key(row)]));
      const order = isNumber ? (a, b) => a - b : new Intl.Collator("en", { numeric: true }).compare;
      this.rows.sort((a, b) => (descends ? -1 : 1) * order(keys.get(a), keys.get(b)));
      this.body.append(...this.rows);
      this.draw();
    }
    search(words) {
      this.words = words;
      this.draw();
      return words.length ? this.matches : 0;
    }
    draw() {
      const matching = this.rows.filter((row) => this.words.every((word) => this.texts.get(row).includes(word)));
      // What is nearly all may be all.
      const folds = matching.length > this.fold * 1.4;
      const shown = new Set(this.unfolded || !folds ? matching : matching.slice(0, this.fold));
      this.rows.forEach((row) => { row.hidden = !shown.has(row); });
      this.matches = matching.length;
      const rows = this.rows.length;
      this.count.textContent = this.words.length ? matching.length.toLocaleString("en") + " of " + counted(rows, "row")
        : counted(rows, "row");
      this.button.hidden = !folds;
      this.button.textContent = this.unfolded ? "Show fewer" : "Show all " + matching.length.toLocaleString("en");
    }
  }
  const tables = all("table.cards").map((table) => new Table(table));

  const box = document.getElementById("search");
  const found = document.getElementById("found");
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const counts = tables.map((table) => table.search(words));
    const total = counts.reduce((sum, count) => sum + count, 0);
    const where = counts.filter(Boolean).length;
    found.textContent = !words.length ? "" : total === 0 ? "Nothing found" : counted(total, "row") + " in " + counted(where, "table")
      + "; Enter goes there";
  });
  let visited = -1;
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { box.value = ""; box.dispatchEvent(new Event("input")); box.blur(); }
    if (event.key !== "Enter" || !box.value) return;
    const hits = tables.filter((table) => table.matches > 0);
    if (hits.length) hits[visited = (visited + 1) % hits.length].block.scrollIntoView({ block: "start" });
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); box.focus(); }
  });

  // Charts: what lies under the pointer is said below.
  all(".chart-box").forEach((chart) => {
    const readout = chart.closest(".block").querySelector(".readout");
    all(".hit", chart).forEach((hit) => {
      const says = hit.textContent;
      hit.replaceChildren();
      hit.addEventListener("pointerenter", () => { readout.textContent = says; });
    });
    chart.addEventListener("pointerleave", () => { readout.textContent = ""; });
  });
})();
