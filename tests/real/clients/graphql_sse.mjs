// The graphql-sse client in "distinct connections mode": runs operations one after another.
// Reads one line of JSON from stdin: {url, token, queries}; prints each result and each end.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.MODULES + "/");
const { createClient } = require("graphql-sse");

const lines = createInterface({ input: process.stdin });
lines.once("line", async (line) => {
  const { url, token, queries } = JSON.parse(line);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const client = createClient({ url, headers, retryAttempts: 0 });
  for (const query of queries)
    await new Promise((over) =>
      client.subscribe(
        { query },
        {
          next: (result) => console.log(`next ${JSON.stringify(result)}`),
          error: (error) => over(console.log(`error ${error.message ?? error}`)),
          complete: () => over(console.log("complete")),
        },
      ),
    );
});
lines.on("close", () => process.exit(0));
