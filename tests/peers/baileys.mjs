// Baileys, 6 or 7, told on standard input what to do: one JSON object a line, {"id", "call", "arguments"}. Answers and
// events go to standard output in the same way. Arguments: {"$bytes": base64} is a buffer, {"$message": id} a message
// that was seen before. The way to the simulator: PROXY, and NODE_EXTRA_CA_CERTS, which Node reads by itself.

import { createInterface } from 'node:readline'

import { HttpsProxyAgent } from 'https-proxy-agent'
import { ProxyAgent } from 'undici'

for (const name of ['log', 'info', 'warn', 'debug']) console[name] = () => {} // its Signal library prints sessions

const imported = await import('@whiskeysockets/baileys')
const baileys = imported.default?.default ? imported.default : imported
const folder = process.argv[2]

const agent = new HttpsProxyAgent(process.env.PROXY)
const media = { dispatcher: new ProxyAgent(process.env.PROXY), httpsAgent: agent, proxy: false }
const silent = Object.fromEntries(['trace', 'debug', 'info', 'warn', 'error'].map(level => [level, () => {}]))
silent.level = process.env.LOG ?? 'silent'
silent.child = () => silent
if (process.env.LOG) for (const level of ['info', 'warn', 'error']) silent[level] = (...what) => console.error(level, ...what)

const seen = new Map()
let socket
let stopping = false

const write = line => process.stdout.write(JSON.stringify(line, baileys.BufferJSON.replacer) + '\n')
const EVENTS = [
	'messages.upsert', 'messages.update', 'messages.reaction', 'messages.media-update', 'message-receipt.update',
	'messaging-history.set', 'chats.update', 'chats.upsert', 'contacts.upsert', 'contacts.update', 'groups.upsert',
	'groups.update', 'group-participants.update', 'presence.update', 'call', 'lid-mapping.update'
]

const remember = message => message?.key?.id && !seen.get(message.key.id)?.message && seen.set(message.key.id, message)

// What was just sent may be asked for again before it is noted here.
async function found(id) {
	for (let left = 50; left > 0 && !seen.has(id); left--) await new Promise(done => setTimeout(done, 20))
	return seen.get(id)
}

async function connect() {
	const { state, saveCreds } = await baileys.useMultiFileAuthState(folder)
	socket = baileys.default({
		auth: state,
		logger: silent,
		agent,
		fetchAgent: agent,
		options: media,
		browser: baileys.Browsers.ubuntu('Chrome'),
		syncFullHistory: true,
		getMessage: async key => (await found(key.id))?.message
	})
	socket.ev.on('creds.update', saveCreds)
	for (const name of EVENTS) socket.ev.on(name, data => {
		for (const message of data?.messages ?? []) remember(message)
		write({ event: name, data })
	})
	const mine = socket
	socket.ev.on('connection.update', update => {
		const status = update.lastDisconnect?.error?.output?.statusCode
		write({ event: 'connection.update', data: { ...update, lastDisconnect: status } })
		const again = status !== baileys.DisconnectReason.loggedOut && status !== baileys.DisconnectReason.connectionReplaced
		if (update.connection === 'close' && again && !stopping && mine === socket) connect()
	})
}

const COMMANDS = {
	async send(jid, content, options) {
		const sent = await socket.sendMessage(jid, content, options)
		remember(sent)
		return sent
	},
	async download(message) {
		return baileys.downloadMediaMessage(message, 'buffer', { options: media }, {
			logger: silent,
			reuploadRequest: socket.updateMediaMessage
		})
	},
	// Opened as its documentation says: with the numbers that are in the keys.
	async vote(update, poll) {
		const { vote, pollCreationMessageKey } = update.message.pollUpdateMessage
		const opened = baileys.decryptPollVote(vote, {
			pollEncKey: poll.message.messageContextInfo.messageSecret,
			pollCreatorJid: baileys.jidNormalizedUser(socket.user.id),
			pollMsgId: pollCreationMessageKey.id,
			voterJid: update.key.remoteJid
		})
		return opened.selectedOptions.map(option => Buffer.from(option).toString('hex'))
	},
	pin: async (chat, pin) => socket.chatModify({ pin }, chat),
	me: async () => socket.user,
	async hang_up() {
		stopping = true
		await socket.end(undefined)
	},
	async come_back() {
		stopping = false
		await connect()
	}
}

function revived(value) {
	if (Array.isArray(value)) return value.map(revived)
	if (value === null || typeof value !== 'object') return value
	if ('$bytes' in value) return Buffer.from(value.$bytes, 'base64')
	if ('$message' in value) return seen.get(value.$message)
	return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, revived(inner)]))
}

process.on('unhandledRejection', reason => console.error('unhandled', reason))
await connect()
for await (const line of createInterface({ input: process.stdin })) {
	const { id, call, arguments: given } = JSON.parse(line)
	const method = COMMANDS[call] ?? socket[call].bind(socket)
	Promise.resolve().then(() => method(...given.map(revived))).then(
		result => write({ id, result: result ?? null }),
		error => write({ id, error: String(error?.stack ?? error) })
	)
}
process.exit(0)
