// MCP's TypeScript SDK, first generation: @modelcontextprotocol/sdk. 60 seconds for a call, unless told otherwise.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { playing } from "./typescript_playing.mjs";

await playing(
  async (server) => {
    const client = new Client({ name: "typescript-sdk-1", version: "1" });
    await client.connect(new StdioClientTransport(server));
    return client;
  },
  (client, call, options) => client.callTool(call, undefined, options),
);
