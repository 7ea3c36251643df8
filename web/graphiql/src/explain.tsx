// The pane "Explain": what the server did for the last answer, field by field.
import type { GraphiQLPlugin } from "@graphiql/react";
import { useEffect } from "react";
import { type Cache, type Explanation, explained, isAsked } from "./explanation";
import { useStore } from "./store";

function Explain() {
  const last = useStore(explained);
  useEffect(() => {
    isAsked.value = true;
    return () => {
      isAsked.value = false;
    };
  }, []);
  return (
    <section aria-label="Explain" className="pane">
      <h2>Explain</h2>
      {!last && <p>Run a query or a mutation: while this pane is open, the server tells what it took.</p>}
      {last && !last.told && <p>The server does not tell you; see its setting EXPLAIN.</p>}
      {last?.told && (
        <>
          <p>
            <strong>{last.operation}</strong> took {last.told.ms.toFixed(1)} ms and{" "}
            {count(last.told.statements.length, "SQL statement")}
            {last.cost !== undefined && `; its cost is ${last.cost.toLocaleString("en")}`}.
          </p>
          <Fields fields={last.told.fields} />
          <Statements statements={last.told.statements} />
        </>
      )}
    </section>
  );
}

function Fields({ fields }: Pick<Explanation, "fields">) {
  const rows = Object.entries(fields);
  const longest = Math.max(...rows.map(([, { ms }]) => ms));
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col" title="Until it had answered, waiting included">
              ms
            </th>
            <th scope="col" title="Batches that loaded rows for it">
              Batches
            </th>
            <th scope="col">SQL</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([coordinate, field]) => (
            <tr key={coordinate}>
              <th scope="row">
                {coordinate}
                <meter min={0} max={longest} value={field.ms} aria-hidden="true" />
                <small>
                  of {count(field.parents, "object")}
                  {field.cache && `; cache: ${told(field.cache)}`}
                </small>
              </th>
              <td>{field.ms.toFixed(1)}</td>
              <td>{field.batches}</td>
              <td>{field.statements}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function told({ hits, misses, rejected, bypassed }: Cache) {
  return [
    hits && count(hits, "hit"),
    misses && count(misses, "miss"),
    rejected && `${rejected} of them by a fence`,
    bypassed && `not asked for ${bypassed}`,
  ]
    .filter(Boolean)
    .join(", ");
}

function Statements({ statements }: Pick<Explanation, "statements">) {
  return (
    <>
      {statements.map(({ sql, ms, field, keys }, index) => (
        // They have no identity but their place.
        <details key={index}>
          <summary>
            {field} · {ms.toFixed(1)} ms{keys !== undefined && ` · ${count(keys, "key")}`}
          </summary>
          <pre>{sql.trim()}</pre>
        </details>
      ))}
    </>
  );
}

function count(number: number, noun: string) {
  const plural = noun.endsWith("s") ? `${noun}es` : `${noun}s`;
  return `${number} ${number === 1 ? noun : plural}`;
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
