// GraphQL over HTTP.
import type { ExecutionResult } from "graphql";

export const ENDPOINT = "/graphql";

export interface Request {
  query: string;
  variables?: Record<string, unknown> | undefined;
  operationName?: string | null | undefined;
  extensions?: Record<string, unknown>;
}

export interface Answer<Data> {
  status: number;
  bytes: number;
  result: ExecutionResult<Data>;
}

export async function post<Data = Record<string, unknown>>(
  request: Request,
  headers: Record<string, string> = {},
): Promise<Answer<Data>> {
  const response = await fetch(ENDPOINT, {
    method: "POST",
    // A session that another page keeps in cookies is not this page's.
    credentials: "omit",
    headers: {
      accept: "application/graphql-response+json, application/json;q=0.9",
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify(request),
  });
  const text = await response.text();
  const bytes = Number(response.headers.get("content-length") ?? text.length);
  return { status: response.status, bytes, result: JSON.parse(text) };
}
