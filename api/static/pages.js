// What pages do beside htmx, when scripts are on. Everything works without it.
"use strict";

// htmx shows what was refused too: a form that is wrong comes back with 4xx, as a page for people.
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if (status >= 400 && status < 500) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

// A form is sent once; the button says so.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent === "yes") {
    event.preventDefault();
    return;
  }
  if (form.method === "post" && !form.hasAttribute("hx-post")) {
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  }
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

// A file that is chosen goes into the text beside it: `<input type="file" data-into="text">`.
document.addEventListener("change", async (event) => {
  const into = event.target.dataset?.into;
  const file = event.target.files?.[0];
  if (into && file) {
    const text = document.getElementById(into);
    text.value = await file.text();
    text.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

// Filters apply as soon as they are chosen: `<form data-applies>`.
document.addEventListener("change", (event) => {
  if (event.target.form?.hasAttribute("data-applies")) event.target.form.requestSubmit();
});

// The menu is open where there is room for it.
const wide = window.matchMedia("(min-width: 60rem)");
const unfold = () => {
  for (const menu of document.querySelectorAll("details.folded")) menu.open = wide.matches;
};
wide.addEventListener("change", unfold);
unfold();
