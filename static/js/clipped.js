// Text that was cut off says all of itself on hover: cells with an ellipsis that have no title of their own.
document.addEventListener("pointerover", (event) => {
  const part = event.target.closest?.(".fill, .clip, .why");
  if (!part) return;
  const isCut = part.scrollWidth > part.clientWidth;
  if (isCut && !part.title) {
    part.title = part.textContent.trim().replace(/\s+/g, " ");
    part.dataset.clipped = "";
  } else if (!isCut && "clipped" in part.dataset) {
    part.removeAttribute("title");
    delete part.dataset.clipped;
  }
});
