// What stands on the page beside the plots. All that comes from a session is set as text, never as HTML.

import { ask } from "./connection.js";
import { curvePlot, responsePlot } from "./plots.js";

const get = (id) => document.getElementById(id);
const pictures = new Map(); // sha256 -> address of the picture in this browser, asked for once

export function clock(seconds) {
  const s = Math.round(seconds), m = Math.floor(s / 60), h = Math.floor(m / 60);
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m % 60)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

export function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function showProgress(p) {
  get("generation").replaceChildren(String(p.generations), make("small", "", p.max_generations ? ` of ${p.max_generations}` : ""));
  const toGo = p.eta_s === null || p.eta_s === undefined ? "" : ` ${clock(p.eta_s)} to go`;
  get("time").replaceChildren(p.elapsed_s === undefined ? "–" : clock(p.elapsed_s), make("small", "", toGo));
  const begun = p.trials_begun;
  get("trials").replaceChildren(begun === undefined ? "–" : String(p.trials_completed), make("small", "", begun ? ` of ${begun} begun` : ""));
  get("pace").textContent = p.images_per_s ? String(p.images_per_s) : "–";
  get("reward").textContent = p.reward_ml === undefined || p.reward_ml === null ? "–" : `${p.reward_ml} ml`;
}

export function showWho(s) {
  const parts = [s.session_id];
  if (s.subject_id) parts.push(`subject ${s.subject_id}`);
  if (s.rig) parts.push(`rig ${s.rig}${s.simulated ? " (simulated neurons)" : ""}`);
  if (s.display) parts.push(s.display);
  if (s.control && s.control !== "none") parts.push(`control: ${s.control}`);
  if (s.others && s.others.length) parts.push(`also running here: ${s.others.join(", ")}`);
  get("who").textContent = parts.filter(Boolean).join(" · ");
}

export function showHealth(h, progress) {
  const rows = [];
  for (const alarm of h.alarms) rows.push(["bad", "ALARM", alarm]);
  for (const peer of h.peers) {
    const heard = `heard ${peer.silent_s.toFixed(1)} s ago`;
    if (peer.lost) rows.push(["bad", peer.name, `LOST, ${heard}`]);
    else if (peer.silent_s > peer.limit_s / 2) rows.push(["warn", peer.name, `${heard}, lost after ${peer.limit_s} s`]);
    else rows.push(["good", peer.name, "heard just now"]);
  }
  const o = h.outcomes;
  const all = Object.values(o).reduce((a, b) => a + b, 0);
  if (all) {
    rows.push(["good", "presentations", `${o.completed || 0} of ${all} completed`]);
    count(rows, "incomplete windows", o.not_heard || 0, "not heard by the rig");
    count(rows, "late", (o.late || 0) + (o.not_shown || 0), "too many frames dropped, or not shown");
    if (o.wrong_image) rows.push(["bad", "wrong image", `${o.wrong_image} shown pixels differ`]);
    if (o.failed_trial) rows.push(["plain", "failed trials", `${o.failed_trial} presentations, shown again`]);
  }
  const last = h.last;
  if (last) {
    count(rows, "dropped frames", last.dropped_frames, `in block ${last.block}`);
    if (last.gap_s !== null) rows.push(["plain", "block gap", `${last.gap_s.toFixed(2)} s without an image before block ${last.block}`]);
    if (last.onset_uncertainty_s !== null) rows.push(["plain", "onsets", `known to ${(1000 * last.onset_uncertainty_s).toFixed(2)} ms`]);
  }
  for (const advice of h.advice) rows.push(["warn", "optimizer", advice]);
  if (progress && progress.waiting_for) rows.push(["plain", "waiting for", progress.waiting_for]);
  const marks = { good: "✓", warn: "!", bad: "✗", plain: "·" };
  get("health").replaceChildren(...rows.map(([level, name, value]) =>
    make("li", level, make("b", "", `${marks[level]} ${name}`), make("span", "", value))));
}

function count(rows, name, n, what) {
  rows.push([n ? "warn" : "good", name, n ? `${n} ${what}` : `none ${what.startsWith("in ") ? what : ""}`.trim()]);
}

