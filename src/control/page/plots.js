// The plots: what each shows, and dygraphs around it.
import {clock, count, milliseconds, rate, short} from "./format.js";

const DASHES = [null, [7, 3], [2, 2], [8, 3, 2, 3], [1, 3]];
const ms = (us) => (us === null ? null : us / 1000);

/* A line: its words, its figure of a row, how the figure is written. Colour and dashes follow from
 * its place, or from `look`. */
const line = (name, value, write = count, look = undefined) => ({name, value, write, look});
const states = (side) => [
  line("ESTABLISHED", (row) => row[`${side}_established`]),
  line("TIME_WAIT", (row) => row[`${side}_time_wait`]),
  line("FIN_WAIT", (row) => row[`${side}_fin_wait`]),
  line("CLOSE_WAIT", (row) => row[`${side}_close_wait`]),
  line("others", (row) => row[`${side}_other`])];
const knows = (figure) => (rows) => rows.some((row) => row[figure] !== null);

/* Of several shapes of a plot the first that has its figures is shown. */
const PLOTS = [
  {id: "time-wait", shapes: [
    {title: "TIME_WAIT on the servers", has: knows("server_time_wait"), lines: [
      line("now", (row) => row.server_time_wait),
      line("without weir", (row) => row.without_weir)]},
    {title: "TIME_WAIT on the servers, as weir counts", lines: [
      line("now", (row) => row.left),
      line("without weir", (row) => row.without_weir)]}]},
  {id: "tcp", shapes: [
    {title: "TCP states on the servers", has: knows("server_established"),
      lines: states("server")},
    {title: "TCP states towards the servers", has: knows("proxy_established"),
      lines: states("proxy")},
    {title: "TCP states", lines: states("server"),
      missing: "Not available: the kernel is asked only while somebody looks, and has not told. " +
        "If it never does, weir's log says why."}]},
  {id: "connections", shapes: [
    {title: "Upstream connections", stacked: true, lines: [
      line("idle", (row) => row.idle),
      line("active", (row) => row.active),
      line("connecting", (row) => row.connecting)]}]},
  {id: "reuse", shapes: [
    {title: "Reused against opened, per second", lines: [
      line("reused", (row) => row.reused_rate, rate),
      line("opened", (row) => row.opened_rate, rate)]}]},
  {id: "latency", shapes: [
    {title: "Answer times, ms", lines: [
      line("p50", (row) => ms(row.response_p50_us), milliseconds),
      line("p90", (row) => ms(row.response_p90_us), milliseconds),
      line("p99", (row) => ms(row.response_p99_us), milliseconds)]}]},
  {id: "queue", shapes: [
    {title: "Requests in the queue", lines: [
      line("waiting", (row) => row.waiting),
      line("wait p99", (row) => ms(row.queue_p99_us), milliseconds, "hidden")]}]},
];

/* No others are wanted: the legend would set a style that the page's policy forbids. */
Dygraph.PLUGINS = [Dygraph.Plugins.Axes, Dygraph.Plugins.Grid];

const svg = (name, attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes))
    node.setAttribute(key, value);
  return node;
};

function element(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  if (text !== undefined)
    node.textContent = text;
  return node;
}

