// Draws a dashboard body: one element a widget on CloudWatch's 24-column grid, refreshed while the page is open.
"use strict";
const body = JSON.parse(document.getElementById("body").textContent);
const clock = document.getElementById("clock");
const REFRESH_MS = 2000;
const CUSTOM_REFRESH_MS = 30000; // each time runs a function
const STATES = { OK: "OK", ALARM: "In alarm", INSUFFICIENT_DATA: "Insufficient data", MISSING: "Does not exist" };
const COLORS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#17becf", "#e377c2", "#7f7f7f", "#bcbd22"];
const LIMIT_COLOR = "#d62728";
const SMALL = { size: 11, color: "#545b64" };
const CONFIG = { displayModeBar: false, responsive: true };

// Plotly reads a little HTML in its texts; names and labels are not HTML.
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const isEmpty = (answer) => answer.traces.every((trace) => trace.y.length === 0);
const minuteOf = (instant) => instant.slice(11, 16);

function format(value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(3)).toString();
}

function drawAlarms(box, answer) {
  box.content.replaceChildren(...answer.alarms.map((alarm) => {
    const since = alarm.since ? ` since ${minuteOf(alarm.since)}` : "";
    const light = element(
      "div", `light ${alarm.state}`, element("b", "", alarm.label), element("span", "", STATES[alarm.state] + since),
    );
    light.title = `${alarm.name}\n${alarm.reason}`;
    return light;
  }));
}

function drawNumbers(box, answer, properties) {
  const numbers = answer.traces.map((trace) => {
    const last = trace.y.length - 1;
    const value = last < 0 ? "–" : format(trace.y[last]);
    const when = last < 0 ? "" : `at ${minuteOf(trace.x[last])}`;
    return element("div", "number", element("b", "", value), element("span", "", trace.label), element("i", "", when));
  });
  if (!box.figures) {
    box.figures = element("div", "numbers");
    box.course = element("div", "course");
    box.content.replaceChildren(box.figures, box.course);
  }
  box.figures.replaceChildren(...numbers);
  if (!properties.sparkline || isEmpty(answer)) return box.course.replaceChildren();
  const lines = answer.traces.map((trace, at) => ({
    x: trace.x, y: trace.y, mode: "lines", fill: "tozeroy", line: { width: 1.2, color: COLORS[at % COLORS.length] },
  }));
  Plotly.react(box.course, lines, {
    margin: { l: 0, r: 0, t: 2, b: 0 }, showlegend: false, hovermode: false, dragmode: false,
    xaxis: { visible: false, range: answer.range }, yaxis: { visible: false, rangemode: "tozero" },
  }, CONFIG);
}

// A point with nothing beside it would be no line at all.
function dots(values) {
  const none = (at) => values[at] === null || values[at] === undefined;
  return values.map((value, at) => (none(at - 1) && none(at + 1) ? 5 : 0));
}

function drawTrace(trace, at, stacked) {
  const empty = trace.y.length === 0;
  const color = trace.color || COLORS[at % COLORS.length];
  return {
    x: empty ? [null] : trace.x, y: empty ? [null] : trace.y, yaxis: trace.right ? "y2" : "y", mode: "lines+markers",
    name: plain(trace.label) + (empty ? " (no data)" : "") + (trace.right ? " (right)" : ""), showlegend: true,
    line: { width: 1.6, color, dash: trace.right ? "dot" : "solid" }, stackgroup: stacked ? "one" : undefined,
    marker: { color, line: { width: 0 }, size: dots(trace.y) },
  };
}

function drawAxis(axis) {
  const { min, max } = axis || {};
  return {
    range: max === undefined ? undefined : [min ?? 0, max], rangemode: min === 0 ? "tozero" : "normal",
    automargin: true, tickfont: SMALL, tickmode: "auto", nticks: 6, separatethousands: true, hoverformat: ",.4~r",
    zerolinecolor: "#aab7b8", gridcolor: "#eaeded", fixedrange: true,
  };
}

function drawLine(line) {
  return {
    type: "line", xref: "paper", x0: 0, x1: 1, yref: line.right ? "y2" : "y", y0: line.value, y1: line.value,
    line: { color: line.color || LIMIT_COLOR, width: 1.2, dash: "dash" },
  };
}

// Each label stands further right than the one before, since thresholds may lie close together.
function drawLabel(line, at) {
  return {
    xref: "paper", x: (at % 3) * 0.33, xshift: 3, xanchor: "left", yref: line.right ? "y2" : "y", y: line.value, yanchor: "bottom",
    text: plain(line.label), showarrow: false, bgcolor: "rgba(255, 255, 255, .8)", font: { ...SMALL, color: line.color || LIMIT_COLOR },
  };
}

