// <time data-relative datetime="…">: its words grow older with it. Same steps as console.relative_time on the server.
const UNITS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [2678400, 86400, "d"]];

function words(seconds) {
  if (seconds < 5) return "just now";
  const unit = UNITS.find(([below]) => seconds < below);
  return unit ? `${Math.floor(seconds / unit[1])} ${unit[2]} ago` : null;
}

function refresh() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const text = seconds >= 0 ? words(seconds) : null;
    const place = time.querySelector("[data-relative-text]");
    if (text && place && place.textContent !== text) place.textContent = text;
  }
}

setInterval(refresh, 30_000);
