// How a client in JavaScript plays the scenario: as recording.py does.

import { readFileSync } from "node:fs";

const LIMIT = 8_000; // scenario.LIMIT, in milliseconds

export async function playing(connect, callTool) {
  const scenario = JSON.parse(readFileSync(0, "utf8"));
  const client = await connect({
    command: scenario.command,
    args: scenario.arguments,
    env: scenario.environment,
    stderr: "ignore",
  });
  try {
    tell({ step: "tools", tools: (await client.listTools()).tools.length });
    for (const call of scenario.calls) {
      const began = performance.now();
      const seen = await performed(client, callTool, call);
      tell({ ...seen, seconds: Math.round((performance.now() - began) / 100) / 10 });
    }
  } finally {
    await client.close();
  }
}

async function performed(client, callTool, { step, tool, arguments: given, progress }) {
  let heard = 0;
  const listening = { onprogress: () => (heard += 1), timeout: LIMIT, resetTimeoutOnProgress: true };
  try {
    const result = await callTool(client, { name: tool, arguments: given }, progress ? listening : undefined);
    const texts = result.content.filter((block) => block.type === "text").map((block) => block.text);
    const pictures = result.content.filter((block) => block.type === "image").length;
    return { step, text: texts.join("\n"), pictures, error: result.isError === true, progress: heard };
  } catch (error) {
    return { step, text: String(error), error: true };
  }
}

function tell(seen) {
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}
