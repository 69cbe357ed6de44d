// Curves and responses in time as SVG. Colours come from the style sheet by class, so that light and
// dark need no drawing anew; evolved and references differ by line, width and lightness, not by hue alone.

const SVG = "http://www.w3.org/2000/svg";
const MOST_POINTS = 300; // More cannot be told apart; runs of generations are averaged.
const HEIGHT = 380;
const LEFT = 64, RIGHT = 26, TOP = 16, BOTTOM = 34;

export function element(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// rows: [generation, mean, sem, best, reference mean, reference sem, scored, images] per generation.
export function curvePlot(rows, label) {
  const width = 900;
  const all = averaged(rows);
  const top = niceTop(Math.max(1, ...all.flatMap((r) => [r[1] + r[2], r[4] + r[5]]).filter(Number.isFinite)));
  const bottom = Math.min(0, ...all.flatMap((r) => [r[1] - r[2], r[4] - r[5]]).filter(Number.isFinite));
  const last = rows.length ? rows[rows.length - 1][0] : 0;
  const x = scale(0, Math.max(last, 1), LEFT, width - RIGHT);
  const y = scale(bottom, top, HEIGHT - BOTTOM, TOP);
  const plot = canvas(width, label);
  plot.append(...axisY(y, bottom, top, width), ...axisX(x, 0, Math.max(last, 1)));
  for (const [kind, mean, sem] of [["reference", 4, 5], ["evolved", 1, 2]]) {
    const known = all.filter((r) => r[mean] !== null && Number.isFinite(r[mean]));
    const band = known.map((r) => [x(r[0]), y(r[mean] + (r[sem] || 0)), y(r[mean] - (r[sem] || 0))]);
    plot.append(element("path", { class: "band " + kind, d: bandPath(band) }));
    plot.append(element("path", { class: "line " + kind, d: linePath(known.map((r) => [x(r[0]), y(r[mean])])) }));
    if (known.length) {
      const end = known[known.length - 1];
      plot.append(element("circle", { class: "dot " + kind, cx: x(end[0]), cy: y(end[mean]), r: 6 }));
    }
  }
  return plot;
}

export function responsePlot(psth, label) {
  const width = 600;
  const n = psth.generated.rate_hz.length;
  const ends = (p) => p.rate_hz.map((rate, i) => (rate === null ? 0 : rate + (p.sem_hz[i] || 0)));
  const top = niceTop(Math.max(1, ...ends(psth.generated), ...ends(psth.references)));
  const from = 1000 * psth.from_s, bin = 1000 * psth.bin_s;
  const x = scale(from, from + n * bin, LEFT, width - RIGHT);
  const y = scale(0, top, HEIGHT - BOTTOM, TOP);
  const plot = canvas(width, label);
  plot.append(...axisY(y, 0, top, width), ...axisX(x, from, from + n * bin));
  plot.append(element("line", { class: "onset", x1: x(0), x2: x(0), y1: TOP, y2: HEIGHT - BOTTOM }));
  for (const [kind, found] of [["reference", psth.references], ["evolved", psth.generated]]) {
    if (!found.n) continue;
    const middle = (i) => x(from + (i + 0.5) * bin);
    const band = found.rate_hz.map((rate, i) => {
      const sem = found.sem_hz[i] || 0;
      return [middle(i), y(rate + sem), y(Math.max(0, rate - sem))];
    });
    plot.append(element("path", { class: "band " + kind, d: bandPath(band) }));
    plot.append(element("path", { class: "line " + kind, d: linePath(found.rate_hz.map((r, i) => [middle(i), y(r)])) }));
  }
  return plot;
}

function averaged(rows) {
  const run = Math.ceil(rows.length / MOST_POINTS);
  if (run <= 1) return rows;
  const found = [];
  for (let i = 0; i < rows.length; i += run) {
    const part = rows.slice(i, i + run);
    found.push(part[0].map((_, column) => {
      const known = part.map((r) => r[column]).filter((v) => v !== null);
      return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
    }));
  }
  return found;
}

function canvas(width, label) {
  const plot = element("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label });
  plot.append(element("title", {}, label));
  return plot;
}

function scale(from, to, start, end) {
  return (value) => start + ((value - from) / (to - from || 1)) * (end - start);
}

function axisY(y, bottom, top, width) {
  const marks = ticks(bottom, top, 4);
  return marks.flatMap((value) => [
    element("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
    element("text", { class: "tick", x: LEFT - 8, y: y(value) + 7, "text-anchor": "end" }, text(value)),
  ]);
}

function axisX(x, from, to) {
  return ticks(from, to, 6).map((value) =>
    element("text", { class: "tick", x: x(value), y: HEIGHT - 8, "text-anchor": "middle" }, text(value)));
}

function ticks(from, to, about) {
  const step = nice((to - from) / about);
  const found = [];
  for (let value = Math.ceil(from / step) * step; value <= to + 1e-9; value += step) found.push(value);
  return found;
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= step - 1e-12);
}

function niceTop(value) {
  const step = nice(value / 4);
  return Math.ceil(value / step) * step;
}

function text(value) {
  return String(Math.round(value * 100) / 100);
}

function linePath(points) {
  return points.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
}

function bandPath(points) {
  if (!points.length) return "";
  const upper = points.map(([px, high]) => [px, high]);
  const lower = points.map(([px, , low]) => [px, low]).reverse();
  return linePath([...upper, ...lower]) + "Z";
}
