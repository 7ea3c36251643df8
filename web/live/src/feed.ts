// The subscription over the socket: it goes on where it was cut, and tells when it cannot.
import { stringifyDocument, type ExecutionResult, type SubscriptionForwarder } from "@urql/core";
import type { GraphQLError } from "graphql";
import { ProbeDocument } from "./operations";
import { createSocket } from "./socket";
import { createStore } from "./store";

export interface FeedState {
  /** Whether what others change from now on is shown without being asked for. */
  isLive: boolean;
  /** How often changes may have been missed, so that what was read before must be read again. */
  gaps: number;
}

/** `apply` passes a change on, when its turn has come. */
export function createFeed(apply: (pass: () => void) => void) {
  const state = createStore<FeedState>({ isLive: false, gaps: 0 });
  let cursor: string | undefined;

  const socket = createSocket({
    connected() {
      if (cursor) state.set({ ...state.get(), isLive: true });
      // The subscription is sent before timers run, and what comes after it is answered after it.
      else window.setTimeout(probe);
    },
    closed: rest,
  });

  function rest(): void {
    state.set({ ...state.get(), isLive: false });
  }

  /** What was read before the subscription has begun may lack what it does not tell. */
  function probe(): void {
    const begun = () => state.set({ isLive: true, gaps: state.get().gaps + 1 });
    const query = stringifyDocument(ProbeDocument);
    socket.subscribe({ query }, { next() {}, error: begun, complete: begun });
  }

  const forward: SubscriptionForwarder = ({ query = "", variables }) => ({
    subscribe(sink) {
      let unsubscribe: () => void;
      const payload = {
        query,
        // graphql-ws reads this again each time it connects.
        get variables() {
          return { ...variables, after: cursor };
        },
      };
      const resume = (): void => {
        begin();
        if (cursor) state.set({ ...state.get(), isLive: true });
        else probe();
      };
      const begin = (): void => {
        unsubscribe = socket.subscribe(payload, {
          next(result) {
            const change = result.data?.itemChanged as { cursor: string } | undefined;
            cursor = change?.cursor ?? cursor;
            apply(() => sink.next(result as ExecutionResult));
          },
          error(error) {
            const seconds = retryAfterSeconds(error);
            if (seconds !== undefined) {
              rest();
              const timer = window.setTimeout(resume, seconds * 1000);
              unsubscribe = () => window.clearTimeout(timer);
            } else if (cannotResume(error)) {
              cursor = undefined;
              resume();
            } else sink.error(error);
          },
          complete: sink.complete,
        });
      };
      begin();
      return { unsubscribe: () => unsubscribe() };
    },
  });

  return { state, forward };
}

/** Whether the server no longer has the changes since the cursor. */
function cannotResume(error: unknown): boolean {
  const codes = extensionsOf(error).map((one) => one.code);
  return codes.includes("CURSOR_EXPIRED") || codes.includes("BAD_CURSOR");
}

/** When to go on, if this client has asked for too much in a minute (`TOO_MANY_REQUESTS`). */
function retryAfterSeconds(error: unknown): number | undefined {
  const [seconds] = extensionsOf(error).map((one) => one.retryAfterSeconds);
  return typeof seconds === "number" ? seconds : undefined;
}

function extensionsOf(error: unknown): Record<string, unknown>[] {
  return Array.isArray(error) ? error.map((one: GraphQLError) => one.extensions ?? {}) : [];
}
