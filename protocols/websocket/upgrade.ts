// An upgrade from its first look to its connection, or to the problem document that it is answered with.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Listening } from '../../src/contract/adapter.ts'
import { parseChannel } from '../../src/contract/channel.ts'
import type { Peer, Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { UpgradeAttributes } from './attributes.ts'
import { queryOf } from './credentials.ts'
import { destinationOf } from './decode.ts'
import { speakCloudEvents, speakSluice } from './dialogues.ts'
import type { Dialogue } from './dialogue.ts'
import type { Door } from './door.ts'
import { readOffers } from './offers.ts'
import type { Offers, Protocol } from './offers.ts'
import { takePlainFrames } from './plain-frames.ts'
import { findPrincipal } from './proof.ts'
import { otherVersion, problemOf, problemText, unknownPath } from './reply.ts'
import type { Problem } from './reply.ts'
import { Session } from './session.ts'
import { nobody } from './stream.ts'

const path = '/v1/stream'
const keySyntax = /^[+/0-9A-Za-z]{22}==$/
const stopping = refuse('shutting-down', 'this gateway is stopping; connect again, to another one')
const noHost = refuse('malformed', 'the request has no Host header')
const foreign = refuse(
  'forbidden', 'pages of this origin may not connect here; its operator can list it in websocket.origins'
)
const noKey = refuse('malformed', 'the request has no Sec-WebSocket-Key of 16 bytes (RFC 6455 4.1)')
const noProtocol = refuse('malformed', 'offer the subprotocol sluice.v1 or cloudevents.json in Sec-WebSocket-Protocol')
const noChannel = refuse('malformed', 'cloudevents.json needs a channel, as in /v1/stream?channel=orders/eu')
const shownTwice = refuse('malformed', 'a subprotocol shows a header that came already; show each credential once')
const notLater = refuse('malformed', 'only sluice.v1 knows a first message that authenticates; send the credential now')

/** One request to upgrade. */
class Upgrade {
  readonly door: Door
  readonly peer: Peer
  readonly base: UpgradeAttributes
  readonly #request: IncomingMessage
  readonly #socket: Duplex
  readonly #head: Buffer
  readonly #receivedAtMs = Date.now()

  constructor (door: Door, peer: Peer, { request, socket, head }: Arrived) {
    this.door = door
    this.peer = peer
    this.base = new UpgradeAttributes(request)
    this.#request = request
    this.#socket = socket
    this.#head = head
  }

  begin (): void {
    const { headers } = this.#request
    const offers = readOffers(headers['sec-websocket-protocol'])
    if (this.door.ingress.draining.on) return this.refuse(problemOf(stopping))
    if (headers['sec-websocket-version'] !== '13') return this.refuse(otherVersion)
    if (!keySyntax.test(headers['sec-websocket-key'] ?? '')) return this.refuse(problemOf(noKey))
    if (headers.host === undefined) return this.refuse(problemOf(noHost))
    if (isRefusal(offers)) return this.refuse(problemOf(offers))
    if (this.#isShownTwice(offers)) return this.refuse(problemOf(shownTwice))
    if (!this.door.mayConnect(headers.origin, headers.host)) return this.refuse(problemOf(foreign))
    if (offers.later) return this.#admit(undefined, offers)
    const found = findPrincipal(this, offers.pairs)
    if (!(found instanceof Promise)) return this.#authenticated(found, offers)
    // Nothing is read of a peer that is not known yet.
    this.#socket.pause()
    void found.then(late => {
      if (!this.#socket.destroyed) this.#authenticated(late, offers)
    })
  }

  #isShownTwice ({ pairs }: Offers): boolean {
    const names = pairs.filter((_, at) => at % 2 === 0)
    return new Set(names).size < names.length || names.some(name => this.base.get(name) !== undefined)
  }

  #authenticated (found: Principal | Refusal, offers: Offers): void {
    if (isRefusal(found)) return this.refuse(problemOf(found))
    this.#admit(found, offers)
  }

  #admit (principal: Principal | undefined, { protocol, later }: Offers): void {
    const target = this.#request.url ?? ''
    const query = target.indexOf('?')
    if ((query < 0 ? target : target.slice(0, query)) !== path) return this.refuse(unknownPath, principal)
    if (protocol === undefined) return this.refuse(problemOf(noProtocol), principal)
    if (later && protocol !== 'sluice.v1') return this.refuse(problemOf(notLater), principal)
    const dialogue = this.#dialogueOf(protocol)
    if (isRefusal(dialogue)) return this.refuse(problemOf(dialogue), principal)
    const { door, peer, base } = this
    const raw = this.#socket
    // RFC 7692 5.1: an offer that is not answered is declined.
    if (door.compressedCount >= door.config.compressedConnectionsMax) delete this.#request.headers['sec-websocket-extensions']
    door.sockets.handleUpgrade(this.#request, raw, this.#head, socket => {
      if (socket.extensions !== '') {
        door.compressedCount += 1
        socket.on('close', () => { door.compressedCount -= 1 })
      }
      connect(new Session({ door, peer, base, socket, raw, principal, dialogue }), socket, raw)
    })
  }

  #dialogueOf (protocol: Protocol): Dialogue<Session> | Refusal {
    if (protocol === 'sluice.v1') return speakSluice(this)
    const query = queryOf(this.base)
    const named = query.get('channel')
    if (named === null) return noChannel
    const channel = parseChannel(named)
    return isRefusal(channel) ? channel : speakCloudEvents(destinationOf(channel, [], this.base), query.get('acks') === 'true')
  }

  refuse (problem: Problem, principal: Principal = nobody): void {
    const { ingress } = this.door
    ingress.refused(problem.refusal, { channel: '', principal, peer: this.peer, receivedAtMs: this.#receivedAtMs })
    answer(this.#socket, problemText(problem, ingress.schemes))
  }
}

/** A peer that does not read the answer is not waited for. */
const lingerMs = 2_000

function answer (socket: Duplex, text: string): void {
  const cut = (): void => { socket.destroy() }
  const timer = setTimeout(cut, lingerMs).unref()
  socket.once('finish', cut).once('close', () => { clearTimeout(timer) })
  socket.end(text)
}

const sessionKey = Symbol('session')
const libraryKey = Symbol('library')
type Bytes = (this: object, bytes: Buffer) => void
type Marked = object & { [sessionKey]?: Session, [libraryKey]?: Bytes }

/** Joins the connection's sockets to its session, which sees all bytes before the library, and takes the plain ones. */
function connect (session: Session, socket: WebSocket & Marked, raw: Duplex & Marked): void {
  socket[sessionKey] = raw[sessionKey] = session
  const [library] = raw.listeners('data') as Bytes[]
  if (library === undefined) throw new Error('this version of ws takes its bytes in another way')
  raw[libraryKey] = library
  raw.off('data', library).on('data', onBytes).on('drain', onDrain)
  socket.on('message', onMessage).on('error', onError).on('close', onClose)
  raw.resume()
  session.begin()
}

function onBytes (this: Marked, bytes: Buffer): void {
  const session = this[sessionKey]
  const isBetween = session?.isBetweenMessages === true
  if (session?.arrived(bytes) === true) {
    const at = isBetween ? takePlainFrames(bytes, session.door.config.messageBytesMax, session) : 0
    if (at < bytes.length) this[libraryKey]?.call(this, at === 0 ? bytes : bytes.subarray(at))
  }
  session?.settled()
}
function onDrain (this: Marked): void { this[sessionKey]?.goOn() }
function onMessage (this: Marked, data: unknown, isBinary: boolean): void {
  this[sessionKey]?.message(data as Buffer, isBinary)
}
function onClose (this: Marked): void { this[sessionKey]?.closed() }

const tooLarge = refuse('too-large', 'the message is above the limit of this door; send smaller ones')
const malformed = refuse('malformed', 'these are no frames of a WebSocket as RFC 6455 has them')

function onError (this: Marked, error: Error & { code?: unknown }): void {
  this[sessionKey]?.broken(error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? tooLarge : malformed)
}

export interface Arrived { readonly request: IncomingMessage, readonly socket: Duplex, readonly head: Buffer }

export function serveUpgrade (door: Door, listening: Listening, arrived: Arrived): void {
  const { request, socket } = arrived
  socket.on('error', () => { socket.destroy() })
  new Upgrade(door, listening.peerOf(request.socket), arrived).begin()
}
