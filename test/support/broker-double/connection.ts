// One client's connection to one broker of the double: one request at a time, answered in order, as Kafka does it.

import type { Socket } from 'node:net'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { read, writeApiVersions } from './answers.ts'
import type { Cluster, Reading } from './call.ts'
import { codes } from './codes.ts'
import { Malformed, ProtocolReader } from './protocol-reader.ts'
import { ProtocolWriter } from './protocol-writer.ts'
import type { RequestLog, SeenRequest } from './request-log.ts'
import type { Playing, RequestFault, Script } from './script.ts'
import { apiOf, known } from './versions.ts'
import type { ApiName } from './versions.ts'

const frameBytesMax = 100 * 1024 * 1024

export interface ConnectionHost {
  readonly broker: number
  readonly cluster: Cluster
  readonly script: Script
  readonly log: RequestLog
  /** The client broke the protocol. */
  violated (what: string): void
}

interface Head {
  readonly api: ApiName
  readonly version: number
  readonly correlationId: number
  readonly clientId: string
}

export class Connection {
  readonly #socket: Socket
  readonly #number: number
  readonly #host: ConnectionHost
  #pieces: Buffer[] = []
  #heldBytes = 0
  #busy = false
  #held: { readonly over: Promise<void>, end (): void } | undefined
  /** Answers are lost from here on. */
  #mute = false
  /** So are requests. */
  #deaf = false

  constructor (socket: Socket, number: number, host: ConnectionHost) {
    this.#socket = socket
    this.#number = number
    this.#host = host
    socket.setNoDelay(true)
    socket.on('error', () => { socket.destroy() })
    socket.on('data', chunk => {
      this.#pieces.push(chunk)
      this.#heldBytes += chunk.length
      void this.#work()
    })
  }

  /** It stands still in both directions until `resume`. */
  hold (): void {
    if (this.#held !== undefined) return
    let end = (): void => {}
    const over = new Promise<void>(resolve => { end = resolve })
    this.#held = { over, end }
    this.#socket.pause()
  }

  resume (): void {
    this.#held?.end()
    this.#held = undefined
    if (!this.#busy) this.#socket.resume()
  }

  destroy (): void {
    this.#socket.destroy()
  }

  /** Serves what was read, one request after the other; meanwhile nothing more is read. */
  async #work (): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    this.#socket.pause()
    for (let frame = this.#frame(); frame !== undefined; frame = this.#frame()) {
      await this.#held?.over
      await this.#serve(frame)
    }
    this.#busy = false
    if (this.#held === undefined) this.#socket.resume()
  }

  #frame (): Buffer | undefined {
    if (this.#heldBytes < 4) return undefined
    const [first = Buffer.alloc(0)] = this.#pieces
    if (this.#pieces.length > 1 && (first.length < 4 || this.#heldBytes >= 4 + first.readInt32BE())) {
      this.#pieces = [Buffer.concat(this.#pieces)]
    }
    const [bytes = first] = this.#pieces
    const size = bytes.readInt32BE()
    if (size < 0 || size > frameBytesMax) return this.#violated(`a frame of ${size} bytes`)
    if (bytes.length < 4 + size) return undefined
    this.#pieces = [bytes.subarray(4 + size)]
    this.#heldBytes -= 4 + size
    return bytes.subarray(4, 4 + size)
  }

  #violated (what: string): undefined {
    this.#host.violated(`connection ${this.#number} to broker ${this.#host.broker}: ${what}`)
    this.#pieces = []
    this.#heldBytes = 0
    this.#socket.destroy()
  }

  async #serve (frame: Buffer): Promise<void> {
    if (this.#deaf || this.#socket.destroyed) return
    try {
      const reader = new ProtocolReader(frame, false)
      const key = reader.int16()
      const version = reader.int16()
      const correlationId = reader.int32()
      const clientId = reader.plainNullableText() ?? ''
      const api = apiOf(key)
      const range = api === undefined ? undefined : this.#host.cluster.ranges[api]
      if (api === undefined || range === undefined) throw new Malformed(`unknown API ${key}`)
      const isOffered = version >= Math.max(range[0], known[api].min) && version <= Math.min(range[1], known[api].max)
      if (isOffered) return await this.#do({ api, version, correlationId, clientId }, reader.rest())
      if (api !== 'ApiVersions') throw new Malformed(`${api} ${version} is not offered`)
      this.#refuseVersion(correlationId)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#violated(error.message)
    }
  }

  /** In the layout of version 0, which every client can read (KIP-511). */
  #refuseVersion (correlationId: number): void {
    const writer = new ProtocolWriter(false)
    const answer = { code: codes.unsupportedVersion, version: 0, throttleMs: 0 }
    writeApiVersions(writer, this.#host.cluster.ranges, answer)
    this.#socket.write(framed(correlationId, writer.finish(), false))
  }

  async #do (head: Head, rest: Buffer): Promise<void> {
    const { api, version, clientId } = head
    const { broker, cluster, log, script } = this.#host
    const flexible = version >= known[api].flexible
    const reader = new ProtocolReader(rest, flexible)
    reader.tags()
    const writer = new ProtocolWriter(flexible)
    const reading = read[api]({ version, broker, cluster, reader, writer })
    reader.end()
    const { about, batches } = reading
    const request: SeenRequest = {
      atMs: performance.now(), broker, connection: this.#number, api, version, clientId, about, batches, answered: false
    }
    log.add(request)
    const playing = script.requestFault(request)
    if (playing !== undefined && await this.#failsBefore(playing)) return
    const fault = playing?.fault
    const parts = fault !== undefined && 'correlation' in fault
      ? new Map(about.map(one => [one, { error: codes.none }])) : script.partFaults(request)
    await reading.answer(parts, fault !== undefined && 'throttleMs' in fault ? fault.throttleMs : 0)
    if (!reading.wantsAnswer) return this.#withoutAnswer(reading)
    const tagged = flexible && api !== 'ApiVersions'
    request.answered = await this.#reply(fault, correlation => framed(correlation, writer.finish(), tagged), head)
  }

  /** True where the request is not even looked at. */
  async #failsBefore ({ fault, released }: Playing): Promise<boolean> {
    if ('stall' in fault) {
      this.#socket.pause()
      await released()
    }
    if ('silent' in fault) {
      this.#mute = true
      this.#deaf = fault.silent === 'before'
    }
    const drops = 'drop' in fault && fault.drop === 'before'
    if (drops) this.#socket.destroy()
    return drops || this.#deaf
  }

