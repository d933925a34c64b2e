// Draws a dashboard body: one element a widget on CloudWatch's 24-column grid, refreshed while the page is open.
"use strict";
const body = JSON.parse(document.getElementById("body").textContent);
const grid = document.getElementById("grid");
const REFRESH_MS = 2000;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The Markdown that dashboards use: headings, bold, code, links, lists. Text is escaped first, links must be http(s).
function markdown(text) {
  const escaped = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
  const inline = (line) => line
    .replace(/\[([^\]]+)\]\((https?:[^)\s]+)\)/g, '<a href="$2" rel="noopener">$1</a>')
    .replace(/\*\*([^*]+)\*\*/g, "<b>$1</b>").replace(/`([^`]+)`/g, "<code>$1</code>");
  return escaped.split("\n").map((line) => {
    const heading = line.match(/^(#{1,3})\s+(.*)/);
    if (heading) return `<h${heading[1].length}>${inline(heading[2])}</h${heading[1].length}>`;
    const item = line.match(/^\s*[-*]\s+(.*)/);
    if (item) return `<p>• ${inline(item[1])}</p>`;
    return line.trim() ? `<p>${inline(line)}</p>` : "";
  }).join("");
}

function format(value) {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
}

function drawAlarms(box, answer) {
  const list = element("div", "alarms");
  for (const alarm of answer.alarms) {
    const one = element("div", `alarm ${alarm.state}`, `${alarm.name}  ${alarm.state}`);
    one.title = alarm.reason;
    list.append(one);
  }
  box.replaceChildren(list);
}

function drawNumbers(box, answer) {
  const list = element("div", "numbers");
  for (const trace of answer.traces) {
    const one = element("div", "number", trace.y.length ? format(trace.y[trace.y.length - 1]) : "–");
    one.append(element("small", "", trace.label));
    list.append(one);
  }
  box.replaceChildren(list);
}

function drawSeries(box, answer, properties) {
  const traces = answer.traces.map((trace) => ({
    x: trace.x, y: trace.y, name: trace.label, yaxis: trace.right ? "y2" : "y", mode: "lines",
    line: { width: 1.6, color: trace.color || undefined }, stackgroup: properties.stacked ? "one" : undefined,
  }));
  const axis = properties.yAxis || {};
  const range = (side) => ({
    title: { text: (axis[side] || {}).label || "", font: { size: 10 } }, rangemode: "tozero",
    range: axis[side] && axis[side].max !== undefined ? [axis[side].min || 0, axis[side].max] : undefined,
    automargin: true, tickfont: { size: 10 },
  });
  const layout = {
    margin: { l: 36, r: 30, t: 4, b: 22 }, showlegend: true, legend: { orientation: "h", y: -0.18, font: { size: 10 } },
    xaxis: { type: "date", tickfont: { size: 10 } }, yaxis: range("left"),
    yaxis2: { ...range("right"), overlaying: "y", side: "right" },
    shapes: answer.lines.map((line) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: line.value, y1: line.value, yref: line.right ? "y2" : "y",
      line: { color: line.color || "#d13212", width: 1, dash: "dash" },
    })),
    annotations: answer.lines.filter((line) => line.label).map((line) => ({
      xref: "paper", x: 1, xanchor: "right", y: line.value, yref: line.right ? "y2" : "y", yanchor: "bottom",
      text: line.label, showarrow: false, font: { size: 10, color: line.color || "#d13212" },
    })),
  };
  if (!box.classList.contains("js-plotly-plot")) box.replaceChildren();
  Plotly.react(box, traces, layout, { displayModeBar: false, responsive: true });
}

async function refresh(number, widget, box) {
  const response = await fetch(`/api/dashboards/${encodeURIComponent(body.name)}/widgets/${number}?minutes=45`);
  if (!response.ok) return;
  const answer = await response.json();
  if (widget.type === "alarm") return drawAlarms(box, answer);
  if (answer.error) return box.replaceChildren(element("p", "none", answer.error));
  if (answer.traces.every((trace) => trace.y.length === 0)) {
    if (box.classList.contains("js-plotly-plot")) Plotly.purge(box);
    return box.replaceChildren(element("p", "none", "No data available"));
  }
  if (["singleValue", "gauge"].includes(widget.properties.view)) return drawNumbers(box, answer);
  drawSeries(box, answer, widget.properties);
}

const boxes = body.widgets.map((widget, number) => {
  const outer = element("article", "widget");
  outer.style.gridColumn = `${(widget.x || 0) + 1} / span ${widget.width || 6}`;
  outer.style.gridRow = `${(widget.y || 0) + 1} / span ${widget.height || 6}`;
  if (widget.type === "text") {
    outer.classList.add("text");
    outer.innerHTML = markdown(widget.properties.markdown);
  } else if (widget.properties.title) {
    outer.append(element("h2", "", widget.properties.title));
  }
  const box = element("div", "plot");
  if (widget.type !== "text") outer.append(box);
  grid.append(outer);
  return { number, widget, box };
}).filter((one) => ["metric", "alarm"].includes(one.widget.type));

async function round() {
  try {
    const clock = await (await fetch("/api/clock")).json();
    document.getElementById("clock").textContent = clock.now.replace("T", " ").slice(0, 19) + " UTC";
    await Promise.all(boxes.map((one) => refresh(one.number, one.widget, one.box)));
  } catch (error) {
    document.getElementById("clock").textContent = "the embedded AWS has stopped";
  }
  setTimeout(round, REFRESH_MS);
}
round();
