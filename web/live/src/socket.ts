// The WebSocket: signed in, noticed when it is dead, and opened again for as long as it takes.
import { createClient, type Client } from "graphql-ws";
import { accessToken, bearer, millisecondsToRenewal, refused } from "./session";

const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 5_000;
const LONGEST_WAIT_MS = 10_000;

export function createSocket(on: { connected: () => void; closed: () => void }): Client {
  let token: string | null = null;
  let renewal: number | undefined;
  let pongIsLate: number | undefined;

  // A socket ends when its token does, unless it is given the next one before.
  function renewInTime(socket: WebSocket): void {
    if (!token) return;
    renewal = window.setTimeout(async () => {
      const next = await accessToken();
      if (socket.readyState !== WebSocket.OPEN) return;
      if (next && next !== token) socket.send(JSON.stringify({ type: "ping", payload: bearer(next) }));
      token = next;
      renewInTime(socket);
    }, Math.max(millisecondsToRenewal(), 1_000));
  }

  const client = createClient({
    url: new URL("/graphql", location.href).href.replace(/^http/, "ws"),
    connectionParams: async () => {
      token = await accessToken();
      return token ? bearer(token) : {};
    },
    keepAlive: PING_EVERY_MS,
    retryAttempts: Infinity,
    shouldRetry: () => true, // also when no connection can be made at all
    retryWait: (attempt) => pause(Math.min(250 * 2 ** attempt, LONGEST_WAIT_MS) * (0.5 + Math.random())),
    on: {
      connected(socket) {
        renewInTime(socket as WebSocket);
        on.connected();
      },
      closed(event) {
        window.clearTimeout(renewal);
        window.clearTimeout(pongIsLate);
        if ((event as CloseEvent).code === 4403) refused(token);
        on.closed();
      },
      ping(isReceived) {
        if (!isReceived) pongIsLate = window.setTimeout(() => client.terminate(), PONG_WITHIN_MS);
      },
      pong(isReceived) {
        if (isReceived) window.clearTimeout(pongIsLate);
      },
    },
  });
  return client;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => window.setTimeout(resolve, milliseconds));
}
