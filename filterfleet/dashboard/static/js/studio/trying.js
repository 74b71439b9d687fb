// One try at a time. What changes meanwhile is tried afterwards, once; when the one before takes long, at once: the
// server then ends that one.

const SLOW = 500; // milliseconds

export function trying(run) {
  let wanted = 0;
  let sent = 0;
  let running = null;
  let timer = null;

  function pump() {
    if (sent === wanted) return;
    if (running) {
      const left = running.at + SLOW - Date.now();
      if (left > 0) {
        timer ??= setTimeout(() => { timer = null; pump(); }, left);
        return;
      }
    }
    const number = sent = wanted;
    running = { number, at: Date.now() };
    run(() => number === sent).finally(() => {
      if (running?.number !== number) return;
      running = null;
      pump();
    });
  }

  return () => { wanted += 1; pump(); };
}
