// Subscriptions: one socket, which comes back by itself and goes on where it was cut off.
import { type Client, createClient } from "graphql-ws";
import { ENDPOINT, type Request } from "./http";
import { authorization, credentials, viewer } from "./session";
import { status } from "./status";

type Observer = Parameters<Client["subscribe"]>[1];
type Result = Parameters<Observer["next"]>[0];

/** The socket, once the server has taken who we are. */
let socket: WebSocket | undefined;

const client = createClient({
  url: new URL(ENDPOINT, location.href).href.replace(/^http/, "ws"),
  connectionParams: credentials,
  retryAttempts: Number.POSITIVE_INFINITY,
  on: {
    connecting: (isRetry) => (status.value = isRetry ? "Reconnecting" : "Connecting"),
    connected: (acknowledged) => {
      socket = acknowledged as WebSocket;
      status.value = "Live: waiting for changes";
    },
    closed: () => {
      socket = undefined;
      status.value = "";
    },
  },
});

// A renewed token is told to the open socket, which then outlives the old one.
authorization.subscribe(() => {
  if (authorization.value && socket?.readyState === WebSocket.OPEN) {
    const payload = { Authorization: authorization.value };
    socket.send(JSON.stringify({ type: "ping", payload }));
  }
});

// Somebody else: what runs is subscribed again, as whoever is signed in now.
let signedIn: string | null | undefined;
viewer.subscribe(() => {
  const now = viewer.value?.email ?? null;
  if (socket && now !== signedIn) client.terminate();
  signedIn = now;
});

/**
 * Follows a subscription. One that declares `$after` and selects `cursor` misses nothing: when the
 * socket comes back, the variable has the cursor of the last event.
 */
export function follow(request: Request, resumes: boolean) {
  return {
    subscribe(observer: Observer) {
      // The client sends this very object again when it comes back.
      const payload = { ...request, variables: { ...request.variables } };
      let count = 0;
      const unsubscribe = client.subscribe(payload, {
        next(result) {
          count += 1;
          status.value = `Live: ${count} ${count === 1 ? "change" : "changes"}`;
          const cursor = cursorOf(result);
          if (resumes && cursor) payload.variables.after = cursor;
          observer.next(result);
        },
        error: (error) => observer.error(error instanceof CloseEvent ? told(error) : error),
        complete: () => observer.complete(),
      });
      return { unsubscribe };
    },
  };
}

function cursorOf({ data }: Result): string | undefined {
  return (Object.values(data ?? {})[0] as { cursor?: string } | null | undefined)?.cursor;
}

function told({ code, reason }: CloseEvent) {
  return { message: `The socket was closed: ${code} ${reason}` };
}
