"use strict";
const of = (id) => document.getElementById(id);
const shown = new Map(); // message id -> message
let chat = null;
let page = {};

function rows(answer) {
  const results = answer.results || {};
  const person = (results.chat_info || {}).name; // of a chat with one, whose rows name nobody
  const beside = { ...(person ? { chat_name: person } : {}), ...(results.common || {}) };
  return (results.data || []).map((row) => ({ ...beside, ...row }));
}

function item(message) {
  const own = Boolean(message.is_from_me);
  const element = made("li", "", own ? "own" : "");
  const details = message.details || {};
  const kind = message.kind || "text";
  const text = message.revoked ? "This message was deleted." : message.content || "";
  if (!own) element.append(made("div", message.sender_name || message.sender_jid || message.chat_name || "", "who"));
  if (details.quoted && details.quoted.text) element.append(made("div", details.quoted.text, "quoted"));
  if (kind !== "text") element.append(made("div", `[${[kind, message.filename].filter(Boolean).join(": ")}]`, "soft"));
  if (text) element.append(made("div", text, "said"));
  const marks = (message.reactions || []).map((each) => each.emoji).join(" ");
  if (marks) element.append(made("div", marks));
  element.append(made("div", timeOf(message), "when"));
  return element;
}

function timeOf(message) {
  // Written in the server's zone already: what stands there is what its owner's clock showed.
  const found = /T(\d\d:\d\d)/.exec(message.timestamp || "");
  return found ? found[1] : "";
}

function draw() {
  const messages = [...shown.values()].sort((one, other) => Date.parse(one.timestamp) - Date.parse(other.timestamp));
  const list = [];
  let day = "";
  for (const message of messages) {
    const its = (message.timestamp || "").slice(0, 10);
    if (its !== day) list.push(made("li", its, "day"));
    day = its;
    list.push(item(message));
  }
  of("messages").replaceChildren(...list);
  of("none").hidden = messages.length > 0;
}

function add(answer) {
  const found = rows(answer);
  for (const message of found) shown.set(message.message_id, message);
  const first = found[0] || {};
  chat = first.chat_jid || chat;
  if (first.chat_name) of("name").textContent = first.chat_name;
  page = { cursor: answer.next_cursor, offset: answer.next_offset };
  of("earlier").hidden = !(server.mayCall && chat && (page.cursor || page.offset));
  draw();
}

of("earlier").addEventListener("click", async () => {
  of("earlier").disabled = true;
  of("problem").hidden = true;
  try {
    const more = page.cursor ? { cursor: page.cursor } : { offset: page.offset };
    add(said(await server.call("getChatMessages", { chat_jid: chat, ...more })));
  } catch (error) {
    of("problem").textContent = error.message;
    of("problem").hidden = false;
  }
  of("earlier").disabled = false;
});

server.start((result) => add(said(result))).catch((error) => {
  of("problem").textContent = error.message;
  of("problem").hidden = false;
});
