// Chromium, its windows, and a proxy to the server whose sockets can be cut.
import { connect, createServer } from "node:net";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Launches a browser with a new profile. */
export function launched(executablePath) {
  return chromium.launch({ executablePath, args: FLAGS });
}

/**
 * Opens a page; returns it with its `sockets`, and `complaints`: console errors, and requests to
 * other hosts.
 */
export async function opened(context, url) {
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket));
  page.on("request", (request) => {
    if (new URL(request.url()).host !== new URL(url).host) complaints.push(request.url());
  });
  await page.goto(url);
  return { page, complaints, sockets };
}

/** Starts a proxy to the server: HTTP always passes, WebSockets until `cut` and again after `mend`. */
export async function passage(url) {
  const { hostname, port, pathname } = new URL(url);
  const sockets = new Set();
  let isOpen = true;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const close = () => [near, far].forEach((end) => end.destroy());
    for (const end of [near, far]) end.on("error", close).on("close", close);
    near.once("data", (head) => {
      if (/^upgrade: *websocket/im.test(head.toString("latin1"))) {
        if (!isOpen) return close();
        sockets.add(close);
      }
      far.write(head);
      near.pipe(far).pipe(near);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}${pathname}`,
    cut() {
      isOpen = false;
      for (const close of sockets) close();
      sockets.clear();
    },
    mend: () => void (isOpen = true),
  };
}
