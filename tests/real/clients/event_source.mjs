// An EventSource as in browsers: prints its events, and reconnects by itself.
// Reads one line of JSON from stdin: {url, query}.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.MODULES + "/");
const { EventSource } = require("eventsource");

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  const { url, query } = JSON.parse(line);
  const source = new EventSource(`${url}?query=${encodeURIComponent(query)}`);
  source.addEventListener("open", () => console.log("open"));
  source.addEventListener("error", () => console.log("error"));
  source.addEventListener("next", ({ data }) =>
    console.log(`next ${JSON.parse(data).data.itemChanged?.id ?? data}`),
  );
  source.addEventListener("complete", () => {
    source.close();
    console.log("complete");
  });
});
lines.on("close", () => process.exit(0));
