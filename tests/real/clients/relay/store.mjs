// Runs Relay's runtime on the server; prints what its store holds after each step, line by line.
// Reads one line of JSON from stdin: {artifacts, url, token, owner}; `artifacts` is the directory
// that the compiler wrote to.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.MODULES + "/");
const { createClient } = require("graphql-ws");
const relay = require("relay-runtime");
const WebSocket = require("ws");

const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
const { artifacts, url, token, owner } = JSON.parse(await new Promise((take) => lines.once("line", take)));

const compiled = (name) => require(`${artifacts}/documents${name}.graphql.js`);
const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
const post = async (query, variables) => {
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  return response.json();
};
const socket = createClient({ url: url.replace("http", "ws"), webSocketImpl: WebSocket });
const environment = new relay.Environment({
  network: relay.Network.create(
    ({ text }, variables) => post(text, variables),
    ({ text }, variables) =>
      relay.Observable.create((sink) => socket.subscribe({ query: text, variables }, sink)),
  ),
  store: new relay.Store(new relay.RecordSource()),
});

const tell = (what, value) => console.log(JSON.stringify([what, value]));

/** Fetches a query; returns a function that reads its data from the store. */
async function fetched(name, variables) {
  const operation = relay.createOperationDescriptor(compiled(name), variables);
  environment.retain(operation);
  await relay.fetchQuery(environment, compiled(name), variables).toPromise();
  return () => environment.lookup(operation.fragment).data;
}

const read = (fragment, reference) =>
  environment.lookup(relay.getSingularSelector(compiled(fragment), reference)).data;

const commit = (name, variables) =>
  new Promise((onCompleted, onError) =>
    relay.commitMutation(environment, { mutation: compiled(name), variables, onCompleted, onError }),
  );

const itemsQuery = await fetched("ItemsQuery", { count: 2 });
const items = () => read("_items", itemsQuery()).items;
const itemOf = (edge) => read("_item", edge.node);
const titles = () => items().edges.map((edge) => itemOf(edge).title);
tell("page", titles());
while (items().pageInfo.hasNextPage) {
  await fetched("ItemsPageQuery", { count: 2, cursor: items().pageInfo.endCursor });
  tell("page", titles());
}
tell("owner", read("_owner", itemOf(items().edges[0]).owner));

const lastQuery = await fetched("LastItemsQuery", { owner, count: 3 });
const last = () => read("_lastItems", lastQuery().user).items;
tell("last page", last().edges.map(({ node }) => node.title));
await fetched("LastItemsPageQuery", { id: owner, count: 3, cursor: last().pageInfo.startCursor });
tell("last pages", [last().edges.map(({ node }) => node.title), last().pageInfo.hasPreviousPage]);

const connections = [items().__id];
await commit("CreateMutation", { input: { title: "New", status: "PUBLISHED" }, connections });
tell("created", titles());

const { id, version } = itemOf(items().edges[0]);
const update = "mutation ($input: UpdateItemInput!) { updateItem(input: $input) { item { version } } }";
await post(update, { input: { id, title: "Refetched" } });
await fetched("ItemQuery", { id });
tell("refetched", [titles()[0], itemOf(items().edges[0]).version - version]);

// The event only signals a change: the title is read from the store.
const changed = new Promise((onNext, onError) =>
  relay.requestSubscription(environment, {
    subscription: compiled("ChangedSubscription"),
    variables: {},
    onNext,
    onError,
  }),
);
let hasChanged = false;
changed.then(() => (hasChanged = true));
while (!hasChanged) {
  await post(update, { input: { id, title: "Heard" } });
}
tell("heard", titles()[0]);

await commit("DeleteMutation", { input: { id }, connections });
tell("deleted", titles());
process.exit(0);
