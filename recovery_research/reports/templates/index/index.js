(() => {
  "use strict";
  const all = (query, where = document) => [...where.querySelectorAll(query)];

  // How long ago, beside every time.
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const time of all("time")) {
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = units.find((u) => Math.abs(seconds) >= u[1]) || units[2];
    const ago = document.createElement("span");
    ago.className = "ago";
    ago.textContent = " " + words.format(Math.trunc(seconds / size), unit);
    time.append(ago);
  }

  // Find and show.
  const form = document.getElementById("filters");
  const find = document.getElementById("words");
  const status = document.getElementById("status");
  const found = document.getElementById("found");
  const fits = (element, wanted) => {
    const text = element.dataset.words.toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
  const filter = () => {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const standings = all(".standing");
    for (const standing of standings) {
      const right = !status.value || standing.classList.contains("is-" + status.value);
      standing.hidden = !(right && fits(standing, wanted));
    }
    for (const report of all("article.report")) {
      report.hidden = !all(".standing", report).some((s) => !s.hidden);
    }
    for (const row of all("#run-table tbody tr")) row.hidden = !fits(row, wanted);
    const shown = standings.filter((s) => !s.hidden).length;
    found.textContent = wanted.length || status.value
      ? `${shown} of ${standings.length} shown` : "";
  };
  if (all(".standing").length > 1) {
    form.hidden = false;
    find.addEventListener("input", filter);
    status.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  // Sort the runs by a column.
  const table = document.getElementById("run-table");
  if (!table) return;
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.order ?? cell.textContent.trim();
  };
  all("thead th", table).slice(0, 5).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const order = new Intl.Collator("en", { numeric: true }).compare;
      const rows = all("tbody tr", table);
      rows.sort((a, b) => order(value(a, column), value(b, column)) * (up ? 1 : -1));
      table.tBodies[0].append(...rows);
    });
  });
})();
