// Single-key shortcuts, ignored while typing and switched off by <html data-shortcuts="off">.
//   data-key="v" or "g c"     presses a link or button (or opens what it opens); data-key-focus="/" focuses a field
//   <table data-rows>         j k and arrows move, Enter opens (it is the row's own link), x selects
// Moving puts real focus on the row's link (data-open, or its first link) and tells the row with a `rowcurrent` event.
import { openDialog } from "./dialogs.js";
import { clearSelection, toggle } from "./selection.js";

const TYPING = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";
const SEQUENCE_MS = 1200;
let prefix = "";
let forget = 0;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    escape(event);
    return;
  }
  if (document.documentElement.dataset.shortcuts === "off") return;
  if (event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
  if (press(event)) event.preventDefault();
});

function press(event) {
  const key = event.key;
  const keys = prefix ? `${prefix} ${key}` : key;
  setPrefix("");
  if (key === "?") return openDialog("keyboard-help") ?? true;
  if (activate(keys)) return true;
  if (document.querySelector(`[data-key^="${CSS.escape(key)} "]`)) return setPrefix(key);
  if (key === "j" || key === "ArrowDown") return move(1, event);
  if (key === "k" || key === "ArrowUp") return move(-1, event);
  if (key === "x") return select();
  return false;
}

function activate(keys) {
  const field = document.querySelector(`[data-key-focus="${CSS.escape(keys)}"]`);
  if (field) {
    field.focus();
    field.select?.();
    return true;
  }
  const element = document.querySelector(`[data-key="${CSS.escape(keys)}"]:not([disabled])`);
  element?.click();
  return Boolean(element);
}

function move(step, event) {
  const rows = [...document.querySelectorAll("table[data-rows] > tbody > tr")];
  if (!rows.length || (event.key.startsWith("Arrow") && !event.target.closest("table[data-rows]"))) return false;
  const at = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
  const to = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  setCurrent(to);
  const link = to.querySelector("[data-open]") ?? to.querySelector("a[href]");
  link?.focus({ preventScroll: true });
  to.scrollIntoView({ block: "nearest" });
  return true;
}

function setCurrent(row) {
  if (row.getAttribute("aria-current") === "true") return;
  row.parentElement.querySelector(':scope > [aria-current="true"]')?.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  row.dispatchEvent(new CustomEvent("rowcurrent", { bubbles: true }));
}

function select() {
  const row = document.querySelector('table[data-rows] > tbody > tr[aria-current="true"]');
  toggle(row);
  return Boolean(row);
}

function escape(event) {
  if (event.target.matches?.(TYPING)) event.target.blur();
  else clearSelection();
}

function setPrefix(key) {
  prefix = key;
  clearTimeout(forget);
  if (key) forget = setTimeout(() => { prefix = ""; }, SEQUENCE_MS);
  return Boolean(key);
}

document.addEventListener("focusin", (event) => {
  const row = event.target.closest("table[data-rows] > tbody > tr");
  if (row) setCurrent(row);
});
