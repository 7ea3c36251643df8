import { useEffect, useRef, useState } from "react";
import { useQuery } from "urql";
import { explained } from "./errors";
import type { FeedState } from "./feed";
import { ItemRow } from "./ItemRow";
import { ItemsDocument } from "./operations";
import type { Viewer } from "./session";
import { useStore, type Store } from "./store";

interface Props {
  viewer: Viewer | null;
  feed: Store<FeedState>;
}

/** The items that everybody sees, the newest first, a page at a time. */
export function Items(props: Props) {
  return (
    <ul className="items" aria-label="Items">
      <Page {...props} after={null} />
    </ul>
  );
}

/** One page and, below it, those that follow: each begins where the one before ends now. */
function Page({ viewer, feed, after }: Props & { after: string | null }) {
  const [isFollowed, setFollowed] = useState(false);
  const { data, error, isLoading, readAgain } = usePage(after, feed);
  const firstRow = useRef<HTMLLIElement>(null);
  const hasData = data !== undefined;
  // The button that asked for the page is gone: the keyboard goes on at the first of its items.
  useEffect(() => {
    if (after && hasData) firstRow.current?.focus();
  }, [after !== null, hasData]);

  if (error && !data) {
    return (
      <li className="more" role="alert">
        {explained(error)}{" "}
        <button type="button" onClick={readAgain}>
          Try again
        </button>
      </li>
    );
  }
  if (!data) return <li className="more">{isLoading && "Loading…"}</li>;
  const { nodes, pageInfo } = data.items;
  return (
    <>
      {nodes.map((item, index) => (
        <ItemRow key={item.id} ref={index === 0 ? firstRow : null} item={item} viewer={viewer} />
      ))}
      {!after && nodes.length === 0 && <li className="more">There are no items yet.</li>}
      {pageInfo.hasNextPage && isFollowed && (
        <Page viewer={viewer} feed={feed} after={pageInfo.endCursor} />
      )}
      {pageInfo.hasNextPage && !isFollowed && (
        <li className="more">
          <button type="button" onClick={() => setFollowed(true)}>
            Show more
          </button>
        </li>
      )}
    </>
  );
}

/** A page out of the cache or the server, read again wherever changes may have been missed. */
function usePage(after: string | null, feed: Store<FeedState>) {
  const [{ data, error, fetching, stale }, read] = useQuery({ query: ItemsDocument, variables: { after } });
  const { gaps } = useStore(feed);
  const gapsClosed = useRef(gaps);
  const isLoading = fetching || stale;
  useEffect(() => {
    if (isLoading || gapsClosed.current === gaps) return;
    gapsClosed.current = gaps;
    read({ requestPolicy: "network-only" });
  }, [isLoading, gaps, read]);
  return { data, error, isLoading, readAgain: () => read({ requestPolicy: "network-only" }) };
}
