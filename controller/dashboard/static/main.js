// Brings together the stream, the panels and the keys. What cannot be known now is never shown as if it were.

import { command, listen, readToken } from "./connection.js";
import * as panels from "./panels.js";

const get = (id) => document.getElementById(id);
const RESUMES = ["paused", "pausing", "held"];
const curves = new Map(); // thread id -> rows
const state = { session: {}, condition: { kind: "waiting" }, progress: {}, lost: false, psth: [], images: [] };

function showCondition() {
  const c = state.condition;
  document.body.dataset.kind = state.lost ? "lost" : c.kind;
  get("title").textContent = state.lost ? "connection lost" : c.title;
  get("what").textContent = state.lost ? "" : c.what;
  get("whose").textContent = state.lost || !c.whose ? "" : `Whose fault: ${c.whose}`;
  get("todo").textContent = state.lost || !c.todo ? "" : `What to do: ${c.todo}`;
  document.title = `${state.lost ? "connection lost" : c.title} – neuroloop`;
  showButtons();
}

function showButtons() {
  const kind = state.condition.kind;
  const live = state.condition.live && !state.lost;
  const resumes = RESUMES.includes(kind);
  get("pause").textContent = resumes ? "Resume" : "Pause";
  get("pause").disabled = !live || !(resumes || kind === "running" || kind === "interrupted");
  get("stop").disabled = !live || kind === "finishing" || kind === "faulted";
  for (const field of get("note-form").querySelectorAll("input, button")) field.disabled = !live;
  get("lost").hidden = !state.lost;
  const stale = state.lost || kind === "silent";
  get("numbers").classList.toggle("stale", stale);
  get("numbers").setAttribute("aria-hidden", String(state.lost));
}

async function send(wish) {
  get("answer").textContent = "…";
  const told = await command({ ...wish, session_id: state.session.session_id });
  get("answer").textContent = told.error ? `Refused: ${told.error}` : told.done;
  get("answer").classList.toggle("bad", Boolean(told.error));
  return !told.error;
}

let lostAt = null;
const on = {
  reset() {
    curves.clear();
    state.psth = [];
    state.images = [];
    get("curves").replaceChildren();
    get("answer").textContent = "";
  },
  session(session) {
    state.session = session;
    panels.showWho(session);
  },
  condition(condition) {
    if (condition.kind !== state.condition.kind) get("answer").textContent = "";
    state.condition = condition;
    showCondition();
  },
  progress(progress) {
    state.progress = progress;
    panels.showProgress(progress);
  },
  health: (health) => panels.showHealth(health, state.progress),
  threads(threads) {
    panels.showThreads(threads);
    for (const [id, rows] of curves) panels.showCurve(id, rows);
    state.psth.forEach(panels.showResponse);
    state.images.forEach(panels.showImages);
  },
  psth(psth) {
    state.psth = psth;
    psth.forEach(panels.showResponse);
  },
  images(images) {
    state.images = images;
    images.forEach(panels.showImages);
  },
  remarks: panels.showRemarks,
  curve({ thread_id, from, rows }) {
    curves.set(thread_id, [...(curves.get(thread_id) || []).slice(0, from), ...rows]);
    panels.showCurve(thread_id, curves.get(thread_id));
  },
  beat() {
    if (state.lost) {
      state.lost = false;
      lostAt = null;
      showCondition();
    }
  },
  lost() {
    lostAt = lostAt || new Date();
    state.lost = true;
    get("lost-since").textContent = `Since ${lostAt.toLocaleTimeString()} nothing has come.`;
    showCondition();
  },
  refused() {
    state.condition = { kind: "refused", title: "no token", what: "", whose: "", todo: "", live: false };
    state.lost = false;
    showCondition();
    get("refused").hidden = false;
    get("token").focus();
  },
};

function togglePause() {
  const resumes = RESUMES.includes(state.condition.kind);
  if (!get("pause").disabled) send({ command: resumes ? "resume" : "pause" });
}

get("pause").addEventListener("click", togglePause);
function askToStop() {
  if (get("stop").disabled) return;
  get("stopping").returnValue = ""; // what was answered the last time must not be taken for an answer
  get("stopping").showModal();
}
get("stop").addEventListener("click", askToStop);
get("stopping").addEventListener("close", () => {
  const wanted = get("stopping").returnValue;
  if (wanted === "stop" || wanted === "abort") send({ command: wanted });
});
get("note-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = get("note").value.trim();
  if (text && (await send({ command: "note", text }))) get("note").value = "";
});
get("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", get("token").value.trim().split("token=").pop());
  location.reload();
});
get("theme").addEventListener("click", window.toggleTheme);
function nameTheme() {
  get("theme").textContent = document.documentElement.dataset.theme === "dark" ? "Light" : "Dark";
}
window.addEventListener("themechange", nameTheme);
nameTheme();

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, dialog *");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = { p: togglePause, s: askToStop, d: window.toggleTheme, n: () => get("note").focus() };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

readToken();
showButtons();
listen(on);
