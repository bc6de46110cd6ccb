// announce(text): says something to assistive technology through the one aria-live line of the page.
let last = "";

export function announce(text) {
  const line = document.getElementById("live");
  if (!line || !text || text === last) return;
  last = text;
  line.textContent = "";
  requestAnimationFrame(() => { line.textContent = text; });
}
