// One stream of pictures for all tabs of a browser: a browser opens six connections to a server, and a stream keeps one.
// The tab that holds a lock has the stream and tells the others. It is open only while one of them is looked at.

const PING = 4000; // milliseconds between two signs of a tab that is looked at
const QUIET = 15000; // of silence, after which nobody looks
const AGAIN = 3000; // until a refused stream is tried again
export const STALE = 6000; // without a picture, after which the server counts as away

export function follow(show) {
  const shared = "locks" in navigator && "BroadcastChannel" in window; // only on localhost and over HTTPS
  const channel = shared ? new BroadcastChannel(`filterfleet${location.pathname}`) : null;
  const here = () => document.visibilityState === "visible";
  const source = new Source((picture) => {
    show(picture);
    channel?.postMessage({ picture });
  });
  let leads = !shared;
  const seen = () => { if (leads) source.wanted(); };

  const ping = () => {
    if (!here()) return;
    seen();
    channel?.postMessage({ seen: true });
  };
  channel?.addEventListener("message", ({ data }) => {
    if (data.picture && !leads) show(data.picture);
    if (data.seen) seen();
  });
  document.addEventListener("visibilitychange", ping);
  setInterval(ping, PING);
  if (shared) {
    navigator.locks.request(`filterfleet${location.pathname}`, () => {
      leads = true;
      ping();
      channel.postMessage({ asks: true });
      return new Promise(() => {}); // until this tab is closed
    });
    channel.addEventListener("message", ({ data }) => { if (data.asks) ping(); });
  }
  ping();
}

class Source {
  constructor(tell) {
    this.tell = tell;
    this.events = null;
    this.timer = 0;
    setInterval(() => { if (Date.now() - this.timer > QUIET) this.close(); }, PING);
  }

  wanted() {
    this.timer = Date.now();
    if (this.events) return;
    this.events = new EventSource("api/stream");
    this.events.onmessage = ({ data }) => this.tell(JSON.parse(data));
    this.events.onerror = () => {
      if (this.events?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      this.close();
      setTimeout(() => { if (Date.now() - this.timer < QUIET) this.wanted(); }, AGAIN);
    };
  }

  close() {
    this.events?.close();
    this.events = null;
  }
}
