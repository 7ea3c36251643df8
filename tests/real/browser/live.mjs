// Scenarios on the live page. Reads one line of JSON from stdin: {scenario, url, chromium, token,
// screenshots}; `token` is for writes outside the browser. Prints "done" if the scenario succeeds.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { launched, opened, passage } from "./window.mjs";

const PATIENCE_MS = 60_000;
const PASSWORD = "a long passphrase";
const [{ scenario, url, chromium, token, screenshots }] = await new Promise((take) =>
  createInterface({ input: process.stdin }).once("line", (line) => take([JSON.parse(line)])),
);

const button = (page, name) => page.getByRole("button", { name, exact: true });
const row = (page, title) => page.getByRole("listitem", { name: title, exact: true });
const titles = (page) => page.locator(".item h2").allTextContents();
const numbered = (from, to) => Array.from({ length: from - to + 1 }, (_, index) => `Item ${from - index}`);
const live = (page) => page.getByText("Live.").waitFor();
const told = (page, title) => page.getByText(`“${title}” was added.`).waitFor();

async function signedUp(page, name) {
  await button(page, "Sign in").first().click();
  const dialog = page.getByRole("dialog");
  await button(dialog, "I am new here").click();
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("E-mail address").fill(`${name.toLowerCase()}@example.com`);
  await dialog.getByLabel("Password").fill(PASSWORD);
  await button(dialog, "Sign up").click();
  await page.getByRole("form", { name: "New item" }).waitFor();
  await live(page);
}

async function added(page, title) {
  const form = page.getByRole("form", { name: "New item" });
  await form.getByLabel("Title").fill(title);
  await button(form, "Add item").click();
  await row(page, title).waitFor();
}

async function editing(page, title) {
  await button(page, `Edit ${title}`).click();
  await page.getByRole("form", { name: `Edit ${title}` }).waitFor();
  return page.locator(".item").getByRole("form"); // its name changes with the title
}

async function asked(query, variables) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
  const body = JSON.stringify({ query, variables });
  const response = await fetch(new URL("/graphql", url), { method: "POST", headers, body });
  return (await response.json()).data;
}

async function written(operation, input) {
  const query = `mutation ($input: ${operation[0].toUpperCase()}${operation.slice(1)}Input!) {
    ${operation}(input: $input) { ${operation === "deleteItem" ? "deletedId" : "item { id }"} errors { code } }
  }`;
  const { [operation]: answer } = await asked(query, { input });
  assert.deepEqual(answer.errors, []);
  return answer.item?.id;
}

