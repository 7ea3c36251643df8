// Subscribers on the graphql-ws client: print one line for each change, `number cursor`.
// Reads one line of JSON from stdin: {urls, count, after, query}. Exits when stdin ends.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.MODULES + "/");
const { createClient } = require("graphql-ws");
const WebSocket = require("ws");

function subscribe(number, { urls, after, query }) {
  let attempt = number;
  const client = createClient({
    url: () => urls[attempt++ % urls.length].replace("http", "ws"),
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts: Infinity,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 200)),
    shouldRetry: () => true,
    onNonLazyError: () => {},
  });
  // The client sends this same object again on every reconnection.
  const payload = { query, variables: { after } };
  client.subscribe(payload, {
    next({ data, errors }) {
      if (errors) return console.log(`${number} ERROR ${JSON.stringify(errors)}`);
      payload.variables.after = data.itemChanged.cursor;
      console.log(`${number} ${data.itemChanged.cursor}`);
    },
    error: (error) => console.log(`${number} ERROR ${JSON.stringify(error)}`),
    complete: () => console.log(`${number} ERROR complete`),
  });
}

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  const options = JSON.parse(line);
  for (let number = 0; number < options.count; number++) subscribe(number, options);
});
lines.on("close", () => process.exit(0));
