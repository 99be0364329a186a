// The good clients, a process of its own: few events a second on each of some streams, and how long each ack takes.

import { streamDoors } from '../bench/speakers/index.ts'
import type { Speaker } from '../bench/speakers/speaker.ts'
import { channel, eventText } from '../scenarios.ts'
import { quantile } from './endings.ts'

export interface GoodSetup {
  readonly apiKey: string
  readonly ports: Readonly<Record<GoodDoor, number>>
  readonly connectionsPerDoor: number
  readonly eventsPerSecond: number
}

export type GoodDoor = 'websocket' | 'grpc'

export type ToGood =
  | { readonly kind: 'connect', readonly setup: GoodSetup }
  /** Looks at the acks of the next so many milliseconds. */
  | { readonly kind: 'measure', readonly ms: number }
  /** Sends no more, and waits for what is open. */
  | { readonly kind: 'finish' }

export interface Latencies {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
}

export type FromGood =
  | { readonly kind: 'connected' }
  | ({ readonly kind: 'measured' } & Latencies)
  | {
    readonly kind: 'finished', readonly acked: number, readonly refused: number, readonly skipped: number
    readonly unacked: number
  }
  | { readonly kind: 'broken', readonly what: string }

const tell = (message: FromGood): void => { process.send?.(message) }
const windowMax = 100
const eventBytes = 200
const tickMs = 10
const finishMs = 10_000
/** What is open for longer counts as if it had been acked now. */
const openMs = 100

interface Client { readonly speaker: Speaker, readonly sentMs: number[] }

const clients: Client[] = []
let latencies: number[] = []
let isSending = false
let acked = 0
let refused = 0
/** Events that were not sent because the window was full. */
let skipped = 0

function openCount (): number { return clients.reduce((sum, { sentMs }) => sum + sentMs.length, 0) }

async function open (door: GoodDoor, port: number, apiKey: string): Promise<Client> {
  const sentMs: number[] = []
  const speaker = await streamDoors[door].speak({ port, channel, apiKey, data: Buffer.from(eventText(eventBytes)) }, {
    acked (count) {
      const nowMs = performance.now()
      for (const atMs of sentMs.splice(0, count)) latencies.push(nowMs - atMs)
      acked += count
    },
    broken (what) {
      // A refusal is followed by an ack that covers it.
      refused += 1
      if (!what.includes('overloaded') && !what.includes('rate-limited')) tell({ kind: 'broken', what: `${door}: ${what}` })
    }
  })
  return { speaker, sentMs }
}

function send ({ eventsPerSecond }: GoodSetup): void {
  let next = 0
  let due = 0
  let lastMs = performance.now()
  isSending = true
  setInterval(() => {
    const nowMs = performance.now()
    // Whatever this process itself missed is not made up for all at once.
    due = Math.min(due + (nowMs - lastMs) / 1_000 * eventsPerSecond, clients.length)
    lastMs = nowMs
    for (; isSending && due >= 1; due--) {
      const client = clients[next++ % clients.length]
      if (client === undefined) return
      if (client.sentMs.length >= windowMax) {
        skipped += 1
        continue
      }
      client.sentMs.push(performance.now())
      client.speaker.send(1)
    }
  }, tickMs)
}

async function start (setup: GoodSetup): Promise<void> {
  for (const door of ['websocket', 'grpc'] as const) {
    for (let count = 0; count < setup.connectionsPerDoor; count++) {
      clients.push(await open(door, setup.ports[door], setup.apiKey))
    }
  }
  clients.sort(() => Math.random() - 0.5)
  send(setup)
  tell({ kind: 'connected' })
}

function measure (ms: number): void {
  latencies = []
  setTimeout(() => {
    const nowMs = performance.now()
    const open = clients.flatMap(({ sentMs }) => sentMs.map(atMs => nowMs - atMs))
    const all = [...latencies, ...open.filter(ageMs => ageMs > openMs)]
    const sorted = Float64Array.from(all).sort()
    tell({
      kind: 'measured', count: all.length, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), mostMs: sorted.at(-1) ?? 0
    })
  }, ms)
}

function finish (): void {
  isSending = false
  const deadlineMs = performance.now() + finishMs
  const timer = setInterval(() => {
    if (openCount() > 0 && performance.now() < deadlineMs) return
    clearInterval(timer)
    tell({ kind: 'finished', acked: acked - refused, refused, skipped, unacked: openCount() })
  }, tickMs)
}

process.on('message', (message: ToGood) => {
  if (message.kind === 'measure') measure(message.ms)
  else if (message.kind === 'finish') finish()
  else start(message.setup).catch((error: unknown) => { tell({ kind: 'broken', what: String(error) }) })
})
process.on('disconnect', () => process.exit())
