// The normalised cache: each item once, whoever reads it; and what a change does to the lists.
import { cacheExchange, type Cache } from "@urql/exchange-graphcache";
import type { CreateItemMutation, ItemChangedSubscription, ItemFieldsFragment } from "./gql/graphql";

const withoutKey = () => null;

export function createCache() {
  return cacheExchange({
    keys: {
      ItemChange: withoutKey, // its `id` is that of the item
      ItemConnection: withoutKey,
      PageInfo: withoutKey,
      ItemPayload: withoutKey,
      UserError: withoutKey,
    },
    // The fields of an item that is in the cache are written by themselves.
    updates: {
      Mutation: {
        createItem({ createItem }: CreateItemMutation, _, cache) {
          if (createItem.item) put(cache, createItem.item, true);
        },
      },
      Subscription: {
        itemChanged({ itemChanged }: ItemChangedSubscription, _, cache) {
          const { id, kind, item } = itemChanged;
          if (item?.status === "PUBLISHED") put(cache, item, kind === "CREATED");
          else takeOut(cache, id);
        },
      },
    },
  });
}

function put(cache: Cache, item: ItemFieldsFragment, isNew: boolean): void {
  const pages = cachedPages(cache);
  const key = keyOf(cache, item.id);
  const first = pages.find(({ after }) => !after);
  if (!first || pages.some(({ nodes }) => nodes.includes(key))) return;
  if (isNew) {
    cache.link(first.connection, "nodes", [key, ...first.nodes]);
  } else if (pages.some((page) => reachesTo(cache, page, item))) {
    // It has become visible among those that are shown: their pages are read again.
    for (const { fieldKey } of pages) cache.invalidate("Query", fieldKey);
  }
}

function takeOut(cache: Cache, id: string): void {
  const key = keyOf(cache, id);
  for (const { connection, nodes } of cachedPages(cache)) {
    if (nodes.includes(key)) cache.link(connection, "nodes", nodes.filter((node) => node !== key));
  }
}

type Page = ReturnType<typeof cachedPages>[number];

function cachedPages(cache: Cache) {
  return cache
    .inspectFields("Query")
    .filter(({ fieldName }) => fieldName === "items")
    .map(({ fieldKey, arguments: given }) => {
      const connection = cache.resolve("Query", fieldKey) as string;
      const nodes = (cache.resolve(connection, "nodes") ?? []) as string[];
      return { fieldKey, connection, nodes, after: given?.after };
    });
}

/** Whether the page ends the list, or goes back to the time when the item was created. */
function reachesTo(cache: Cache, { connection, nodes }: Page, { createdAt }: ItemFieldsFragment) {
  const pageInfo = cache.resolve(connection, "pageInfo") as string;
  const last = nodes.at(-1);
  return (
    !cache.resolve(pageInfo, "hasNextPage") ||
    (last && Date.parse(cache.resolve(last, "createdAt") as string) <= Date.parse(createdAt))
  );
}

function keyOf(cache: Cache, id: string): string {
  return cache.keyOfEntity({ __typename: "Item", id }) as string;
}
