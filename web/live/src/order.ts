// Answers first, then changes: an answer that was on its way may be older than a change that was
// heard meanwhile, and must not undo it.
import { mapExchange } from "@urql/core";

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

  return {
    exchange: mapExchange({
      onOperation({ kind, key }) {
        if (kind === "teardown") settled(key);
        else if (kind !== "subscription") underWay.add(key);
      },
      onResult({ operation: { kind, key } }) {
        if (kind !== "subscription") settled(key);
      },
    }),
    /** Does it as soon as no query and no mutation is under way. */
    afterAnswers(apply: () => void): void {
      waiting.push(apply);
      release();
    },
  };
}
