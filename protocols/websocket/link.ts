// One WebSocket as the door uses it: joined writes, reading that stops, signs of life, readers that are too slow.

import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { WebsocketConfig } from './config.ts'
import { framesOf } from './plain-frames.ts'
import { closeReason } from './reply.ts'
import type { Unread } from './unread.ts'

/** What a peer may still send when it has been told of the end. */
const lateBytesMax = 65_536

type Limits = Pick<WebsocketConfig, 'pingIntervalMs' | 'pongTimeoutMs' | 'writeTimeoutMs' | 'outBytesMax'>

/** What it shares with all other connections. */
interface Shared { readonly config: Limits, readonly unread: Unread }

export class Link {
  readonly #socket: WebSocket
  readonly #raw: Duplex
  readonly #limits: Limits
  readonly #unread: Unread
  /** Of the unread bytes of all, those that it is known for. */
  #knownBytes = 0
  /** When something came last, as far as it was read. */
  #heardMs: number
  /** When it was asked for a sign of life and has not given one; 0: it owes none. */
  #pingedMs = 0
  /** Since when what it was told lies unread; 0: it does not. */
  #stalledMs = 0

  #isClosed = false
  #lateBytes = 0

  constructor (socket: WebSocket, raw: Duplex, { config, unread }: Shared, nowMs: number) {
    this.#socket = socket
    this.#raw = raw
    this.#limits = config
    this.#unread = unread
    socket.once('close', () => { this.#know(0) })
    this.#heardMs = nowMs
  }

  /** True where messages are inflated. */
  get inflates (): boolean { return this.#socket.extensions !== '' }
  get unsentBytes (): number { return this.#socket.bufferedAmount }
  get isPaused (): boolean { return this.#socket.isPaused }
  /** True where so much is unread that no more is to be read from this peer. */
  get isFull (): boolean { return this.#raw.writableLength > this.#limits.outBytesMax / 2 }

  /** All of it in one write of the socket. A peer that has left too much unread is cut off instead. */
  send (texts: readonly string[]): void {
    if (texts.length === 0 || this.#socket.readyState !== WebSocket.OPEN) return
    const bytes = this.unsentBytes
    if (bytes > this.#limits.outBytesMax || bytes > this.#unread.shareBytes) return this.cut()
    // The library would hold two buffers and a callback for each text that a slow reader leaves unread.
    this.#raw.write(framesOf(texts))
    this.#know(this.unsentBytes)
  }

  #know (bytes: number): void {
    if (bytes === this.#knownBytes) return
    this.#unread.change(this.#knownBytes, bytes)
    this.#knownBytes = bytes
  }

  /** Stops to read, or goes on. */
  hold (hold: boolean): void {
    if (hold === this.#socket.isPaused) return
    if (hold) this.#socket.pause()
    else this.#socket.resume()
  }

  heard (nowMs: number): void {
    this.#heardMs = nowMs
    this.#pingedMs = 0
  }

  /** False: the peer is gone, or does not read. Asks for a sign of life where none came for long. */
  sweep (nowMs: number): boolean {
    const { pingIntervalMs, pongTimeoutMs, writeTimeoutMs } = this.#limits
    const bytes = this.unsentBytes
    this.#know(bytes)
    if (bytes === 0) this.#stalledMs = 0
    else if (this.#stalledMs === 0) this.#stalledMs = nowMs
    else if (nowMs - this.#stalledMs > writeTimeoutMs) return false
    // What is not read cannot be heard.
    if (this.isPaused) this.heard(nowMs)
    if (this.#pingedMs > 0) return nowMs - this.#pingedMs <= pongTimeoutMs
    if (nowMs - this.#heardMs < pingIntervalMs) return true
    this.#pingedMs = nowMs
    this.#socket.ping()
    return true
  }

  /** Says why it ends, and reads on only for the answer to that. */
  close (code: number, reason: string): void {
    this.#isClosed = true
    this.#socket.close(code, closeReason(reason))
    this.hold(false)
  }

  /** Bytes that came after that: only the answer to it is waited for, and nobody looks at anything else. */
  late (bytes: number, isAnswered: boolean): void {
    if (!this.#isClosed) return
    this.#lateBytes += bytes
    if (isAnswered || this.#lateBytes > lateBytesMax) this.cut()
  }

  cut (): void { this.#socket.terminate() }
}
