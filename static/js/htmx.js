// What htmx does with answers that are not 2xx: says so, and lets a full page through when a session has ended.
import { announce } from "./live.js";
import { toast } from "./toasts.js";

document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  const id = event.detail.xhr.getResponseHeader("X-Request-ID");
  toast(`The console answered ${status}. What you see is kept as it was.${id ? ` Request ${id}.` : ""}`, "error");
});

document.addEventListener("htmx:sendError", () => {
  toast("The console does not answer. What you see is kept as it was; try again in a moment.", "error");
});

document.addEventListener("htmx:beforeRequest", (event) => {
  event.detail.target?.setAttribute("aria-busy", "true");
});

document.addEventListener("htmx:afterSettle", (event) => {
  const target = event.detail.target;
  target.removeAttribute("aria-busy");
  const words = target.matches("[data-announce]") ? target : target.querySelector("[data-announce]");
  if (words) announce(words.textContent.trim());
});

document.addEventListener("htmx:afterRequest", (event) => {
  event.detail.target?.removeAttribute("aria-busy");
});