/* 1, 2 or 5 times a power of ten, so that the scale does not tremble with its figures. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value) * power;
}

class Plot {
  #plot;
  #shape = null;
  #graph = null;
  #rows = [];
  #figure = element("figure", "plot");
  #title = element("figcaption", "");
  #legend = element("ul", "legend");
  #canvas = element("div", "canvas");
  #missing = element("p", "missing");

  constructor(parent, plot, onHover) {
    this.#plot = plot;
    this.onHover = onHover;
    this.#figure.id = `plot-${plot.id}`;
    this.#canvas.setAttribute("role", "img");
    this.#canvas.append(element("div", "graph"));
    this.#figure.append(this.#title, this.#legend, this.#canvas);
    parent.append(this.#figure);
  }

  get graph() {
    return this.#graph;
  }

  #reshape(shape) {
    this.#shape = shape;
    this.#title.textContent = shape.title;
    this.#canvas.setAttribute("aria-label",
      `${shape.title}: ${shape.lines.map((each) => each.name).join(", ")}`);
    this.#legend.replaceChildren(...shape.lines.map((each, i) => {
      const item = element("li", ""), swatch = svg("svg", {width: 22, height: 8});
      const stroke = svg("line", {x1: 1, y1: 4, x2: 21, y2: 4, class: `line-${i + 1}`});
      if (DASHES[i])
        stroke.setAttribute("stroke-dasharray", DASHES[i].join(" "));
      if (each.look !== "hidden")
        swatch.append(stroke);
      item.append(swatch, ` ${each.name} `, element("b", "", "–"));
      return item;
    }));
    this.#graph?.destroy();
    this.#graph = null;
  }

  #look() {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const lines = this.#shape.lines;
    return {
      colors: lines.map((each, i) => color(`--line-${i + 1}`)),
      axisLineColor: color("--rule"),
      gridLineColor: color("--rule"),
    };
  }

  #series() {
    return Object.fromEntries(this.#shape.lines.map((each, i) => [each.name, {
      strokePattern: DASHES[i],
      strokeWidth: this.#shape.stacked ? 1 : i === 0 ? 2 : 1.5,
    }]));
  }

  #options() {
    return {
      labels: ["time", ...this.#shape.lines.map((each) => each.name)],
      visibility: this.#shape.lines.map((each) => each.look !== "hidden"),
      series: this.#series(),
      ...this.#look(),
      legend: "never",
      stackedGraph: Boolean(this.#shape.stacked),
      fillGraph: this.#plot.id === "queue",
      fillAlpha: 0.25,
      gridLineWidth: 1,
      axisLabelFontSize: 11,
      rightGap: 6,
      highlightCircleSize: 3,
      interactionModel: {},
      axes: {
        x: {drawGrid: false, axisLabelFormatter: (date) => clock(date), pixelsPerLabel: 70},
        y: {axisLabelWidth: 46, axisLabelFormatter: axisText},
      },
      highlightCallback: (event, x, points, row) => this.onHover(row),
      unhighlightCallback: () => this.onHover(null),
    };
  }

  #top(data, fromMs) {
    let top = 0;
    for (const [at, ...values] of data) {
      if (at < fromMs)
        continue;
      const shown = values.filter((value, i) =>
        value !== null && this.#shape.lines[i].look !== "hidden");
      const height = this.#shape.stacked ? shown.reduce((all, each) => all + each, 0)
        : Math.max(0, ...shown);
      top = Math.max(top, height);
    }
    return top > 0 ? roundUp(top * 1.02) : 1;
  }

  show(rows, window) {
    const shape = this.#plot.shapes.find((each) => !each.has || each.has(rows));
    if (shape !== this.#shape)
      this.#reshape(shape);
    this.#rows = rows;
    const data = rows.map((row) => [row.at_ms, ...shape.lines.map((each) => each.value(row))]);
    const isMissing = Boolean(shape.missing) || data.length === 0;
    this.#missing.textContent = shape.missing ?? "No figures yet.";
    if (isMissing)
      this.#canvas.append(this.#missing);
    else
      this.#missing.remove();
    const file = data.length > 0 ? data : [[window[0], ...shape.lines.map(() => null)]];
    const options = {file, dateWindow: window, valueRange: [0, this.#top(data, window[0])]};
    if (this.#graph) {
      this.#graph.updateOptions(options);
    } else {
      const {file: first, ...rest} = {...this.#options(), ...options};
      this.#graph = new Dygraph(this.#canvas.firstChild, first, rest);
    }
  }

  repaint() {
    this.#graph?.updateOptions(this.#look());
  }

  /* The figures of one row, by its place; of the newest when there is none. */
  point(at) {
    const row = this.#rows[at ?? this.#rows.length - 1];
    this.#shape?.lines.forEach((each, i) => {
      const value = row ? each.value(row) : null;
      this.#legend.children[i].lastChild.textContent = each.write(value ?? undefined);
    });
    if (at === null)
      this.#graph?.clearSelection();
    else
      this.#graph?.setSelection(at);
  }
}

function axisText(value) {
  return value !== 0 && Math.abs(value) < 10 ? String(Number(value.toPrecision(3))) : short(value);
}

/* All of them: hovering one points all at the same moment. */
export class Plots {
  #plots;
  #pointed = null; // the row that is
  #rows = [];

  constructor(parent, onHover) {
    const hover = (at) => {
      const row = at === null ? null : this.#rows[at];
      if (row === this.#pointed)
        return;
      this.#pointed = row;
      this.#plots.forEach((plot) => plot.point(at));
      onHover(row);
    };
    this.#plots = PLOTS.map((plot) => new Plot(parent, plot, hover));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change",
      () => this.#plots.forEach((plot) => plot.repaint()));
  }

  show(rows, seconds) {
    const end = rows.at(-1)?.at_ms ?? Date.now();
    const at = rows.indexOf(this.#pointed);
    this.#rows = rows;
    this.#plots.forEach((plot) => {
      plot.show(rows, [end - seconds * 1000, end]);
      plot.point(at < 0 ? null : at);
    });
  }

  get graphs() {
    return Object.fromEntries(this.#plots.map((plot, i) => [PLOTS[i].id, plot.graph]));
  }
}