const scenarios = {
  async "two windows see each other's writes"(window) {
    const { page: mine } = await window();
    const { page: theirs } = await window({ colorScheme: "dark", viewport: { width: 390, height: 844 } });
    await live(theirs);
    await signedUp(mine, "Grace");
    await signedUp(theirs, "Linus");
    await added(mine, "From Grace");
    await added(theirs, "From Linus");
    await row(theirs, "From Grace").waitFor();
    await row(mine, "From Linus").waitFor();
    assert.deepEqual((await titles(mine)).slice(0, 2), ["From Linus", "From Grace"]);
    assert.equal(await button(theirs, "Edit From Grace").count(), 0);

    const form = await editing(mine, "From Grace");
    await form.getByLabel("Title").fill("From Grace, mended");
    await button(form, "Save").click();
    await row(theirs, "From Grace, mended").getByText("version 2").waitFor();
    await mine.screenshot({ path: `${screenshots}/live-light.png` });
    await theirs.screenshot({ path: `${screenshots}/live-dark-narrow.png` });
  },

  async "what others publish, hide and delete comes and goes"(window) {
    const { page } = await window();
    await live(page);
    const id = await written("createItem", { title: "A draft" });
    await written("createItem", { title: "Seen by all", status: "PUBLISHED" });
    await row(page, "Seen by all").waitFor();
    assert.equal(await row(page, "A draft").count(), 0);
    await written("updateItem", { id, status: "PUBLISHED" });
    await row(page, "A draft").waitFor();
    assert.deepEqual((await titles(page)).slice(0, 3), ["Seen by all", "A draft", "Item 25"]);
    await written("updateItem", { id, status: "ARCHIVED" });
    await row(page, "A draft").waitFor({ state: "detached" });
    await written("updateItem", { id, status: "PUBLISHED" });
    await row(page, "A draft").waitFor();
    await written("deleteItem", { id });
    await row(page, "A draft").waitFor({ state: "detached" });
  },

  async "pages follow each other while items are added"(window) {
    const { page } = await window();
    await live(page);
    await button(page, "Show more").click();
    await row(page, "Item 6").waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Item 15");
    await written("createItem", { title: "Newer", status: "PUBLISHED" });
    await row(page, "Newer").waitFor();
    await button(page, "Show more").click();
    await row(page, "Item 1").waitFor();
    assert.deepEqual(await titles(page), ["Newer", ...numbered(25, 1)]);
    assert.equal(await button(page, "Show more").count(), 0);
  },

  async "an answer that comes late undoes no change"(window) {
    const { page, sockets } = await window();
    await live(page);
    let release;
    const isReleased = new Promise((done) => (release = done));
    const isHeld = new Promise((held) =>
      page.route("**/graphql", async (route) => {
        const response = await route.fetch();
        if (route.request().postDataJSON().variables.after) held();
        await isReleased;
        await route.fulfill({ response });
      }),
    );
    await button(page, "Show more").click();
    await isHeld;
    const { nodes } = (await asked("{ items { nodes { id title } } }")).items;
    const idOf = (name) => nodes.find(({ title }) => title === name).id;
    await written("deleteItem", { id: idOf("Item 12") });
    await written("updateItem", { id: idOf("Item 13"), title: "Changed on the way" });
    const isHeard = sockets[0].waitForEvent("framereceived", ({ payload }) => payload.includes('"Last"'));
    await written("createItem", { title: "Last", status: "PUBLISHED" });
    await isHeard;
    release();
    await row(page, "Last").waitFor();
    await row(page, "Item 6").waitFor();
    await row(page, "Changed on the way").waitFor();
    assert.equal(await row(page, "Item 12").count(), 0);
  },

  async "a conflict is shown and resolved"(window) {
    const way = await passage(url);
    const { page: mine, context } = await window({ at: way.url, mayComplain: true });
    await signedUp(mine, "Grace");
    await added(mine, "Draft of a plan");
    // The same user in a second window, which is signed in by the shared context.
    const { page: theirs } = await window({ context, at: way.url, mayComplain: true });
    await live(theirs);
    const form = await editing(mine, "Draft of a plan");
    await form.getByLabel("Title").fill("My plan");

    // The socket is cut, so only the server's response can reveal the conflict.
    way.cut();
    await mine.getByText("Connecting…").waitFor();
    const other = await editing(theirs, "Draft of a plan");
    await other.getByLabel("Title").fill("Their plan");
    await other.getByLabel("Description").fill("With details");
    await button(other, "Save").click();
    await row(theirs, "Their plan").waitFor();
    assert.equal(await form.getByRole("alert").count(), 0);
    await button(form, "Save").click();
    const conflict = form.getByRole("alert");
    await conflict.getByText("Their plan").waitFor();
    await mine.screenshot({ path: `${screenshots}/live-conflict.png` });
    await button(conflict, "Keep my changes").click();
    assert.equal(await form.getByLabel("Description").inputValue(), "With details");
    await button(form, "Save").click();
    await row(mine, "My plan").getByText("version 3").waitFor();

    // With the socket, the conflict is shown before anything is sent.
    way.mend();
    await live(mine);
    await row(theirs, "My plan").waitFor();
    const again = await editing(mine, "My plan");
    await again.getByLabel("Title").fill("Never saved");
    const last = await editing(theirs, "My plan");
    await last.getByLabel("Title").fill("The plan");
    await button(last, "Save").click();
    await button(again, "Take theirs").click();
    assert.equal(await again.getByLabel("Title").inputValue(), "The plan");
  },

  async "a socket that was cut goes on where it was"(window) {
    const way = await passage(url);
    const { page } = await window({ at: way.url, mayComplain: true });
    await live(page);
    const id = await written("createItem", { title: "Before", status: "PUBLISHED" });
    await told(page, "Before"); // from the subscription, not from a late response to the list query

    const reads = [];
    page.on("request", (request) => reads.push(request.postData()));
    page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => reads.push(payload)));
    way.cut();
    await page.getByText("Connecting…").waitFor();
    await written("createItem", { title: "While away", status: "PUBLISHED" });
    await written("updateItem", { id, title: "Changed while away" });
    way.mend();
    await row(page, "Changed while away").waitFor();
    assert.deepEqual((await titles(page)).slice(0, 3), ["While away", "Changed while away", "Item 25"]);
    assert.ok(reads.some((text) => text.includes("itemChanged") && JSON.parse(text).payload.variables.after));
    assert.ok(!reads.some((text) => text.includes("query Items")), "The lists were read again");
  },

  async "it is live once nothing can be missed any more"(window) {
    const context = await browser.newContext();
    let release;
    const isReleased = new Promise((done) => (release = done));
    await context.routeWebSocket("**/graphql", (socket) => {
      const server = socket.connectToServer();
      socket.onMessage(async (message) => {
        if (message.includes('"subscribe"')) await isReleased;
        server.send(message);
      });
    });
    const { page } = await window({ context });
    await row(page, "Item 25").waitFor();
    await written("createItem", { title: "Before it is live", status: "PUBLISHED" });
    assert.equal(await page.getByText("Live.").count(), 0);
    release();
    await live(page);
    await row(page, "Before it is live").waitFor();
    await written("createItem", { title: "Told", status: "PUBLISHED" });
    await told(page, "Told");
  },

  async "what was missed before the first change is read again"(window) {
    const way = await passage(url);
    const { page } = await window({ at: way.url, mayComplain: true });
    await live(page);
    way.cut();
    await page.getByText("Connecting…").waitFor();
    await written("createItem", { title: "While away", status: "PUBLISHED" });
    way.mend();
    await row(page, "While away").waitFor();
  },

  async "a cursor that is too old is given up"(window) {
    const way = await passage(url);
    const { page } = await window({ at: way.url, mayComplain: true });
    await live(page);
    await written("createItem", { title: "Before", status: "PUBLISHED" });
    await told(page, "Before"); // from the subscription, not from a late response to the list query
    way.cut();
    await page.getByText("Connecting…").waitFor();
    await written("createItem", { title: "Forgotten", status: "PUBLISHED" });
    console.log("forget");
    const newest = "{ items(last: 1) { nodes { title } } }";
    while ((await asked(newest)).items.nodes[0].title !== "Past the log");
    await button(page, "Show more").click();
    await row(page, "Item 8").waitFor();
    // After the first page is read again, the second page begins elsewhere, and its earlier request
    // is abandoned: that request never gets a response, and must not delay anything.
    let isGivenUp = false;
    await page.route("**/graphql", async (route) => {
      const { after } = route.request().postDataJSON().variables;
      if (isGivenUp || !after) return route.continue();
      isGivenUp = true;
    });
    way.mend();
    await row(page, "Past the log").waitFor();
    assert.ok(isGivenUp);
    await written("createItem", { title: "Live again", status: "PUBLISHED" });
    await row(page, "Live again").waitFor();
    await row(page, "Item 8").waitFor({ state: "detached" }); // both pages were read again
    assert.deepEqual(await titles(page), ["Live again", "Past the log", "Forgotten", "Before", ...numbered(25, 9)]);
  },

  async "tokens are renewed in time, for all windows"(window) {
    const { page, context } = await window({ hasClock: true });
    await signedUp(page, "Grace");
    const { page: second, sockets } = await window({ context });
    await live(second);
    const token = await page.evaluate(() => JSON.parse(localStorage.getItem("weft.session")).accessToken);
    // Tokens have whole seconds: one that is issued in the same second is identical.
    await new Promise((done) => setTimeout(done, 1000));
    const isRenewed = sockets[0].waitForEvent("framesent", ({ payload }) => /"ping".*Bearer/.test(payload));
    await context.clock.fastForward("13:00");
    await isRenewed;
    const isSent = second.waitForRequest("**/graphql");
    await added(second, "With a fresh token");
    assert.notEqual((await isSent).headers().authorization, `Bearer ${token}`);
    await row(page, "With a fresh token").waitFor();
    await added(page, "Here too");
    await row(second, "Here too").waitFor();
    assert.equal(sockets.length, 1);

    await button(page, "Sign out").click();
    await button(second, "Sign in").waitFor();
  },
};

const browser = await launched(chromium);
const complaints = [];
try {
  await scenarios[scenario](async ({ at = url, context, mayComplain, hasClock, ...look } = {}) => {
    context ??= await browser.newContext(look);
    context.setDefaultTimeout(PATIENCE_MS);
    if (hasClock && context.pages().length === 0) await context.clock.install();
    const window = await opened(context, at);
    if (!mayComplain) complaints.push(window.complaints);
    return { ...window, context };
  });
  assert.deepEqual(complaints.flat(), []);
  console.log("done");
} finally {
  await browser.close();
}
process.exit(0);
