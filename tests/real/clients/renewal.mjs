// A subscriber on the graphql-ws client: prints "connected", "next ID" and "closed CODE".
// Reads one line of JSON from stdin: {url, tokens, query}; each connection uses the next token.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.MODULES + "/");
const { createClient } = require("graphql-ws");
const WebSocket = require("ws");

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  const { url, tokens, query } = JSON.parse(line);
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: () => ({ Authorization: `Bearer ${tokens.length > 1 ? tokens.shift() : tokens[0]}` }),
    on: {
      connected: () => console.log("connected"),
      closed: ({ code }) => console.log(`closed ${code}`),
    },
  });
  const payload = { query, variables: {} };
  client.subscribe(payload, {
    next({ data }) {
      payload.variables.after = data.itemChanged.cursor;
      console.log(`next ${data.itemChanged.id}`);
    },
    error: (error) => console.log(`error ${JSON.stringify(error)}`),
    complete: () => console.log("complete"),
  });
});
lines.on("close", () => process.exit(0));
