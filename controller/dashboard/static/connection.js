// The token, the stream of events, and the commands. Knows nothing of what is shown.

const HEADER = "X-Neuroloop-Token";
const SILENCE_MS = 5000; // A beat comes every half second; this allows for a slow link.
const RETRY_MS = 1000;

// What follows # never leaves the browser; it is taken from the address bar, where others could read it.
export function readToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") || "";
}

export function ask(path, options = {}) {
  const headers = { ...(options.headers || {}), [HEADER]: sessionStorage.getItem("token") || "" };
  return fetch(path, { ...options, headers });
}

export async function command(wish) {
  const headers = { "Content-Type": "application/json" };
  try {
    const reply = await ask("/api/commands", { method: "POST", headers, body: JSON.stringify(wish) });
    const told = await reply.json();
    return reply.ok ? { done: told.done } : { error: told.error };
  } catch {
    return { error: "the dashboard does not answer; use the terminal: neuroloop " + wish.command };
  }
}

// Calls on[event](data) for each event, on.lost() and on.back() as the connection goes and comes,
// and on.refused() where the token is wrong. EventSource cannot send a header, so this reads by itself.
export async function listen(on) {
  for (;;) {
    const ended = await listenOnce(on);
    if (ended === "refused") {
      on.refused();
      return;
    }
    on.lost();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function listenOnce(on) {
  const stopping = new AbortController();
  let heard = Date.now();
  const watch = setInterval(() => {
    if (Date.now() - heard > SILENCE_MS) stopping.abort();
  }, 500);
  try {
    const reply = await ask("/api/events", { signal: stopping.signal });
    if (reply.status === 401) return "refused";
    if (!reply.ok) return "lost";
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "lost";
      heard = Date.now();
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) dispatch(event, on);
    }
  } catch {
    return "lost";
  } finally {
    clearInterval(watch);
    stopping.abort();
  }
}

function dispatch(event, on) {
  const [first, second] = event.split("\n");
  const name = first.slice("event: ".length);
  if (name in on) on[name](JSON.parse(second.slice("data: ".length)));
}
