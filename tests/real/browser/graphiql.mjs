// Scenarios in GraphiQL. Reads one line of JSON from stdin: {scenario, url, chromium, screenshots}.
// Prints "done" if the scenario succeeds.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { launched, opened, passage } from "./window.mjs";

const PATIENCE_MS = 60_000;
/** The password in GraphiQL's example of signing in. */
const PASSWORD = "development-member";
const [{ scenario, url, chromium, screenshots }] = await new Promise((take) =>
  createInterface({ input: process.stdin }).once("line", (line) => take([JSON.parse(line)])),
);

const button = (page, name) => page.getByRole("button", { name, exact: true });
const status = (page, text) => page.locator(".status", { hasText: text }).waitFor();

async function graphiql(context, address = url) {
  const { page, complaints, sockets } = await opened(context, address);
  page.setDefaultTimeout(PATIENCE_MS);
  await button(page, "Execute query (Ctrl-Enter)").waitFor();
  await page.locator(".graphiql-query-editor .view-line").first().waitFor();
  return { page, complaints, sockets };
}

const tab = (page, name) => page.getByRole("tab", { name, exact: true }).click();
const run = (page) => page.locator(".graphiql-execute-button").click();

async function written(page, text) {
  await page.locator(".graphiql-query-editor .monaco-editor").first().click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
}

/** Waits until the shown response includes a text; Monaco renders non-breaking spaces. */
async function answered(page, text) {
  await page.waitForFunction(
    (wanted) =>
      document.querySelector(".graphiql-response .view-lines")?.textContent.replaceAll("\u00a0", " ").includes(wanted),
    text,
  );
}

