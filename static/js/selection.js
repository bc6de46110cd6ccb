// Boxes [data-select] in table rows, [data-select-all] in the head, and the bar [data-selection] that shows how many.
// A button [data-exactly=N] of the bar works only on so many. Shift takes everything between two boxes; Esc clears.
import { announce } from "./live.js";

let anchor = null;

const boxes = () => [...document.querySelectorAll("[data-select]")];

document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-select]");
  if (box) {
    if (event.shiftKey && anchor?.isConnected) range(anchor, box);
    anchor = box;
    show();
  } else if (event.target.closest("[data-select-all]")) {
    for (const each of boxes()) each.checked = event.target.checked;
    show();
  } else if (event.target.closest("[data-selection-clear]")) {
    clearSelection();
  }
});

document.addEventListener("htmx:afterSettle", () => show());
window.addEventListener("pageshow", () => show());

export function toggle(row) {
  const box = row?.querySelector("[data-select]");
  if (!box) return;
  box.checked = !box.checked;
  anchor = box;
  show();
}

export function clearSelection() {
  if (!boxes().some((box) => box.checked)) return false;
  for (const box of boxes()) box.checked = false;
  show();
  return true;
}

function range(from, to) {
  const all = boxes();
  const [low, high] = [all.indexOf(from), all.indexOf(to)].sort((a, b) => a - b);
  for (const box of all.slice(low, high + 1)) box.checked = to.checked;
}

function show() {
  const all = boxes();
  const n = all.filter((box) => box.checked).length;
  const bar = document.querySelector("[data-selection]");
  const head = document.querySelector("[data-select-all]");
  if (head) {
    head.checked = n > 0 && n === all.length;
    head.indeterminate = n > 0 && n < all.length;
  }
  if (!bar) return;
  const changed = bar.querySelector("[data-selection-count]").textContent !== String(n);
  bar.querySelector("[data-selection-count]").textContent = n;
  bar.hidden = n === 0;
  for (const button of bar.querySelectorAll("[data-exactly]")) button.disabled = n !== Number(button.dataset.exactly);
  if (changed) announce(`${n} selected`);
}
