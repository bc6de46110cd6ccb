// Attaches every behaviour. Each module listens on the document and acts on data- attributes, so that swapped-in
// content needs no second attaching. State lives in the DOM and the URL.
import "./htmx.js";
import "./live.js";
import "./preferences.js";
import "./menus.js";
import "./dialogs.js";
import "./toasts.js";
import "./copy.js";
import "./times.js";
import "./clipped.js";
import "./selection.js";
import "./keyboard.js";
import "./upload.js";
import "./chart.js";
