// The staff's pages load this beside kiosk.js: tables that sort by a tap on their head, landmarks that are dragged.
import "./staff-marks.js";

document.addEventListener("click", (event) => {
  const head = event.target.closest?.("th[data-sort]");
  if (!head) return;
  const table = head.closest("table");
  const column = [...head.parentElement.children].indexOf(head);
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const order = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;
  body.append(...[...body.rows].sort((a, b) => order(value(a), value(b)) * (down ? -1 : 1)));
});

// a button that shows what is behind it, and goes
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-shows]");
  const more = button && document.getElementById(button.dataset.shows);
  if (!more) return;
  more.hidden = false;
  button.remove();
});

// a prescription that is the same on both feet: what is entered on one is entered on the other
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-rx]");
  const { field } = event.target.dataset ?? {};
  if (form && field) {
    if (form.querySelector("[data-both]")?.checked) {
      for (const other of form.querySelectorAll(`[data-field="${field}"]`)) other.value = event.target.value;
    }
    for (const one of form.querySelectorAll(`[data-field="${field}"]`)) one.parentElement.classList.toggle("asked", one.value !== "");
  }
}, true);

// a sheet for the workshop, on paper
document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-print]")) print();
});

// whoever touches the page is still there: the session goes on, though nothing is sent; one that is over leads to the PIN
const HERE_MS = 30_000;
let asked = performance.now();
const here = async () => {
  if (performance.now() - asked < HERE_MS || !document.querySelector("plantar-idle")) return;
  asked = performance.now();
  const answer = await fetch("/staff/here").catch(() => null); // the kiosk may be starting again
  if (answer?.status === 403) location.reload();
};
for (const kind of ["pointerdown", "keydown", "wheel"]) document.addEventListener(kind, here, { passive: true });

// what takes seconds says so, and is not sent twice
document.addEventListener("submit", (event) => {
  if (!event.target.matches?.("[data-slow]")) return;
  for (const button of event.target.querySelectorAll("button[type=submit]")) {
    button.classList.add("busy");
    setTimeout(() => { button.disabled = true; });
  }
});
