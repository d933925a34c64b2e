// Keeps the list of dashboards fresh: the page is asked for again, and its clock and its table put in place.
"use strict";
const REFRESH_MS = 2000;

async function round() {
  try {
    if (!document.hidden) {
      const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      for (const part of ["main", "#clock"]) document.querySelector(part).replaceWith(page.querySelector(part));
    }
  } catch {
    document.querySelector("#clock").textContent = "the embedded AWS has stopped";
  }
  setTimeout(round, REFRESH_MS);
}
setTimeout(round, REFRESH_MS);
