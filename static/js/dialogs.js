// [data-dialog-open="ID"] opens a <dialog>, [data-dialog-close] and a press on its backdrop close it. The browser keeps
// focus inside and gives it back to what opened it.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) {
    opener.closest("details[data-menu]")?.removeAttribute("open");
    openDialog(opener.dataset.dialogOpen);
    return;
  }
  if (event.target.closest("[data-dialog-close]") || event.target.matches("dialog.dialog")) {
    event.target.closest("dialog").close();
  }
});

export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
}