/** Sends one operation as another client; returns its data. */
async function asked(query, variables, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = JSON.stringify({ query, variables });
  const response = await fetch(url, { method: "POST", headers, body });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

const SIGN_UP = `mutation ($input: SignUpInput!) {
  signUp(input: $input) { session { accessToken } errors { message } }
}`;
const SIGN_IN = `mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } } }`;
const CREATE = `mutation ($input: CreateItemInput!) {
  createItem(input: $input) { item { id } errors { message } }
}`;

async function signedUp(name) {
  const input = { name, email: `${name.toLowerCase()}@example.com`, password: PASSWORD };
  const { signUp } = await asked(SIGN_UP, { input });
  assert.deepEqual(signUp.errors, []);
  return signUp.session.accessToken;
}

async function signedIn(name) {
  const input = { email: `${name.toLowerCase()}@example.com`, password: PASSWORD };
  return (await asked(SIGN_IN, { input })).signIn.session.accessToken;
}

async function created(token, title, status = "PUBLISHED") {
  const { createItem } = await asked(CREATE, { input: { title, status } }, token);
  assert.deepEqual(createItem.errors, []);
}

async function signIn(page, name) {
  await button(page, "Sign in").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("E-mail address").fill(`${name.toLowerCase()}@example.com`);
  await dialog.getByLabel("Password").fill(PASSWORD);
  await button(dialog, "Sign in").click();
  await button(page, `${name} · MEMBER`).waitFor();
}

const scenarios = {
  async "the documentation opens"(context) {
    const { page, complaints } = await graphiql(context);
    await button(page, "Show Documentation Explorer").click();
    await page.getByText("A GraphQL schema provides a root type").waitFor();
    await page.locator(".graphiql-doc-explorer").getByText("Query", { exact: true }).click();
    await page.getByText("PUBLISHED items; every item, for admins.").waitFor();
    return complaints;
  },

  async "names are completed"(context) {
    const { page, complaints } = await graphiql(context);
    await status(page, "Ctrl+Enter");
    await written(page, "{  }");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.type("it");
    const offer = page.locator(".suggest-widget .monaco-list-row", { hasText: "items" }).first();
    await offer.waitFor();
    await offer.click();
    await page.locator(".graphiql-query-editor .view-lines", { hasText: "items" }).waitFor();
    return complaints;
  },

  async "a query runs"(context) {
    await created(await signedUp("Ada"), "A loom");
    const { page, complaints } = await graphiql(context);
    await page.locator(".graphiql-query-editor .monaco-editor").first().click();
    await page.keyboard.press("Control+Enter");
    await answered(page, '"title": "A loom"');
    await status(page, "HTTP 200");
    return complaints;
  },

  async "one signs in, is remembered, and signs out"(context) {
    await signedUp("Ada");
    const { page, complaints } = await graphiql(context);
    await signIn(page, "Ada");
    await tab(page, "CreateItem");
    await run(page);
    await answered(page, '"title": "A first item"');
    await page.waitForFunction(() => localStorage["graphiql:tabState"]?.includes('"activeTabIndex":2'));
    await page.reload();
    await page.locator(".graphiql-tab-active", { hasText: "CreateItem" }).waitFor();
    assert.equal(await page.getByRole("tab").count(), 5);
    await button(page, "Ada · MEMBER").click();
    await button(page, "Sign out").click();
    await page.keyboard.press("Escape");
    await button(page, "Sign in").waitFor();
    await run(page);
    await answered(page, "FORBIDDEN");
    return complaints;
  },

  async "signing in by an operation counts"(context) {
    await signedUp("Member");
    const { page, complaints } = await graphiql(context);
    await tab(page, "SignIn");
    await run(page);
    await button(page, "Member · MEMBER").waitFor();
    return complaints;
  },

  async "a subscription tells what others change"(context) {
    const token = await signedUp("Ada");
    const { page, complaints } = await graphiql(context);
    await tab(page, "ItemChanged");
    await run(page);
    await status(page, "Live");
    await followed(page, token);
    await created(token, "Told live");
    await answered(page, '"title": "Told live"');
    return complaints;
  },

  async "a socket that was cut goes on where it was"(context) {
    const token = await signedUp("Ada");
    const way = await passage(url);
    const { page, complaints } = await graphiql(context, way.url);
    await tab(page, "ItemChanged");
    await run(page);
    await status(page, "Live");
    const first = await followed(page, token);
    way.cut();
    for (const number of [1, 2, 3]) await created(token, `Written meanwhile ${number}`);
    way.mend();
    await answered(page, '"title": "Written meanwhile 3"');
    // Each change exactly once.
    await status(page, `Live: ${first + 3} changes`);
    return complaints.filter((text) => !text.startsWith("WebSocket connection to"));
  },

  async "a socket outlives its token"(context) {
    await signedUp("Ada");
    const { page, complaints, sockets } = await graphiql(context);
    await signIn(page, "Ada");
    await tab(page, "ItemChanged");
    await run(page);
    await status(page, "Live");
    // The page renews a token halfway through its lifetime.
    for (const _ of [1, 2, 3]) {
      await page.waitForResponse((response) => response.request().postData()?.includes("refreshSession"));
    }
    await created(await signedIn("Ada"), "A draft", "DRAFT");
    await answered(page, '"title": "A draft"');
    assert.equal(sockets.length, 1);
    return complaints;
  },

  async "an answer is explained"(context) {
    await created(await signedUp("Ada"), "A loom");
    const { page, complaints } = await graphiql(context);
    await button(page, "Show Explain").click();
    await run(page);
    const pane = page.getByRole("region", { name: "Explain" });
    await pane.getByText("ItemsWithOwners").waitFor();
    await pane.getByRole("row", { name: /^Item\.owner/ }).waitFor();
    await pane.locator("summary", { hasText: "Query.items" }).click();
    await pane.getByText("FROM items").first().waitFor();
    return complaints;
  },

  async "an admin who signs in is shown the schema"(context) {
    const { page, complaints } = await graphiql(context);
    await button(page, "Show Documentation Explorer").click();
    await page.getByText("Error fetching schema").waitFor();
    await button(page, "Sign in").click();
    const dialog = page.getByRole("dialog");
    await button(dialog, "Fill in the admin").click();
    await button(dialog, "Sign in").click();
    await page.getByText("A GraphQL schema provides a root type").waitFor();
    return complaints.filter((text) => !text.includes("status of 400"));
  },

  async "it looks well"(context) {
    const token = await signedUp("Ada");
    const { page, complaints } = await graphiql(context);
    const shot = (name) => page.screenshot({ path: `${screenshots}/graphiql-${name}.png` });
    await button(page, "Show Explain").click();
    // The first requests open connections and prepare statements: not typical for a screenshot.
    for (let count = 0; count < 8; count++) {
      const answer = page.waitForResponse("**/graphql");
      await run(page);
      await (await answer).finished();
    }
    await page.getByRole("region", { name: "Explain" }).locator("summary").first().waitFor();
    await status(page, "HTTP 200");
    await shot("explain");
    await button(page, "Hide Explain").click();
    await signIn(page, "Ada");
    await page.emulateMedia({ colorScheme: "dark" });
    await tab(page, "ItemChanged");
    await run(page);
    await status(page, "Live");
    await followed(page, token);
    await created(token, "A loom of oak");
    await answered(page, '"title": "A loom of oak"');
    await shot("live");
    await page.setViewportSize({ width: 390, height: 844 });
    await shot("narrow");
    return complaints;
  },
};

/** Writes until the subscription has started, which the socket does not report; returns the changes shown. */
async function followed(page, token) {
  for (let count = 1; ; count++) {
    await created(token, `Probe ${count}`);
    const heard = await page
      .locator(".status", { hasText: /Live: \d/ })
      .waitFor({ timeout: 500 })
      .then(() => true, () => false);
    if (heard) {
      await answered(page, `"title": "Probe ${count}"`);
      return Number((await page.locator(".status").textContent()).match(/\d+/)[0]);
    }
  }
}

const browser = await launched(chromium);
const context = await browser.newContext({ viewport: { width: 1200, height: 700 } });
try {
  assert.deepEqual(await scenarios[scenario](context), []);
} catch (error) {
  for (const page of context.pages()) await page.screenshot({ path: `${screenshots}/failed.png` });
  throw error;
}
await browser.close();
console.log("done");
process.exit(0);
