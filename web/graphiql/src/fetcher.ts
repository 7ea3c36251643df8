// How GraphiQL runs operations: as whoever is signed in, subscriptions over a socket.
import type { Fetcher } from "@graphiql/toolkit";
import {
  type ExecutionResult,
  getOperationAST,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
} from "graphql";
import { type Explanation, explained, isAsked } from "./explanation";
import { type Answer, post, type Request } from "./http";
import { follow } from "./live";
import { adoptFrom, credentials } from "./session";
import { status } from "./status";

export const fetcher: Fetcher = (params, options) => {
  const operation = operationOf(params as Request);
  const request = { ...params, operationName: operation?.name?.value } as Request;
  if (operation?.operation === OperationTypeNode.SUBSCRIPTION) {
    const names = operation.variableDefinitions?.map(({ variable }) => variable.name.value);
    return follow(request, names?.includes("after") ?? false) as ReturnType<Fetcher>;
  }
  return run(request, (options?.headers ?? {}) as Record<string, string>);
};

/** GraphiQL's own idea of it is that of the tab before, for a moment after a tab was changed. */
function operationOf({ query, operationName }: Request): OperationDefinitionNode | undefined {
  try {
    const document = parse(query);
    return (getOperationAST(document, operationName) ?? getOperationAST(document)) || undefined;
  } catch {
    return undefined; // the server says what is wrong
  }
}

async function run(request: Request, headers: Record<string, string>) {
  if (request.operationName === "IntrospectionQuery") {
    // GraphiQL's own, about which nobody needs to know.
    return (await post(request, { ...(await credentials()), ...headers })).result;
  }
  if (isAsked.value) request = { ...request, extensions: { explain: true } };
  const began = performance.now();
  const answer = await post(request, { ...(await credentials()), ...headers });
  status.value = summary(answer, performance.now() - began);
  await adoptFrom(answer.result.data);
  return request.extensions ? withoutExplanation(request, answer.result) : answer.result;
}

/** The explanation has its own pane, and would hide the answer in the other. */
function withoutExplanation(request: Request, result: ExecutionResult): ExecutionResult {
  const { explain, ...extensions } = result.extensions ?? {};
  explained.value = {
    operation: request.operationName ?? "The operation",
    cost: extensions.cost as number | undefined,
    told: explain as Explanation | undefined,
  };
  return { ...result, extensions };
}

function summary({ status, bytes }: Answer<unknown>, ms: number): string {
  return `HTTP ${status} · ${ms.toFixed(0)} ms · ${bytes.toLocaleString("en")} bytes`;
}
