// The only module that touches Plotly. <figure data-chart="ID-OF-JSON" data-chart-library="URL"> is drawn when it comes
// near the screen; strings like var(--f-payment) in the figure are the page's tokens, so charts follow the theme, and
// a zoom survives both a theme change and fresh data (layout.uirevision).
const TOKEN = /^var\((--[\w-]+)\)$/;
const CONFIG = { displaylogo: false, responsive: true, scrollZoom: false, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]] };
let library = null;

function plotly(source) {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { library = null; reject(new Error("The chart library did not load")); };
    document.head.append(script);
  });
  return library;
}

const painter = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
let colours = new Map();

function colour(token) {
  if (!colours.has(token)) {
    const probe = document.createElement("i");
    probe.style.color = `var(${token})`;
    document.body.append(probe);
    painter.clearRect(0, 0, 1, 1);
    painter.fillStyle = getComputedStyle(probe).color;
    painter.fillRect(0, 0, 1, 1);
    probe.remove();
    const [red, green, blue, alpha] = painter.getImageData(0, 0, 1, 1).data;
    colours.set(token, `rgba(${red},${green},${blue},${(alpha / 255).toFixed(3)})`);
  }
  return colours.get(token);
}

function resolved(value) {
  if (typeof value === "string") {
    const token = TOKEN.exec(value);
    return token ? colour(token[1]) : value;
  }
  if (Array.isArray(value)) return value.map(resolved);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
  }
  return value;
}

function themed(figure) {
  const styles = getComputedStyle(document.body);
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const layout = resolved(figure.layout);
  const axis = { gridcolor: colour("--line-soft"), linecolor: colour("--line-strong"), zerolinecolor: colour("--line-strong"), tickcolor: colour("--line") };
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) layout[name] = { ...axis, ...layout[name] };
  return {
    data: resolved(figure.data),
    layout: {
      ...layout,
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: styles.fontFamily, size: 12, color: colour("--ink-2") },
      hoverlabel: { bgcolor: colour("--ink"), bordercolor: colour("--ink"), font: { color: colour("--paper"), size: 12 } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--ink-3"), activecolor: colour("--accent") },
      transition: still ? { duration: 0 } : undefined,
    },
  };
}

async function draw(element) {
  const source = document.getElementById(element.dataset.chart);
  if (!source) return;
  try {
    const Plotly = await plotly(element.dataset.chartLibrary);
    const { data, layout } = themed(JSON.parse(source.textContent));
    await Plotly.react(element.querySelector(".drawing"), data, layout, CONFIG);
    element.classList.add("drawn");
  } catch (error) {
    element.querySelector(".waiting").textContent = "The chart could not be drawn; its rows are in the table below.";
    element.querySelector(".twin")?.setAttribute("open", "");
    console.error(error);
  }
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    draw(target);
  }
}, { rootMargin: "300px" });

function attach(root) {
  for (const figure of root.querySelectorAll("figure[data-chart]:not(.drawn)")) near.observe(figure);
}

function redraw() {
  colours = new Map();
  for (const figure of document.querySelectorAll("figure[data-chart].drawn")) draw(figure);
}

attach(document);
document.addEventListener("htmx:load", (event) => attach(event.detail.elt));
document.addEventListener("appearance", (event) => { if (event.detail.name === "theme") redraw(); });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
window.addEventListener("beforeprint", () => { for (const figure of document.querySelectorAll("figure[data-chart]:not(.drawn)")) draw(figure); });
