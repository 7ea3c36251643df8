// What the server tells of an operation in `extensions.explain`.
import { Store } from "./store";

/** A fence rejected some of the misses; of some values the cache was not asked. */
export interface Cache {
  hits: number;
  misses: number;
  rejected: number;
  bypassed: number;
}

export interface Field {
  calls: number;
  parents: number;
  ms: number;
  batches: number;
  keys: number;
  statements: number;
  statementMs: number;
  cache?: Cache;
}

export interface Statement {
  sql: string;
  ms: number;
  field: string;
  keys?: number;
  calls?: number;
}

export interface Explanation {
  ms: number;
  fields: Record<string, Field>;
  statements: Statement[];
}

/** Whether answers are to be explained: while the pane is open. */
export const isAsked = new Store(false);

/** Of the last answer: null if nothing was asked; without `told` if the server would not say. */
export const explained = new Store<{
  operation: string;
  cost?: number | undefined;
  told?: Explanation | undefined;
} | null>(null);
