// Devices that are connected and say nothing, a process of their own: whoever loses its connection comes back, as told.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { encodeConnect } from '../../protocols/mqtt/codec/encode.ts'
import { noProperties } from '../../protocols/mqtt/codec/properties.ts'

export interface DevicesSetup {
  readonly port: number
  readonly devices: number
  /** The password of each. */
  readonly apiKey: string
  /** The pause after a first refusal is up to that, then up to twice as long each time; all by chance. */
  readonly pauseMs: number
  readonly pauseMsMax: number
}

export type ToDevices =
  | { readonly kind: 'start', readonly setup: DevicesSetup }
  /** From now on whoever loses its connection waits for `return`. */
  | { readonly kind: 'hold' }
  /** Whoever has no connection begins one, all at the same moment; who loses one later does so at once. */
  | { readonly kind: 'return' }
  /** Forgets what it has counted, and answers with its state. */
  | { readonly kind: 'count-anew' }
  | { readonly kind: 'admissions' }

export interface DevicesState {
  readonly kind: 'state'
  readonly connectedCount: number
  /** Times that a device was let in. */
  readonly admittedCount: number
  /** Connections begun, those that were told to come later, and those that ended in another way. */
  readonly attemptCount: number
  readonly busyCount: number
  readonly endings: Readonly<Record<string, number>>
}

/** For each time that a device was let in: how long after the first attempt of all, in order. */
export interface Admissions { readonly kind: 'admissions', readonly atMs: readonly number[] }

export type FromDevices = DevicesState | Admissions

/** As most libraries do. */
const connackTimeoutMs = 30_000
const tellEveryMs = 100
const sessionExpirySeconds = 300
/** Each is silent for longer than this takes, and at most twice as long may pass. */
const keepAliveSeconds = 300
/**
 * From one address alone the system gives away no more than half of some 28,000 ports, and the port decides which
 * worker takes the connection: next to a full one, a new worker would soon have none left that lead to it.
 */
const addressCount = 50
const connackByte = 0x20
const disconnectByte = 0xe0
/** What a client is told that comes too early: return code 3 of MQTT 3.1.1, 0x88 and 0x89 of MQTT 5. */
const busyCodes: ReadonlySet<number> = new Set([3, 0x88, 0x89])

let setup: DevicesSetup = { port: 0, devices: 0, apiKey: '', pauseMs: 0, pauseMsMax: 0 }
let isHeld = false
let connectedCount = 0
let attemptCount = 0
let busyCount = 0
let beganMs = 0
let endings = new Map<string, number>()
let admittedAtMs: number[] = []

/** The reason code of a CONNACK; undefined where not all of it is there or it is something else. */
function connackCode (bytes: Buffer): number | undefined {
  if (bytes[0] !== connackByte) return undefined
  return bytes[((bytes[1] ?? 0) & 0x80) === 0 ? 3 : 4]
}

class Device {
  readonly #version: 4 | 5
  readonly #clientId: string
  readonly #address: string
  #socket: Socket | undefined
  #isIn = false
  #refusedCount = 0
  #ending = ''
  #timer: NodeJS.Timeout | undefined

  constructor (at: number) {
    this.#version = at % 2 === 0 ? 5 : 4
    this.#clientId = `device-${at}`
    this.#address = `127.0.1.${1 + at % addressCount}`
  }

  begin (): void {
    if (this.#socket !== undefined) return
    if (attemptCount === 0) beganMs = performance.now()
    attemptCount += 1
    clearTimeout(this.#timer)
    this.#ending = 'no connection'
    const socket = connect({ port: setup.port, host: '127.0.0.1', localAddress: this.#address, noDelay: true })
    this.#socket = socket
    this.#timer = setTimeout(() => {
      this.#ending = 'no CONNACK in time'
      socket.destroy()
    }, connackTimeoutMs)
    socket.on('connect', () => {
      this.#ending = 'no CONNACK'
      socket.write(this.#greeting())
    })
    socket.on('data', (bytes: Buffer) => { this.#heard(bytes) })
    socket.on('error', () => {})
    socket.on('close', () => { this.#closed() })
  }

  /** It keeps its session, as devices do that must lose nothing. */
  #greeting (): Buffer {
    return encodeConnect({
      type: 'CONNECT', version: this.#version, cleanStart: false, keepAlive: keepAliveSeconds,
      properties: this.#version === 5 ? { sessionExpiryInterval: sessionExpirySeconds } : noProperties,
      clientId: this.#clientId, will: undefined, userName: '', password: Buffer.from(setup.apiKey)
    })
  }

  #heard (bytes: Buffer): void {
    if (this.#isIn) return this.#left(bytes)
    const code = connackCode(bytes)
    this.#ending = code === undefined ? 'no CONNACK' : `CONNACK 0x${code.toString(16)}`
    if (code !== undefined && busyCodes.has(code)) busyCount += 1
    if (code !== 0) return void this.#socket?.destroy()
    clearTimeout(this.#timer)
    this.#ending = 'closed'
    this.#isIn = true
    this.#refusedCount = 0
    connectedCount += 1
    admittedAtMs.push(performance.now() - beganMs)
  }

  /** To a client that says nothing, DISCONNECT is all that there is to say. */
  #left (bytes: Buffer): void {
    this.#ending = bytes[0] === disconnectByte ? `DISCONNECT 0x${(bytes[2] ?? 0).toString(16)}` : 'no packet that is known'
  }

  #closed (): void {
    clearTimeout(this.#timer)
    this.#socket = undefined
    endings.set(this.#ending, (endings.get(this.#ending) ?? 0) + 1)
    const wasIn = this.#isIn
    this.#isIn = false
    if (wasIn) connectedCount -= 1
    if (isHeld) return
    if (wasIn) return this.begin()
    const longestMs = Math.min(setup.pauseMsMax, setup.pauseMs * 2 ** this.#refusedCount)
    this.#refusedCount += 1
    this.#timer = setTimeout(() => { this.begin() }, Math.random() * longestMs)
  }
}

const devices: Device[] = []

function startAll (given: DevicesSetup): void {
  setup = given
  for (let at = 0; at < setup.devices; at++) devices.push(new Device(at))
  for (const device of devices) device.begin()
}

function countAnew (): void {
  attemptCount = 0
  busyCount = 0
  endings = new Map()
  admittedAtMs = []
}

/** Whoever started it may be gone. */
const say = (message: FromDevices): void => { process.send?.(message, undefined, undefined, () => {}) }

function tellState (): void {
  say({
    kind: 'state', connectedCount, admittedCount: admittedAtMs.length, attemptCount, busyCount,
    endings: Object.fromEntries(endings)
  })
}

process.on('message', (message: ToDevices) => {
  if (message.kind === 'start') return startAll(message.setup)
  if (message.kind === 'admissions') return say({ kind: 'admissions', atMs: admittedAtMs })
  if (message.kind === 'count-anew') {
    countAnew()
    return tellState()
  }
  isHeld = message.kind === 'hold'
  if (!isHeld) for (const device of devices) device.begin()
})
setInterval(tellState, tellEveryMs)
process.on('disconnect', () => { process.exit() })
