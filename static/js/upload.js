// <form data-upload> with a file field: shows how much has arrived, takes dropped files, and follows the answer.
// Without JavaScript the form posts as any other. Needs inside: [data-upload-state] (text), [data-upload-track] (rect).
import { announce } from "./live.js";
import { toast } from "./toasts.js";

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-upload]");
  if (!form) return;
  event.preventDefault();
  send(form, new FormData(form, event.submitter));
});

function send(form, body) {
  const request = new XMLHttpRequest();
  const state = form.querySelector("[data-upload-state]");
  const bar = form.querySelector("[data-upload-track]");
  const buttons = form.querySelectorAll("button");
  const settle = (text) => {
    state.textContent = text;
    announce(text);
    for (const button of buttons) button.disabled = false;
  };
  for (const button of buttons) button.disabled = true;
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    const percent = Math.round((event.loaded / event.total) * 100);
    bar?.setAttribute("width", `${percent}%`);
    state.textContent = percent < 100 ? `${percent} % of ${megabytes(event.total)} sent` : "Sent; waiting for the console …";
  });
  request.addEventListener("load", () => {
    if (request.status < 400) {
      window.location.assign(request.responseURL);
      return;
    }
    const words = problem(request);
    bar?.setAttribute("width", "0%");
    settle(`Not taken. ${words}`);
    toast(words, "error");
  });
  request.addEventListener("error", () => settle("The connection broke; nothing was taken. Try again."));
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/problem+json, text/html");
  request.send(body);
}

function problem(request) {
  if (request.getResponseHeader("Content-Type")?.includes("json")) {
    const body = JSON.parse(request.responseText);
    return [body.detail, body.what_to_do].filter(Boolean).join(" ");
  }
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const said = [...page.querySelectorAll(".form-errors, .errors")].map((part) => part.textContent.trim()).join(" ");
  return said || page.querySelector("main h1")?.textContent.trim() || `The console answered ${request.status}.`;
}

const megabytes = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} KB` : `${(bytes / 1e6).toFixed(1)} MB`);

function zone(event) {
  return event.target.closest?.("[data-dropzone]");
}

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    const place = zone(event);
    if (!place) return;
    event.preventDefault();
    place.classList.toggle("over", name === "dragover");
    if (name === "drop") choose(place, event.dataTransfer.files);
  });
}

document.addEventListener("change", (event) => {
  const place = zone(event);
  if (place && event.target.type === "file") name(place, event.target.files);
});

function choose(place, files) {
  const input = place.querySelector("input[type=file]");
  input.files = files;
  name(place, files);
}

function name(place, files) {
  const label = place.querySelector("[data-dropzone-names]");
  if (label) label.textContent = [...files].map((file) => `${file.name} (${megabytes(file.size)})`).join(", ");
}
