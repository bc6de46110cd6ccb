// toast(text, tone): a message that stays until it is closed. [data-toast-close] closes one.
export function toast(text, tone = "info") {
  const place = document.getElementById("toasts");
  if (!place) return;
  const box = document.createElement("div");
  box.className = `toast ${tone}`;
  box.dataset.toast = "";
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button plain small";
  close.dataset.toastClose = "";
  close.textContent = "Dismiss";
  box.append(words, close);
  place.append(box);
}

document.addEventListener("click", (event) => {
  event.target.closest("[data-toast-close]")?.closest("[data-toast]").remove();
});
