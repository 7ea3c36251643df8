// Answers first, then changes: an answer that was on its way may be older than a change that was
// heard meanwhile, and must not undo it.
import type { Exchange, Operation, OperationResult } from "@urql/core";
import { pipe, tap } from "wonka";

export function createOrder() {
  const underWay = new Set<number>();
  const waiting: (() => void)[] = [];

  function settled(key: number): void {
    underWay.delete(key);
    queueMicrotask(release); // when the cache has the answer
  }

  function release(): void {
    while (underWay.size === 0 && waiting.length > 0) waiting.shift()?.();
  }

  function asked({ kind, key }: Operation): void {
    if (kind === "teardown") settled(key);
    else if (kind !== "subscription") underWay.add(key);
  }

  function answered({ operation: { kind, key } }: OperationResult): void {
    if (kind !== "subscription") settled(key);
  }

  // Not mapExchange: it does not tell of queries that are given up, whose answers never come.
  const exchange: Exchange = ({ forward }) => (operations) =>
    pipe(operations, tap(asked), forward, tap(answered));

  return {
    exchange,
    /** Does it as soon as no query and no mutation is under way. */
    afterAnswers(apply: () => void): void {
      waiting.push(apply);
      release();
    },
  };
}
