// A subscription on the graphql-ws client that breaks a rule of the protocol, or is closed.
// Reads one line of JSON from stdin: {url, how, token}. Prints what the client does, line by line.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.MODULES + "/");
const { createClient } = require("graphql-ws");
const WebSocket = require("ws");

const subscribe = JSON.stringify({ id: "early", type: "subscribe", payload: { query: "{ hello }" } });

class WithoutSubprotocol extends WebSocket {
  constructor(url) {
    super(url);
  }
}

const ways = {
  nothing: {},
  "nonsense": { on: { connected: (socket) => socket.send("nonsense") } },
  "subscribe first": { on: { opened: (socket) => socket.send(subscribe) } },
  "initialise twice": { on: { connected: (socket) => socket.send('{"type":"connection_init"}') } },
  "initialise never": { connectionParams: () => new Promise(() => {}) },
  "one id twice": { generateID: () => "same" },
  "no subprotocol": { webSocketImpl: WithoutSubprotocol },
};

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  const { url, how, token } = JSON.parse(line);
  const { on, ...options } = ways[how];
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: token ? { Authorization: token } : {},
    retryAttempts: 1,
    retryWait: () => Promise.resolve(),
    ...options,
    on: {
      connecting: () => console.log("connecting"),
      closed: ({ code, reason }) => console.log(`closed ${code} ${reason}`),
      ...on,
    },
  });
  for (let count = how === "one id twice" ? 2 : 1; count > 0; count--)
    client.subscribe(
      { query: "subscription { endless }" },
      {
        next: () => console.log("next"),
        error: () => console.log("gives up"),
        complete: () => console.log("complete"),
      },
    );
});
lines.on("close", () => process.exit(0));
