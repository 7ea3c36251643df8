// Runs the server audits of graphql-http against the given URL, and prints the results as JSON.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2] });
console.log(
  JSON.stringify(results.map(({ id, name, status, reason = null }) => ({ id, name, status, reason }))),
);
