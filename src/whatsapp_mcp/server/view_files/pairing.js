"use strict";
const EVERY = 4000; // milliseconds between two looks
const of = (id) => document.getElementById(id);
let until = 0;
let linked = false;

function tell(problem) {
  of("problem").textContent = problem;
  of("problem").hidden = problem === "";
}

function show(result) {
  const answer = said(result);
  const about = answer.results || {};
  const picture = (result.content || []).find((each) => each.type === "image" && each.mimeType === "image/png");
  if (picture) {
    of("qr").src = `data:image/png;base64,${picture.data}`;
    until = Date.now() + 1000 * (about.qr_duration || 20);
    of("state").textContent = "Scan this code with WhatsApp on the phone.";
  } else if (about.state) {
    linked = about.state === "connected";
    of("state").textContent = linked
      ? "✓ WhatsApp is linked and connected. You can close this."
      : `WhatsApp is linked; the connection is ${about.state.replaceAll("_", " ")} …`;
  }
  of("open").hidden = !picture;
  tell("");
}

async function look() {
  try {
    show(await server.call("appLogin"));
  } catch (error) {
    tell(error.message);
  }
  if (!linked) setTimeout(look, EVERY);
}

setInterval(() => {
  const seconds = Math.max(0, Math.round((until - Date.now()) / 1000));
  of("left").textContent = seconds > 0
    ? `A new code comes in ${seconds} s.`
    : server.mayCall ? "A new code is on its way …" : "This code has expired. Ask for a new one.";
}, 1000);

of("ask_code").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    const answer = said(await server.call("appLoginWithCode", { phone: of("phone").value }));
    of("pair_code").textContent = answer.results.pair_code;
    of("code").hidden = false;
    tell("");
  } catch (error) {
    tell(error.message);
  }
  button.disabled = false;
});

server.start(show).then(() => {
  if (server.mayCall) look();
  else of("by_code").hidden = true;
}, (error) => tell(error.message));
