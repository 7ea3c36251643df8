import "./workers";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import { AccountButton, accountPlugin } from "./account";
import { examples } from "./examples";
import { explainPlugin } from "./explain";
import { fetcher } from "./fetcher";
import { restore } from "./session";
import { status } from "./status";
import { useStore } from "./store";
import "./style.css";

const plugins = [HISTORY_PLUGIN, explorerPlugin(), accountPlugin, explainPlugin];

function Status() {
  return <output className="status">{useStore(status) || "Ctrl+Enter runs the operation"}</output>;
}

function App() {
  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={plugins}
      defaultTabs={examples}
      defaultEditorToolsVisibility
      inputValueDeprecation
    >
      <GraphiQL.Logo>
        <AccountButton />
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <Status />
      </GraphiQL.Footer>
    </GraphiQL>
  );
}

const root = document.getElementById("root");
if (root) {
  // A session of before is taken up first, so that whatever is shown is for whoever has it.
  await restore().catch(() => undefined);
  createRoot(root).render(<App />);
}
