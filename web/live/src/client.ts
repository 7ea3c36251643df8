// What one viewer talks to the server with. Whoever signs in or out begins with an empty cache.
import { authExchange } from "@urql/exchange-auth";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createCache } from "./cache";
import { createFeed } from "./feed";
import { createOrder } from "./order";
import { accessToken, bearer, isRenewalDue, refused, session } from "./session";

export function createLiveClient() {
  const order = createOrder();
  const feed = createFeed(order.afterAnswers);
  const subscriptions = subscriptionExchange({ forwardSubscription: feed.forward });
  const client = new Client({
    url: "/graphql",
    preferGetMethod: false,
    exchanges: [createCache(), order.exchange, authentication, subscriptions, fetchExchange],
  });
  return { client, feed: feed.state };
}

const authentication = authExchange(async ({ appendHeaders }) => ({
  addAuthToOperation(operation) {
    const token = session.get()?.accessToken;
    return token ? appendHeaders(operation, bearer(token)) : operation;
  },
  willAuthError: isRenewalDue,
  didAuthError({ graphQLErrors }) {
    const isRefused = graphQLErrors.some(({ extensions }) => extensions.code === "UNAUTHENTICATED");
    if (isRefused) refused(session.get()?.accessToken);
    return isRefused;
  },
  refreshAuth: async () => void (await accessToken()),
}));
