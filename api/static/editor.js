// What the editor of drafts does when scripts are on: its line numbers grow, and faults lead into the text.
"use strict";

const SPARE = 300; // numbers beyond the last line

const numbersOf = (area) => area.closest(".sheet").querySelector(".gutter");

// The lines that have faults, by what was checked last.
const wrongLines = (area) => {
  const number = area.id.replace("text-", "");
  const found = document.querySelectorAll(`#looked a[data-file="${number}"]`);
  return new Set(Array.from(found, (link) => Number(link.dataset.line)));
};

const number = (area) => {
  const lines = area.value.split("\n").length;
  const wrong = wrongLines(area);
  const shown = [];
  for (let line = 1; line <= lines + SPARE; line += 1) {
    if (wrong.has(line)) {
      const mark = document.createElement("mark");
      mark.id = `line-${area.id.replace("text-", "")}-${line}`;
      mark.textContent = String(line);
      shown.push(mark, "\n");
    } else {
      shown.push(`${line}\n`);
    }
  }
  numbersOf(area).replaceChildren(...shown);
  area.rows = lines + 1;
};

const areas = () => document.querySelectorAll(".sheet textarea");

document.addEventListener("input", (event) => {
  if (event.target.matches?.(".sheet textarea") && event.target.value.split("\n").length + 1 !== event.target.rows) {
    number(event.target);
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "looked") areas().forEach(number);
});

// A fault leads to its place in the text, which is selected.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("#looked a[data-file]");
  const area = link && document.getElementById(`text-${link.dataset.file}`);
  if (!area) return;
  event.preventDefault();
  const lines = area.value.split("\n");
  const line = Math.min(Number(link.dataset.line), lines.length);
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  // columns count characters; the text of a page counts units of UTF-16
  const characters = Array.from(lines[line - 1]);
  const column = Number(link.dataset.column) - 1;
  const start = before + characters.slice(0, column).join("").length;
  const width = characters.slice(column, column + Number(link.dataset.width)).join("").length;
  area.focus({ preventScroll: true });
  area.setSelectionRange(start, start + width);
  const sheet = area.closest(".sheet");
  const height = area.scrollHeight / Math.max(1, area.rows);
  sheet.scrollTop = Math.max(0, height * (line - 4));
  sheet.scrollIntoView({ block: "nearest" });
});

// What is not saved is not lost by leaving.
let edited = document.querySelector("#draft .badge.warn") !== null;
document.addEventListener("input", (event) => {
  if (event.target.form?.id === "draft") edited = true;
});
document.addEventListener("submit", (event) => {
  if (event.target.id === "draft") edited = false;
});
window.addEventListener("beforeunload", (event) => {
  if (edited) event.preventDefault();
});
