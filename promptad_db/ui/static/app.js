// What makes the pages quicker to use; all of them work without it, but for the charts.
"use strict";

const POLL_MILLISECONDS = 4000;

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Filters: a changed select sends its form, a menu of check boxes does when it is closed.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select, input[type=search]")) form.requestSubmit();
    if (event.target.matches("input[type=checkbox]")) event.target.closest("details").dataset.changed = "yes";
  });
  for (const menu of form.querySelectorAll("details.some")) {
    menu.addEventListener("toggle", () => {
      if (!menu.open && menu.dataset.changed) form.requestSubmit();
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && menu.open) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    });
  }
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
  });
}
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.some[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[data-auto] :disabled")) field.disabled = false;
});

// Tables: a click on a heading sorts the rows that are there.
function valueOf(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = Number.parseFloat(text.replace(/[,+]/g, "").replace("−", "-"));
  return Number.isNaN(number) || !/^[+\-−]?[\d.]/.test(text) ? text : number;
}
function sortBy(table, heading) {
  const up = heading.getAttribute("aria-sort") === "descending" || !heading.classList.contains("number") && !heading.hasAttribute("aria-sort");
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, heading.cellIndex), row]);
  rows.sort(([one], [other]) => {
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1; // what has no number stays below
    const order = typeof one === "number" ? one - other : one.localeCompare(other);
    return up ? order : -order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}
for (const table of document.querySelectorAll("table[data-sortable]")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = element("button", heading.textContent, { type: "button" });
    button.addEventListener("click", () => sortBy(table, heading));
    heading.replaceChildren(button);
  }
}

// Running runs: asked for every few seconds while somebody looks.
function cellName(run) {
  return `${run.dataset} K=${run.k_shot} seed=${run.seed ?? "–"} ${run.task} ${run.variant}`;
}
function since(moment) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(moment)) / 1000));
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}
function liveRow(run) {
  const row = element("tr", undefined, run.seems_dead ? { class: "dead" } : {});
  const name = element("th", undefined, { scope: "row" });
  const short = run.run_id.slice(run.run_id.lastIndexOf("-") + 1);
  name.append(element("a", short, { href: `/run/${encodeURIComponent(run.run_id)}` }));
  const done = element("td");
  if (run.planned) {
    done.append(element("progress", undefined, { max: run.planned, value: run.done, "aria-label": `categories done of ${short}` }), " ");
  }
  done.append(`${run.done}${run.planned ? ` of ${run.planned}` : ""}${run.last === null ? "" : `, last ${run.last}`}`);
  const changed = element("td", since(run.last_change) + (run.seems_dead ? ", seems dead" : ""));
  row.append(name, element("td", run.experiment), element("td", cellName(run)), done, changed);
  return row;
}
const live = document.querySelector("[data-progress]");
const onePage = location.pathname.startsWith("/run/") ? decodeURIComponent(location.pathname.slice(5)) : null;
let before = null;
async function look() {
  if (document.visibilityState === "hidden") return;
  let runs;
  try {
    const answer = await fetch(live.dataset.progress, { credentials: "same-origin" });
    if (!answer.ok) return;
    runs = await answer.json();
  } catch {
    return; // the server is gone or restarts: the next look tells
  }
  if (onePage) runs = runs.filter((run) => run.run_id === onePage);
  live.querySelector("tbody").replaceChildren(...runs.map(liveRow));
  live.hidden = runs.length === 0;
  const total = runs.reduce((sum, run) => sum + run.done, 0);
  const state = runs.map((run) => `${run.run_id} ${run.done} ${run.seems_dead}`).join();
  if (before !== null && state !== before) {
    document.getElementById("live-status").textContent = `${runs.length} runs are running, ${total} categories are done`;
  }
  before = state;
}
if (live) {
  look();
  setInterval(look, POLL_MILLISECONDS);
}

// Charts: fetched when they come into sight; a click on a mark leads to its cell or narrows the filters.
let drawing = null;
function chartScript() {
  drawing ??= new Promise((resolve, reject) => {
    const script = element("script", undefined, { src: "/static/vega.js" });
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return drawing;
}
function leadsTo(figure, datum) {
  if (!figure.dataset.chart.startsWith("/chart.json") || !datum?.category) return null;
  const query = new URLSearchParams(location.search);
  for (const name of ["category", "dataset", "k_shot", "task"]) {
    if (datum[name] !== undefined && datum[name] !== null) query.set(name, datum[name]);
  }
  return `/report?${query}`;
}
const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
async function drawChart(figure) {
  const place = figure.querySelector(".drawing");
  const description = figure.querySelector(".description");
  try {
    const [answer] = await Promise.all([fetch(figure.dataset.chart, { credentials: "same-origin" }), chartScript()]);
    const content = await answer.json();
    if (!content.spec) throw new Error(content.alt_text ?? content.error);
    description.hidden = false;
    description.querySelector("p").textContent = content.alt_text;
    place.setAttribute("aria-label", content.alt_text);
    const tooltip = { disableDefaultStyle: true, sanitize: (value) => escaped(String(value)) };
    const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip, hover: false };
    const { view } = await window.vegaEmbed(place, content.spec, options);
    view.addEventListener("click", (_event, item) => {
      const address = leadsTo(figure, item?.datum);
      if (address) location.assign(address);
    });
  } catch (error) {
    place.replaceWith(element("p", error.message ?? "The script that draws charts did not load.", { class: "quiet" }));
  } finally {
    place.classList.remove("waiting");
  }
}
const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    sight.unobserve(target);
    drawChart(target);
  }
}, { rootMargin: "300px" });
for (const figure of document.querySelectorAll("figure[data-chart]")) {
  figure.querySelector(".drawing").classList.add("waiting");
  sight.observe(figure);
}

// The strip of images: pointing at one, or reaching it with the keyboard, shows its maps beside the strip.
const lens = document.getElementById("lens");
function showInLens(link) {
  if (link.getAttribute("aria-current")) return;
  for (const other of document.querySelectorAll(".strip a[aria-current]")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  const shown = JSON.parse(link.dataset.shown);
  lens.querySelector("h3").textContent = shown.name;
  lens.querySelector(".description").textContent = shown.description;
  const pictures = shown.pictures.map(({ name, address, score }) => {
    const figure = element("figure");
    const caption = element("figcaption", score ? `${name} ${score}` : name);
    figure.append(element("img", undefined, { src: address, alt: `${name} of ${shown.name}` }), caption);
    return figure;
  });
  lens.querySelector(".pictures").replaceChildren(...pictures);
}
if (lens) {
  const links = [...document.querySelectorAll(".strip a")];
  for (const [index, link] of links.entries()) {
    link.addEventListener("pointerenter", () => showInLens(link));
    link.addEventListener("focus", () => showInLens(link));
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      showInLens(link);
    });
    link.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step && links[index + step]) {
        event.preventDefault();
        links[index + step].focus();
      }
    });
  }
}

document.getElementById("query")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});
