import { useSubscription } from "urql";
import { explained } from "./errors";
import type { FeedState } from "./feed";
import type { ItemChangedSubscription } from "./gql/graphql";
import { ItemChangedDocument } from "./operations";
import { useStore, type Store } from "./store";

/** Keeps the page live, and says so. */
export function LiveStatus({ state }: { state: Store<FeedState> }) {
  const { isLive } = useStore(state);
  const [{ data, error }, subscribeAgain] = useSubscription({ query: ItemChangedDocument });
  return (
    <div className="status">
      <span className={isLive ? "dot live" : "dot"} aria-hidden="true" />
      {error ? (
        <p role="alert">
          Live updates have ended: {explained(error)}{" "}
          <button type="button" onClick={() => subscribeAgain()}>
            Begin again
          </button>
        </p>
      ) : (
        <p role="status">
          {isLive ? "Live." : "Connecting…"} {isLive && data && described(data)}
        </p>
      )}
    </div>
  );
}

function described({ itemChanged: { kind, item } }: ItemChangedSubscription): string {
  if (!item) return "An item was removed.";
  if (item.status !== "PUBLISHED") return ""; // the viewer's own, which is not in the list
  const verb = kind === "CREATED" ? "added" : "changed";
  return `“${item.title}” was ${verb}.`;
}
