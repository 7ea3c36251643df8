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
    closed: () => state.set({ ...state.get(), isLive: false }),
  });

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
      const begin = (): void => {
        unsubscribe = socket.subscribe(payload, {
          next(result) {
            const change = result.data?.itemChanged as { cursor: string } | undefined;
            cursor = change?.cursor ?? cursor;
            apply(() => sink.next(result as ExecutionResult));
          },
          error(error) {
            if (!cannotResume(error)) return sink.error(error);
            cursor = undefined;
            begin();
            probe();
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
  const codes = Array.isArray(error) ? error.map((one: GraphQLError) => one.extensions?.code) : [];
  return codes.includes("CURSOR_EXPIRED") || codes.includes("BAD_CURSOR");
}
