// MCP's TypeScript SDK, second generation: @modelcontextprotocol/client, in the revision of the argument.

import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { playing } from "./typescript_playing.mjs";

const mode = process.argv[2] ?? "legacy";

await playing(
  async (server) => {
    const client = new Client({ name: "typescript-sdk-2", version: "1" }, { versionNegotiation: { mode } });
    await client.connect(new StdioClientTransport(server));
    return client;
  },
  (client, call, options) => client.callTool(call, options),
);