function drawSeries(box, answer, properties) {
  const axes = properties.yAxis || {};
  const right = answer.traces.some((trace) => trace.right);
  Plotly.react(box.content, answer.traces.map((trace, at) => drawTrace(trace, at, properties.stacked)), {
    margin: { l: 30, r: right ? 30 : 8, t: 17, b: 44 }, hovermode: "x unified", dragmode: false,
    hoverlabel: { font: { size: 11 } }, font: { family: "system-ui, sans-serif" },
    legend: { orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom", font: SMALL, bgcolor: "rgba(0, 0, 0, 0)" },
    xaxis: {
      type: "date", range: answer.range, tickformat: "%H:%M", hoverformat: "%d %b %H:%M UTC", nticks: 7,
      tickfont: SMALL, ticks: "outside", ticklen: 4, tickcolor: "#aab7b8", automargin: true, gridcolor: "#eaeded", fixedrange: true,
    },
    yaxis: drawAxis(axes.left),
    yaxis2: { ...drawAxis(axes.right), overlaying: "y", side: "right", showgrid: false, visible: right },
    shapes: answer.lines.map(drawLine), annotations: answer.lines.filter((line) => line.label).map(drawLabel),
  }, CONFIG);
}

// What a function answers is anybody's HTML: its text is kept, in elements that only lay text out, without attributes.
const LAYOUT = new Set(["B", "BR", "CODE", "DIV", "H1", "H2", "H3", "I", "LI", "OL", "P", "PRE", "SPAN", "TABLE", "TBODY", "TD", "TH", "THEAD", "TR", "UL"]);

function harmless(node) {
  if (node.nodeType === Node.TEXT_NODE) return [node.textContent];
  if (node.nodeType !== Node.ELEMENT_NODE || ["SCRIPT", "STYLE", "TEMPLATE"].includes(node.tagName)) return [];
  const inner = [...node.childNodes].flatMap(harmless);
  return LAYOUT.has(node.tagName) ? [element(node.tagName.toLowerCase(), "", ...inner)] : inner;
}

function drawCustom(box, answer) {
  box.note.textContent = answer.error;
  box.content.replaceChildren(...harmless(new DOMParser().parseFromString(answer.html, "text/html").body));
}

function draw(box, answer) {
  const properties = box.widget.properties;
  if (box.widget.type === "alarm") return drawAlarms(box, answer);
  if (box.widget.type === "custom") return drawCustom(box, answer);
  box.note.textContent = answer.error;
  if (properties.view === "singleValue") return drawNumbers(box, answer, properties);
  box.note.textContent ||= isEmpty(answer) ? "No data in this range" : "";
  drawSeries(box, answer, properties);
}

async function refresh(box) {
  if (box.widget.type === "custom" && Date.now() - (box.asked || 0) < CUSTOM_REFRESH_MS) return;
  box.asked = Date.now();
  const address = `/api/dashboards/${encodeURIComponent(body.name)}/widgets/${box.number}?minutes=${body.minutes}`;
  const response = await fetch(address);
  if (!response.ok) return void (box.note.textContent = `The viewer answered ${response.status}`);
  draw(box, await response.json());
}

function isDrawn(widget) {
  return widget.type === "alarm" || widget.type === "custom"
    || (widget.type === "metric" && ["timeSeries", "singleValue", undefined].includes(widget.properties.view));
}

function heading(properties) {
  const { left, right } = properties.yAxis || {};
  const units = element("div", "units", element("span", "", left?.label || ""), element("span", "", right?.label || ""));
  return [element("h2", "", properties.title || ""), ...(properties.yAxis ? [units] : [])];
}

function place(widget, number) {
  const outer = element("article", `widget ${widget.type}`);
  outer.style.gridColumn = `${(widget.x || 0) + 1} / span ${widget.width || 6}`;
  outer.style.gridRow = `${(widget.y || 0) + 1} / span ${widget.height || 6}`;
  const box = { number, widget, content: element("div", "content"), note: element("p", "note") };
  if (widget.type === "text") outer.append(...markdown(widget.properties.markdown));
  else outer.append(...heading(widget.properties), box.content, box.note);
  if (widget.type !== "text" && !isDrawn(widget)) {
    box.note.textContent = `This viewer does not draw ${widget.properties.view || widget.type} widgets; CloudWatch does`;
  }
  document.getElementById("grid").append(outer);
  return box;
}

const boxes = body.widgets.map(place).filter((box) => isDrawn(box.widget));

async function round() {
  try {
    if (!document.hidden) {
      clock.textContent = (await (await fetch("/api/clock")).json()).now;
      await Promise.all(boxes.map(refresh));
    }
    clock.classList.remove("stopped");
  } catch {
    clock.textContent = "the embedded AWS has stopped";
    clock.classList.add("stopped");
  }
  setTimeout(round, REFRESH_MS);
}
round();
