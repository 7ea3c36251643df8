// How GraphiQL runs operations: as whoever is signed in, subscriptions over a socket.
import type { Fetcher } from "@graphiql/toolkit";
import { getOperationAST, OperationTypeNode } from "graphql";
import { type Explanation, explanation, isAsked } from "./explain";
import { type Answer, post, type Request } from "./http";
import { follow } from "./live";
import { adoptFrom, credentials } from "./session";
import { status } from "./status";

const NO_INTROSPECTION = "IntrospectionQuery";

export const fetcher: Fetcher = (params, options) => {
  const request = params as Request;
  const document = options?.documentAST;
  const operation = document && getOperationAST(document, request.operationName);
  if (operation?.operation === OperationTypeNode.SUBSCRIPTION) {
    const names = operation.variableDefinitions?.map(({ variable }) => variable.name.value);
    return follow(request, names?.includes("after") ?? false) as ReturnType<Fetcher>;
  }
  return run(request, (options?.headers ?? {}) as Record<string, string>);
};

async function run(request: Request, headers: Record<string, string>) {
  if (request.operationName === NO_INTROSPECTION) {
    return (await post(request, { ...(await credentials()), ...headers })).result;
  }
  if (isAsked.value) request = { ...request, extensions: { explain: true } };
  const began = performance.now();
  const answer = await post(request, { ...(await credentials()), ...headers });
  status.value = summary(answer, performance.now() - began);
  await adoptFrom(answer.result.data);
  const { explain, ...extensions } = answer.result.extensions ?? {};
  explanation.value = (explain as Explanation | undefined) ?? null;
  // It is shown in its own pane, and would hide the answer here.
  return explain ? { ...answer.result, extensions } : answer.result;
}

function summary({ status, bytes }: Answer<unknown>, ms: number): string {
  return `HTTP ${status} · ${ms.toFixed(0)} ms · ${bytes.toLocaleString("en")} bytes`;
}
