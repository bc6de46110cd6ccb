// <form data-preferences>: theme, density and shortcuts take effect at once and are kept on the server; without
// JavaScript the form posts and comes back.
import { announce } from "./live.js";

const root = document.documentElement;

const effects = {
  theme: (value) => { root.dataset.theme = value; },
  density: (value) => { root.dataset.density = value; },
  has_shortcuts: (value) => { root.dataset.shortcuts = value; },
};

const opposite = { compact: "comfortable", comfortable: "compact", on: "off", off: "on" };

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-preferences]");
  const button = event.submitter;
  if (!form || !button || !effects[button.name]) return;
  event.preventDefault();
  const { name, value } = button;
  const body = new FormData(form, button);
  effects[name](value);
  mark(form, button);
  document.dispatchEvent(new CustomEvent("appearance", { detail: { name, value } }));
  const answer = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } }).catch(() => null);
  announce(answer?.ok ? `${button.textContent.trim()}: kept` : "This could not be kept; it lasts until you reload.");
});

function mark(form, button) {
  if (opposite[button.value]) {
    button.setAttribute("aria-pressed", String(button.value === "compact" || button.value === "on"));
    button.value = opposite[button.value];
    return;
  }
  for (const other of form.querySelectorAll(`[name="${button.name}"]`)) {
    other.setAttribute("aria-pressed", String(other === button));
  }
}
