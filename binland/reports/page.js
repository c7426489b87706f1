"use strict";
// Draws the figures when they come into view, and hides what is switched off. All data are in the page.
const data = JSON.parse(document.getElementById("data").textContent);
const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
const off = { algorithm: new Set(), symmetry: new Set(), x: new Set() };
const font = { family: "system-ui, sans-serif", size: 12, color: "#1a1a1a" };
const frame = { showline: true, mirror: true, linecolor: "#444", ticks: "outside", gridcolor: "#eee", zeroline: false };

const layoutOf = (layout) => ({
  ...layout, font, showlegend: false, hovermode: "closest", paper_bgcolor: "#fff", plot_bgcolor: "#fff",
  margin: { l: 60, r: 12, t: 12, b: 60 },
  xaxis: { ...frame, ...layout.xaxis }, yaxis: { ...frame, ...layout.yaxis },
});

// Break a title into lines of a width in pixels; a letter takes about 6.6 of them.
function fitted(axis, pixels) {
  if (!axis || !axis.title || !axis.title.text) return axis;
  const lines = [];
  for (const part of axis.title.text.split("<br>")) {
    let line = "";
    for (const word of part.split(" ")) {
      if (line && (line.length + word.length) * 6.6 > pixels) { lines.push(line); line = word; }
      else line = line ? `${line} ${word}` : word;
    }
    lines.push(line);
  }
  return { ...axis, title: { ...axis.title, text: lines.join("<br>") } };
}

// On a narrow screen only every second tick has a text.
function sparse(axis, pixels) {
  if (!axis || !axis.ticktext || pixels / axis.ticktext.length > 55) return axis;
  return { ...axis, tickangle: 0, ticktext: axis.ticktext.map((text, k) => (k % 2 ? "" : text)) };
}

const hidden = (meta = {}) =>
  off.symmetry.has(meta.symmetry) || ["algorithm", "first", "second"].some((key) => off.algorithm.has(meta[key]));

// Hide the points whose size is switched off.
function shown(trace, layout) {
  const ticks = layout.xaxis && layout.xaxis.tickvals;
  if (!off.x.size || !ticks || !trace.x) return trace;
  const names = new Map(ticks.map((value, k) => [value, label(layout.xaxis.ticktext[k])]));
  const y = trace.y.map((value, k) => (off.x.has(names.get(trace.x[k])) ? null : value));
  return { ...trace, y };
}
const label = (text) => text.split("<br>")[0];

function draw(plot) {
  const { data: traces, layout } = plot.panel;
  const kept = traces.filter((trace) => !hidden(trace.meta)).map((trace) => shown(trace, layout));
  const fits = { ...layout, xaxis: sparse(fitted(layout.xaxis, plot.clientWidth - 80), plot.clientWidth - 80), yaxis: fitted(layout.yaxis, plot.clientHeight - 90) };
  Plotly.react(plot, kept, layoutOf(fits), config);
  plot.drawn = true;
}

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.near = isIntersecting;
    if (isIntersecting && !target.drawn) draw(target);
  }
}, { rootMargin: "300px" });

const plots = [];
for (const article of document.querySelectorAll("article[data-section]")) {
  const views = data[article.dataset.sweep].figures[article.dataset.section];
  article.querySelectorAll(".view").forEach((view, k) => {
    view.querySelectorAll(".plot").forEach((plot, i) => {
      plot.panel = views[k][i];
      plots.push(plot);
      watcher.observe(plot);
    });
  });
  const choice = article.querySelector(".point");
  if (choice) choice.addEventListener("change", () => {
    article.querySelectorAll(".view").forEach((view, k) => { view.hidden = k !== Number(choice.value); });
  });
}

// A switch for each size: each tick of the figures that have numbers of parameters along x.
function sizes() {
  const names = new Set();
  for (const { panel } of plots) {
    const axis = panel.layout.xaxis;
    if (axis && axis.type === "log" && axis.ticktext) axis.ticktext.forEach((text) => names.add(label(text)));
  }
  const field = document.getElementById("sizes");
  field.hidden = names.size < 2;
  for (const name of names) {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    Object.assign(box.dataset, { key: "x", value: name });
    const line = document.createElement("label");
    line.append(box, name);
    field.append(line);
  }
}
sizes();

document.querySelector(".switches").addEventListener("change", ({ target }) => {
  const { key, value } = target.dataset;
  if (target.checked) off[key].delete(value); else off[key].add(value);
  for (const plot of plots) {
    if (plot.near) draw(plot); else plot.drawn = false;
  }
});

// Draw the single path that the reader has chosen, and those kept before.
const dashes = ["solid", "dash", "dot", "dashdot", "longdash"];
for (const form of document.querySelectorAll("form.paths")) {
  const paths = data[form.dataset.sweep].paths, plot = form.parentElement.querySelector(".path");
  const choices = [...form.querySelectorAll("select")], kept = [];
  const current = () => {
    const row = choices.reduce((index, choice, k) => index * paths.dims[k].values.length + choice.selectedIndex, 0);
    return { y: paths.y[row], name: choices.map((choice) => choice.value).join(", ") };
  };
  const show = () => {
    const chosen = [...kept, current()];
    const traces = chosen.filter(({ y }) => y).map(({ y, name }, k) => ({
      type: "scatter", mode: "lines", x: paths.x, y, name, line: { dash: dashes[k % dashes.length], width: 1.8 },
      hovertemplate: "%{x:.3~g}: %{y:.4~g} %",
    }));
    const missing = chosen[chosen.length - 1].y ? [] :
      [{ text: "this path is not measured yet", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
    Plotly.react(plot, traces, {
      ...layoutOf({ xaxis: { title: { text: "place on the path" } }, yaxis: { title: { text: paths.label }, rangemode: "tozero" } }),
      showlegend: true, legend: { orientation: "h", y: -0.25 }, annotations: missing,
    }, config);
  };
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector(".keep").addEventListener("click", () => { kept.push(current()); show(); });
  form.querySelector(".clear").addEventListener("click", () => { kept.length = 0; show(); });
  show();
}