export function showRemarks(remarks) {
  get("remarks").replaceChildren(...[...remarks].reverse().map(([when, kind, text]) =>
    make("li", kind === "note" ? "note" : "", make("time", "", when.slice(11, 19)), make("b", "", kind), make("span", "", text))));
}

// One panel for each thread; it is made once and filled anew.
export function showThreads(threads) {
  get("curves").replaceChildren(...threads.map((t) => {
    const panel = make("section", "thread");
    panel.id = `thread-${t.thread_id}`;
    const units = `unit ${t.units.join("+")}, ${t.optimizer}${t.direction === "minimise" ? ", minimise" : ""}`;
    const head = make("h2", "", t.name, make("small", "", units));
    const now = make("p", "now");
    const plots = make("div", "plots", make("figure", "curve"), make("figure", "psth"));
    const images = make("div", "images");
    panel.append(head, now, plots, images);
    return panel;
  }));
}

export function showCurve(threadId, rows) {
  const panel = get(`thread-${threadId}`);
  if (!panel) return;
  const last = rows[rows.length - 1];
  const f = (v) => (v === null || v === undefined ? "–" : v.toFixed(1));
  const scores = rows.map((row) => row[3]).filter((score) => score !== null);
  const highest = scores.length ? Math.max(...scores) : null;
  const now = last ? [
    make("b", "evolved", f(last[1]), last[2] === null ? "" : make("small", "", ` ± ${f(last[2])}`)),
    make("span", "evolved key", " evolved "),
    make("b", "reference", f(last[4]), last[5] === null ? "" : make("small", "", ` ± ${f(last[5])}`)),
    make("span", "reference key", " references "),
    make("span", "key", `spikes/s, highest ${f(last[3])}, of the session ${f(highest)}`),
    make("span", last[6] < last[7] ? "warn" : "key", last[6] < last[7] ? ` ${last[7] - last[6]} of ${last[7]} images without a score` : ""),
  ] : ["no generation yet"];
  panel.querySelector(".now").replaceChildren(...now);
  const label = last ? `Evolved ${f(last[1])}, references ${f(last[4])} spikes/s after generation ${last[0] + 1}` : "No generation yet";
  panel.querySelector(".curve").replaceChildren(make("figcaption", "", "spikes/s by generation, mean ± SEM"), curvePlot(rows, label));
}

export function showResponse(psth) {
  const panel = psth && get(`thread-${psth.thread_id}`);
  if (!panel) return;
  const caption = `spikes/s by ms from onset, block ${psth.block}: ${psth.generated.n} evolved, ${psth.references.n} references`;
  panel.querySelector(".psth").replaceChildren(make("figcaption", "", caption), responsePlot(psth, caption));
}

export function showImages(shown) {
  const panel = get(`thread-${shown.thread_id}`);
  if (!panel) return;
  panel.querySelector(".images").replaceChildren(...shown.images.map((image) => {
    const score = image.score === null ? "no score" : image.score.toFixed(0);
    const tile = make("figure", image.reference ? "tile reference" : "tile");
    tile.append(picture(image), make("figcaption", "", (image.reference ? "ref " : "") + score));
    tile.title = `${image.name}: ${image.score === null ? "no score" : image.score + " spikes/s"}`;
    return tile;
  }));
}

function picture(image) {
  if (!image.sha256) return make("span", "nopixels", "only its hash is kept");
  const shown = document.createElement("img");
  shown.alt = image.name;
  shown.width = shown.height = 96;
  if (!pictures.has(image.sha256)) pictures.set(image.sha256, fetchPicture(image.sha256));
  pictures.get(image.sha256).then((address) => {
    if (address) shown.src = address;
    else pictures.delete(image.sha256);
  });
  forgetOld();
  return shown;
}

async function fetchPicture(sha256) {
  try {
    const reply = await ask(`/api/thumbnails/${sha256}`);
    return reply.ok ? URL.createObjectURL(await reply.blob()) : null;
  } catch {
    return null;
  }
}

function forgetOld() {
  while (pictures.size > 600) {
    const [oldest, address] = pictures.entries().next().value;
    pictures.delete(oldest);
    address.then((made) => made && URL.revokeObjectURL(made));
  }
}
