"use strict";
// How a view reaches the server: through the host that shows it in a frame (MCP Apps, revision 2026-01-26), or, where
// `serve` shows it as a page, over MCP itself (revision 2026-07-28). Nothing else is ever asked.
const server = (() => {
  const PATIENCE = 60000; // milliseconds
  const given = document.getElementById("here");
  const here = given === null ? null : JSON.parse(given.textContent);
  const ME = { name: "whatsapp-web-mcp view", version: "1" };
  const waiting = new Map();
  let last = 0;
  let onResult = () => {};
  let mayCall = here !== null;

  function post(message) {
    window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  function ask(method, params) {
    return new Promise((resolve, reject) => {
      const id = ++last;
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(new Error("No answer came."));
      }, PATIENCE);
      waiting.set(id, { resolve, reject, timer });
      post({ id, method, params });
    });
  }

  function answered(message) {
    const asked = waiting.get(message.id);
    if (asked === undefined) return;
    waiting.delete(message.id);
    clearTimeout(asked.timer);
    if (message.error) asked.reject(new Error(message.error.message));
    else asked.resolve(message.result);
  }

  function dress(context) {
    if (context && (context.theme === "dark" || context.theme === "light")) {
      document.documentElement.dataset.theme = context.theme;
    }
  }

  function heard(event) {
    const message = event.data;
    if (event.source !== window.parent || !message || message.jsonrpc !== "2.0") return;
    if (message.method === undefined) answered(message);
    else if (message.method === "ui/notifications/tool-result") onResult(message.params);
    else if (message.method === "ui/notifications/host-context-changed") dress(message.params);
    else if (message.method === "ui/resource-teardown" || message.method === "ping") post({ id: message.id, result: {} });
    else if (message.id !== undefined) post({ id: message.id, error: { code: -32601, message: "Method not found" } });
  }

  async function connect() {
    window.addEventListener("message", heard);
    const host = await ask("ui/initialize", { appInfo: ME, appCapabilities: {}, protocolVersion: "2026-01-26" });
    mayCall = Boolean(host.hostCapabilities && host.hostCapabilities.serverTools);
    dress(host.hostContext);
    post({ method: "ui/notifications/initialized", params: {} });
    new ResizeObserver(() => {
      const { width, height } = document.documentElement.getBoundingClientRect();
      post({ method: "ui/notifications/size-changed", params: { width: Math.ceil(width), height: Math.ceil(height) } });
    }).observe(document.documentElement);
  }

  async function overHttp(name, given) {
    const id = ++last;
    const meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": ME,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const response = await fetch(here.url, {
      method: "POST",
      headers: {
        Accept: "application/json, text/event-stream",
        Authorization: `Bearer ${here.token}`,
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": name,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: given, _meta: meta } }),
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (response.status === 401) throw new Error("This page was open for too long. Open it anew.");
    const text = await response.text();
    const streamed = (response.headers.get("Content-Type") || "").startsWith("text/event-stream");
    const messages = streamed
      ? text.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).filter(Boolean)
      : [text];
    for (const message of messages.map((each) => JSON.parse(each))) {
      if (message.error) throw new Error(message.error.message);
      if (message.id === id) return message.result;
    }
    throw new Error(`The server answered ${response.status}.`);
  }

  return {
    /** `show` gets the result of the call that the view belongs to; it may come later, or, of a page, never. */
    async start(show) {
      onResult = show;
      if (here === null) await connect();
    },
    /** Whether tools can be called from here at all. */
    get mayCall() {
      return mayCall;
    },
    /** The result of a tool; an error that it answers is thrown. */
    async call(name, given = {}) {
      const result = here === null ? await ask("tools/call", { name, arguments: given }) : await overHttp(name, given);
      if (result.isError) throw new Error(said(result).message);
      return result;
    },
  };
})();

/** What a result says: as an object where there is one, else as JSON in its text. */
function said(result) {
  if (result.structuredContent) return result.structuredContent;
  const block = (result.content || []).find((each) => each.type === "text");
  try {
    return JSON.parse(block.text);
  } catch {
    return { message: block ? block.text : "" };
  }
}

/** An element with text, which is never markup. */
function made(tag, text, className) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}