  /** acks=0: all that a broker can do to tell of an error is to close the connection. */
  #withoutAnswer ({ batches }: Reading): void {
    if (batches.some(({ code }) => code !== codes.none)) this.#socket.destroy()
  }

  /** True where the answer went out as it should. */
  async #reply (
    fault: RequestFault | undefined, answer: (correlationId: number) => Buffer, { correlationId }: Head
  ): Promise<boolean> {
    if (fault !== undefined && 'lateMs' in fault) await pause(fault.lateMs)
    // What happens to a connection that stands still waits.
    await this.#held?.over
    const socket = this.#socket
    if (this.#mute || socket.destroyed) return false
    if (fault === undefined || 'lateMs' in fault || 'throttleMs' in fault || 'stall' in fault) {
      socket.write(answer(correlationId))
      return true
    }
    const frame = answer('correlation' in fault ? correlationId + 1_000 : correlationId)
    if ('drip' in fault) return this.#drip(frame)
    if ('frameBytes' in fault) frame.writeInt32BE(fault.frameBytes)
    if (!('drop' in fault)) socket.write(frame)
    else if (fault.drop === 'inside') this.#breakOff(frame)
    else socket.destroy()
    return false
  }

  #breakOff (frame: Buffer): void {
    this.#deaf = true
    this.#socket.write(frame.subarray(0, frame.length >> 1), () => { this.#socket.destroy() })
  }

  async #drip (frame: Buffer): Promise<boolean> {
    for (const byte of frame) {
      if (this.#socket.destroyed) return false
      this.#socket.write(Buffer.of(byte))
      await turn()
    }
    return true
  }
}

/** Size, correlation id, tagged fields where the header has them (its version 1), body. */
function framed (correlationId: number, body: Buffer, tagged: boolean): Buffer {
  const head = Buffer.alloc(tagged ? 9 : 8)
  head.writeInt32BE(head.length - 4 + body.length, 0)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, body])
}
