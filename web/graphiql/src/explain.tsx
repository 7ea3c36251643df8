// The pane "Explain": what the server did for the last answer, field by field.
import type { GraphiQLPlugin } from "@graphiql/react";
import { useEffect } from "react";
import { Store, useStore } from "./store";

export interface Field {
  ms: number;
  parents: number;
  batches: number;
  statements: number;
  statementMs: number;
  cache?: { hits: number; misses: number; rejected: number; bypassed: number };
}

export interface Explanation {
  ms: number;
  fields: Record<string, Field>;
  statements: { sql: string; ms: number; keys: number; field: string | null }[];
}

/** Whether answers are to be explained: while the pane is open. */
export const isAsked = new Store(false);
/** Of the last answer; null if the server told nothing. */
export const explanation = new Store<Explanation | null>(null);

function Explain() {
  const explained = useStore(explanation);
  useEffect(() => {
    isAsked.value = true;
    return () => {
      isAsked.value = false;
    };
  }, []);
  return <section aria-label="Explain" className="pane"><h2>Explain</h2>{JSON.stringify(explained)}</section>;
}

function ExplainIcon() {
  return (
    <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5">
      <circle cx="10" cy="11" r="7" />
      <path d="M10 11V6.5M10 11l3 2M8 1.5h4" />
    </svg>
  );
}

export const explainPlugin: GraphiQLPlugin = {
  title: "Explain",
  content: Explain,
  icon: ExplainIcon,
};
