"use strict";
// Draws each chart from the specification beside it, and makes the heads of tables sort their rows.
for (const chart of document.querySelectorAll(".chart")) {
  const spec = JSON.parse(document.getElementById(chart.dataset.spec).textContent);
  vegaEmbed(chart, spec, { ast: true, renderer: "svg", actions: false, mode: "vega-lite" }).then(
    () => { chart.dataset.drawn = "yes"; },
    (error) => { chart.textContent = "This chart could not be drawn: " + error.message; console.error(error); },
  );
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, head, column));
  });
}
function sort(table, heads, head, column) {
  const numeric = head.classList.contains("number");
  const up = head.ariaSort ? head.ariaSort === "descending" : !numeric;
  for (const other of heads) other.removeAttribute("aria-sort");
  head.ariaSort = up ? "ascending" : "descending";
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => ({ row, key: key(row.cells[column].textContent, numeric) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    const order = numeric ? a.key - b.key : a.key.localeCompare(b.key, undefined, { numeric: true });
    return up ? order : -order;
  });
  body.append(...keyed.map((one) => one.row));
}
function key(text, numeric) {
  if (!numeric) return text;
  const value = Number.parseFloat(text);
  return Number.isNaN(value) ? null : value;
}
