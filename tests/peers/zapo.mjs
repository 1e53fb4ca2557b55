// zapo-js, told on standard input what to do: one JSON object a line, {"id", "call", "arguments"}. Answers and events go
// to standard output in the same way; bytes are {"$bytes": base64}. What it keeps is in memory. The way to the simulator:
// PROXY, ROOT (the key that its Noise certificates end at), and NODE_EXTRA_CA_CERTS, which Node reads by itself.

import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(import.meta.url)
const { HttpsProxyAgent } = require('https-proxy-agent')
globalThis.WebSocket ??= require('ws').WebSocket
const { createStore, WaClient } = require('zapo-js')

const silent = { level: 'error', trace() {}, debug() {}, info() {}, warn() {}, error() {} }
if (process.env.LOG) for (const level of ['info', 'warn', 'error']) silent[level] = (...what) => console.error(level, ...what)

let kept = null
const auth = { load: async () => kept, save: async credentials => { kept = credentials }, clear: async () => { kept = null } }
const agent = new HttpsProxyAgent(process.env.PROXY)
const client = new WaClient({
	store: createStore({
		backends: { own: { stores: { auth: () => auth }, caches: {} } },
		providers: { auth: 'own', messages: 'memory', threads: 'memory', contacts: 'memory' },
		cacheProviders: { messageSecret: 'memory' }
	}),
	sessionId: 'peer',
	proxy: { ws: agent, mediaUpload: agent, mediaDownload: agent },
	history: { enabled: true },
	testHooks: { noiseRootCa: { publicKey: Buffer.from(process.env.ROOT, 'hex'), serial: 0 } }
}, silent)

const plain = (name, value) => {
	if (name === 'rawNode' || name === 'plaintext') return undefined
	if (typeof value === 'bigint') return String(value)
	if (value?.type === 'Buffer') return { $bytes: Buffer.from(value.data).toString('base64') }
	return value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('base64') } : value
}
const write = line => process.stdout.write(JSON.stringify(line, plain) + '\n')
const seen = new Map()
const EVENTS = [
	'auth_qr', 'connection', 'message', 'message_receipt', 'history_sync_chunk', 'chat_event', 'group_event', 'presence',
	'chatstate', 'offline_resume'
]
for (const name of EVENTS) client.on(name, data => {
	if (name === 'message') seen.set(data.stanzaId, data)
	write({ event: name, data })
})
client.on('client_error', ({ error }) => console.error(error))

const COMMANDS = {
	async download(id) {
		const { directPath, mediaKey, fileSha256, fileEncSha256 } = seen.get(id).message.imageMessage
		return client.mediaTransfer.downloadAndDecrypt({ directPath, mediaKey, fileSha256, fileEncSha256, mediaType: 'image' })
	},
	send: async (to, content) => (await client.sendMessage(to, content)).id
}

function revived(value) {
	if (Array.isArray(value)) return value.map(revived)
	if (value === null || typeof value !== 'object') return value
	if ('$bytes' in value) return Buffer.from(value.$bytes, 'base64')
	return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, revived(inner)]))
}

// 'group.createGroup' is a method of a part of it.
const method = name => {
	const path = name.split('.')
	const owner = path.slice(0, -1).reduce((part, inner) => part[inner], client)
	return owner[path.at(-1)].bind(owner)
}

process.on('unhandledRejection', reason => console.error('unhandled', reason))
await client.connect()
for await (const line of createInterface({ input: process.stdin })) {
	const { id, call, arguments: given } = JSON.parse(line)
	Promise.resolve().then(() => (COMMANDS[call] ?? method(call))(...given.map(revived))).then(
		result => write({ id, result: result ?? null }),
		error => write({ id, error: String(error?.stack ?? error) })
	)
}
process.exit(0)
